"""A call that is led over a bad network: neither side is told any address but the network's."""

from __future__ import annotations

import re
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager

from vivavoce.testing.rough_path import Roughness, RoughPath, rough_path

_CANDIDATE = re.compile(r"^a=candidate:\S+ 1 udp \d+ (\S+) (\d+) typ host.*\r?$", re.MULTILINE | re.IGNORECASE)
_ANY_CANDIDATE = re.compile(r"^a=candidate:.*\r?\n", re.MULTILINE)


def without_addresses(offer: str) -> str:
    """The SDP offer of a caller who can only be found by what comes from it."""
    return _ANY_CANDIDATE.sub("", offer)


@asynccontextmanager
async def detour(answer: str, roughness: Roughness, seed: int) -> AsyncGenerator[tuple[str, RoughPath]]:
    """The SDP answer with the path's address in place of the server's, and the path, which is open inside."""
    found = _CANDIDATE.search(answer)
    assert found is not None, "a server has an address"
    async with rough_path((found[1], int(found[2])), roughness, seed) as path:
        host, port = path.address
        line = found[0].replace(f" {found[1]} {found[2]} ", f" {host} {port} ").rstrip("\r")
        yield answer[: found.start()] + line + "\r\n" + _ANY_CANDIDATE.sub("", answer[found.start() :]), path
