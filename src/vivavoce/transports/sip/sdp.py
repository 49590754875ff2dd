"""Session descriptions as telephones write them (RFC 8866): read into lines, and written.

What they mean for a call is `negotiation.py`'s. An application's WebRTC offer is another matter: `webrtc/sdp.py`.
"""

from __future__ import annotations

import ipaddress
import secrets
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import pairwise

MOST_BYTES = 65_536
"""Of a description. Characters here, which are no more."""
_MOST_SECTIONS = 32
_BAD, _NOT_ACCEPTABLE = 400, 488

Address = tuple[str, int]


class SdpError(Exception):
    """A description that cannot be served: 400 when it makes no sense, 488 when it asks for what is not here."""

    def __init__(self, message: str, status: int = _NOT_ACCEPTABLE) -> None:
        super().__init__(message)
        self.message = message
        self.status = status
        """Of the SIP response."""


@dataclass(frozen=True, slots=True)
class Section:
    """The lines of one `m=`. `connection` is its own `c=` or else that of the whole, as it stands there."""

    kind: str
    port: int
    protocol: str
    formats: tuple[str, ...]
    connection: str
    attributes: tuple[tuple[str, str], ...] = field(repr=False)
    """Its own, and behind them those of the whole. There are keys in them, so no log shows any."""

    def all(self, name: str) -> list[str]:
        """The values of an attribute, which may stand there several times."""
        return [value for each, value in self.attributes if each == name]

    def first(self, name: str) -> str | None:
        """The first value of an attribute: "" for one without, None where it is missing."""
        return next(iter(self.all(name)), None)

    @property
    def direction(self) -> str:
        """What the describing side does."""
        names = (name for name, _ in self.attributes)
        return next((name for name in names if name in ("sendrecv", "sendonly", "recvonly", "inactive")), "sendrecv")

    @property
    def host(self) -> str | None:
        """Where it wants to be sent to; None on hold as of old, with an address of zeros. Raises `SdpError`."""
        return host(self.connection)


def parse(text: str) -> tuple[Section, ...]:
    """The media of a description, one or more. Raises `SdpError`."""
    if len(text) > MOST_BYTES:
        raise broken(f"The description is longer than {MOST_BYTES} characters.")
    lines = [line.strip() for line in text.split("\n") if line.strip()]
    if not lines or lines[0] != "v=0":
        raise broken("The description does not begin with 'v=0'.")
    wrong = next((line for line in lines if line[1:2] != "="), None)
    if wrong is not None:
        raise broken(f"This line of the description cannot be read: '{wrong[:80]}'.")
    starts = [at for at, line in enumerate(lines) if line.startswith("m=")]
    if not starts:
        raise broken("The description has no 'm=' line.")
    if len(starts) > _MOST_SECTIONS:
        raise broken(f"The description has {len(starts)} 'm=' lines; at most {_MOST_SECTIONS} are read.")
    whole = lines[: starts[0]]
    return tuple(_section(lines[start:end], whole) for start, end in pairwise([*starts, len(lines)]))


def _section(lines: Sequence[str], whole: Sequence[str]) -> Section:
    words = lines[0].removeprefix("m=").split()
    if len(words) < 4:
        raise broken(f"This line of the description cannot be read: '{lines[0][:80]}'.")
    kind, port, protocol, *formats = words
    connections = [line.removeprefix("c=") for line in (*lines, *whole) if line.startswith("c=")]
    return Section(
        kind=kind,
        port=number(port.partition("/")[0], 65_535, "A port"),
        protocol=protocol,
        formats=tuple(formats),
        connection=connections[0] if connections else "",
        attributes=tuple(_attributes((*lines, *whole))),
    )


def host(connection: str) -> str | None:
    """The address in a `c=`, as in `IN IP4 192.0.2.1`; None for one of zeros. Raises `SdpError`."""
    network, version, given = ([*connection.split(), "", "", ""])[:3]
    try:
        address = ipaddress.ip_address(given.partition("/")[0])
    except ValueError:
        raise SdpError(f"'c={connection[:80]}' has no IP address; names are not looked up.") from None
    if network != "IN" or version != f"IP{address.version}":
        raise broken(f"'c={connection[:80]}' cannot be read.")
    if address.is_multicast or given == "255.255.255.255":
        raise SdpError(f"'c={connection[:80]}' is the address of many; calls are between two.")
    return None if address.is_unspecified else str(address)


def number(text: str, most: int, what: str) -> int:
    """A decimal number of no more than `most`. Raises `SdpError`."""
    if not (text.isascii() and text.isdecimal() and len(text) <= 10 and int(text) <= most):
        raise broken(f"{what} is '{text[:40]}', and not a number up to {most}.")
    return int(text)


def broken(message: str) -> SdpError:
    """The error of a description that makes no sense."""
    return SdpError(message, _BAD)


class Writer:
    """One side's descriptions of a call: each that differs from the one before has the next version (RFC 3264 8)."""

    def __init__(self) -> None:
        self._session = secrets.randbits(62)
        self._version = 0
        self._last: tuple[str, ...] = ()

    def write(self, address: str, media: Iterable[str]) -> str:
        """The text, with the lines of its media. `address` is where they are."""
        lines = (f"c={connection(address)}", "t=0 0", *media)
        if lines != self._last:
            self._version += 1
            self._last = lines
        head = ("v=0", f"o=- {self._session} {self._version} {connection(address)}", "s=-")
        return "\r\n".join([*head, *lines, ""])


def connection(address: str) -> str:
    """As in a `c=`."""
    return f"IN IP{ipaddress.ip_address(address).version} {address}"


def _attributes(lines: Iterable[str]) -> Iterator[tuple[str, str]]:
    for line in lines:
        if line.startswith("a="):
            name, _, value = line.removeprefix("a=").partition(":")
            yield name.strip(), value.strip()
