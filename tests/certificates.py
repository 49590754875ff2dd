"""A certificate authority that lives as long as a test, for the loopback address."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import trustme


@dataclass(frozen=True)
class Certificate:
    """PEM files: what clients must trust, and what the server shows."""

    authority: str
    cert: str
    key: str


def certificate(folder: Path) -> Certificate:
    """A new one, in this folder."""
    authority = trustme.CA()
    issued = authority.issue_cert("127.0.0.1", "localhost")
    files = Certificate(*(str(folder / name) for name in ("authority.pem", "cert.pem", "key.pem")))
    authority.cert_pem.write_to_path(files.authority)
    issued.private_key_pem.write_to_path(files.key)
    for number, pem in enumerate(issued.cert_chain_pems):
        pem.write_to_path(files.cert, append=number > 0)
    return files
