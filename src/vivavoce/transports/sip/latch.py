"""Whose packets a call's are: symmetric RTP (RFC 4961), and no stranger's.

A phone behind a NAT sends from an address that its description does not know. So audio goes to where it comes from; but
whoever comes first is not believed for ever. The address that was described is believed before any other, then the one
that was believed before the last agreement, then the host that signals, then anybody. Each may take over from one
that is believed less, and after an agreement things begin anew.
"""

from __future__ import annotations

from vivavoce.transports.sip.sdp import Address


class Latch:
    """The other side's address of one stream. `signalled` is the host that its signalling comes from."""

    def __init__(self, told: Address | None, signalled: str) -> None:
        self._told = told
        self._signalled = signalled
        self._before: Address | None = None
        self._source: Address | None = None

    @property
    def source(self) -> Address | None:
        """From where packets come; None before the first one."""
        return self._source

    @property
    def to(self) -> Address | None:
        """Where to send; None: nowhere."""
        return self._source or self._before or self._told

    @property
    def as_told(self) -> bool:
        """Packets come from where they were said to come from."""
        return self._source == self._told

    def agreed(self, told: Address | None) -> None:
        """There is a new description. With another address in it, audio goes there at once."""
        moved = told is not None and self._told is not None and told != self._told
        self._before = None if moved else self._source or self._before
        self._told = told or self._told
        self._source = None

    def could_be(self, source: Address) -> bool:
        """Whether a packet from there is worth looking at."""
        return source == self._source or self._source is None or self._belief(source) > self._belief(self._source)

    def believe(self, source: Address) -> None:
        """A packet from there was what it should be."""
        self._source = source

    def _belief(self, source: Address) -> int:
        if source == self._told:
            return 3
        if source == self._before:
            return 2
        return int(source[0] == self._signalled)
