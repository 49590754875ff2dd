"""Where the media of calls arrive: pairs of UDP sockets, an even port for audio and the next one for reports."""

from __future__ import annotations

import socket
from contextlib import suppress
from dataclasses import dataclass

_TRIES = 64
"""For pairs that the system is to give."""


class NoPorts(OSError):
    """Every port of the range is taken."""


@dataclass(frozen=True, slots=True)
class Pair:
    """Two sockets that do not block, bound to `port` and the next one."""

    audio: socket.socket
    reports: socket.socket

    @property
    def port(self) -> int:
        """Of the audio."""
        return int(self.audio.getsockname()[1])

    def close(self) -> None:
        """Both."""
        self.audio.close()
        self.reports.close()


class Ports:
    """The ports of one server's calls. One that was given back is used again as late as can be.

    What still comes for the call before must not be taken for the next one's.
    """

    def __init__(self, first: int | None = None, last: int | None = None) -> None:
        """From `first` up to `last`, both in it; None: any that the system gives. Raises `ValueError` for no pair."""
        self._pairs = None if first is None or last is None else range(first + first % 2, last, 2)
        if self._pairs is not None and not self._pairs:
            raise ValueError(f"there is no even port with one behind it in {first} to {last}")
        self._next = 0

    def open(self, host: str) -> Pair:
        """A pair on this address of ours. Raises `NoPorts`, and `OSError` where there is no such address."""
        if self._pairs is None:
            return _any(host)
        for _ in range(len(self._pairs)):
            port = self._pairs[self._next % len(self._pairs)]
            self._next += 1
            if (pair := _pair(host, port)) is not None:
                return pair
        raise NoPorts(f"all {len(self._pairs)} pairs of ports are taken")


def reachable_from(there: str) -> str:
    """The address of this machine from which packets to `there` leave. Raises `OSError` where there is no way."""
    with socket.socket(socket.AF_INET6 if ":" in there else socket.AF_INET, socket.SOCK_DGRAM) as probe:
        probe.connect((there, 9))  # of UDP this sends nothing
        return str(probe.getsockname()[0])


def _any(host: str) -> Pair:
    for _ in range(_TRIES):
        with _bound(host, 0) as probe:
            port = int(probe.getsockname()[1]) & ~1
        if (pair := _pair(host, port)) is not None:
            return pair
    raise NoPorts("the system has no two ports side by side")


def _pair(host: str, port: int) -> Pair | None:
    with suppress(OSError):
        audio = _bound(host, port)
        try:
            return Pair(audio, _bound(host, port + 1))
        except OSError:
            audio.close()
    return None


def _bound(host: str, port: int) -> socket.socket:
    bound = socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET, socket.SOCK_DGRAM)
    try:
        if bound.family == socket.AF_INET6:
            bound.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
        bound.setblocking(False)
        bound.bind((host, port))
    except OSError:
        bound.close()
        raise
    return bound
