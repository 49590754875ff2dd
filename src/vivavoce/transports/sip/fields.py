"""What stands in header fields: URIs, addresses, Via, lists (RFC 3261, 19.1, 20, 25).

Via and parameters are read by aiosipua. Its readers of URIs and addresses are not used: they cut a user at its `;`, as
telephone numbers have it (`sip:+1555;phone-context=x@host`), and take a `<` in a quoted name for the URI's. Its message
parser is not either: it loses the order of the header fields and passes over broken ones.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from aiosipua.headers import parse_params, parse_via

HOST = r"(?:\[[0-9A-Fa-f:.]+\]|[A-Za-z0-9_.-]+)"
_URI = re.compile(rf"(sips?):(?:([^@]*)@)?({HOST})(?::([0-9]{{1,5}}))?((?:;[^?]*)?)(?:\?.*)?", re.IGNORECASE)
_ANY_URI = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*:[^\s<>\"]+")
_HOST = re.compile(HOST)
_NAME = re.compile(r'"(?:[^"\\]|\\.)*"\s*')
# What is not closed reaches to the end: a search that starts anew at each quote would take the square of the length.
_PIECE = re.compile(r'"(?:[^"\\]|\\.)*"?|<[^>]*>?|[^,"<]+|,')
_PORTS = range(1, 65_536)

Parameters = dict[str, str | None]


class SipError(Exception):
    """What arrived is not SIP, or cannot be understood."""


@dataclass(frozen=True, slots=True)
class Uri:
    """A `sip:` or `sips:` URI. `host` has no brackets."""

    scheme: str
    user: str | None
    host: str
    port: int | None
    parameters: Parameters

    @classmethod
    def parse(cls, text: str) -> Uri:
        """Raises `SipError`; a `tel:` URI is none."""
        found = _URI.fullmatch(text)
        if found is None or (found[4] and int(found[4]) not in _PORTS):
            raise SipError(f"'{text[:80]}' is no SIP URI")
        port = int(found[4]) if found[4] else None
        return cls(found[1].lower(), found[2], found[3].strip("[]"), port, parse_params(found[5]))


@dataclass(frozen=True, slots=True)
class Party:
    """The value of From, To, Contact and their like: a URI and what is said about it."""

    uri: str
    parameters: Parameters

    @classmethod
    def parse(cls, text: str) -> Party:
        """Raises `SipError`. The name is left out: nothing here looks at it."""
        rest = text.strip()
        name = _NAME.match(rest)
        before, bracket, after = rest[name.end() if name else 0 :].partition("<")
        if bracket:
            uri, closed, after = after.partition(">")
            after = after.strip()
            if not closed or (after and not after.startswith(";")):
                raise SipError(f"'{text[:80]}' is no address")
        else:
            uri, _, after = before.partition(";")
        if not _ANY_URI.fullmatch(uri.strip()):
            raise SipError(f"'{text[:80]}' is no address")
        return cls(uri.strip(), parse_params(after))

    @property
    def tag(self) -> str | None:
        """Its half of the dialog's name."""
        return self.parameters.get("tag")


@dataclass(frozen=True, slots=True)
class Via:
    """One station on the way of a request. `host` has no brackets; `text` is how it was written."""

    text: str
    transport: str
    host: str
    port: int | None
    parameters: Parameters

    @classmethod
    def parse(cls, text: str) -> Via:
        """Raises `SipError`."""
        if re.match(r"SIP\s*/\s*2\.0\s*/\s*[A-Za-z0-9-]+\s+\S", text, re.IGNORECASE) is None:
            raise SipError(f"'{text[:80]}' is no Via")
        via = parse_via(re.sub(r"\s*/\s*", "/", text, count=2))
        if not _HOST.fullmatch(via.host) or not (via.port is None or via.port in _PORTS):
            raise SipError(f"'{text[:80]}' is no Via")
        return cls(text, via.transport, via.host.strip("[]"), via.port, via.params)

    @property
    def branch(self) -> str:
        """The name of the transaction. It may be empty, from ancient phones."""
        return self.parameters.get("branch") or ""


def items(text: str) -> list[str]:
    """The elements of a comma-separated header field."""
    found: list[list[str]] = [[]]
    for piece in _PIECE.findall(text):
        if piece == ",":
            found.append([])
        else:
            found[-1].append(piece)
    return [item for item in ("".join(pieces).strip() for pieces in found) if item]


def bracketed(host: str) -> str:
    """An IP address or a name as URIs and Via have it."""
    return f"[{host}]" if ":" in host else host


def host_port(address: tuple[str, int]) -> str:
    """As URIs and Via have it."""
    return f"{bracketed(address[0])}:{address[1]}"
