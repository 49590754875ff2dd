"""The datagrams of one call's media: from whom they are taken, where they go, and what is encrypted on the way."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Callable
from contextlib import suppress

from vivavoce.audio.rtp import is_rtcp
from vivavoce.transports.sip.latch import Latch
from vivavoce.transports.sip.negotiation import Agreed
from vivavoce.transports.sip.ports import Pair
from vivavoce.transports.sip.sdp import Address
from vivavoce.transports.sip.srtp import Srtp

_LONGEST = 2_048
"""Bytes of a datagram; more is cut off, and then it is nothing that we know."""
_AT_ONCE = 64
"""Datagrams that one call takes in a row, before others have their turn."""

Take = Callable[[bytes], bool]
"""Takes what was in a datagram; False when it is not of this call."""


class Wire:
    """One call's sockets. `sound` and `report` get what arrives, decrypted; `seen` is called when they took it."""

    def __init__(self, pair: Pair, signalled: str, sound: Take, report: Take, seen: Callable[[], None]) -> None:
        self._pair = pair
        self._take: dict[bool, Take] = {False: sound, True: report}
        self._seen = seen
        self._sound = Latch(None, signalled)
        self._reports = Latch(None, signalled)
        self._mux = False
        self._srtp: Srtp | None = None
        self._loop = asyncio.get_running_loop()

    def agreed(self, agreed: Agreed, srtp: Srtp | None) -> None:
        """From now on it goes like this."""
        self._sound.agreed(agreed.to)
        self._reports.agreed(agreed.reports_to)
        self._mux, self._srtp = agreed.mux, srtp

    def start(self) -> None:
        """What arrives is taken, and what has arrived since the ports were opened."""
        for each in (self._pair.audio, self._pair.reports):
            self._loop.add_reader(each, self._readable, each)

    def close(self) -> None:
        """Both ports are free again."""
        for each in (self._pair.audio, self._pair.reports):
            if each.fileno() >= 0:
                self._loop.remove_reader(each)
        self._pair.close()
        self._take.clear()  # it knows who made this, who knows this

    async def send(self, data: bytes) -> None:
        """One RTP or RTCP datagram. What cannot be sent is lost, like any other datagram."""
        rtcp = is_rtcp(data)
        to = self._reports_to() if rtcp and not self._mux else self._sound.to
        if to is None:
            return
        if self._srtp is not None:
            data = self._srtp.seal(data, rtcp=rtcp)
        # OverflowError: a port that nobody can have, one behind the last.
        with suppress(OSError, OverflowError):
            (self._pair.reports if rtcp and not self._mux else self._pair.audio).sendto(data, to)

    def _reports_to(self) -> Address | None:
        """Before any came from there, they go to the port behind the one that audio comes from, or as described."""
        source = self._sound.source
        if self._reports.source is None and source is not None and not self._sound.as_told:
            return source[0], source[1] + 1
        return self._reports.to

    def _readable(self, port: socket.socket) -> None:
        for _ in range(_AT_ONCE):
            try:
                data, source = port.recvfrom(_LONGEST)
            except OSError:  # nothing more for now; also what became of a datagram of ours
                return
            self._arrived(data, source[:2], port is self._pair.reports)

    def _arrived(self, data: bytes, source: Address, reports_port: bool) -> None:
        rtcp = reports_port or (self._mux and is_rtcp(data))
        latch = self._reports if rtcp and not self._mux else self._sound
        opened: bytes | None = data
        if not latch.could_be(source):
            opened = None
        elif self._srtp is not None:
            opened = self._srtp.open(data, rtcp=rtcp)
        if opened is not None and self._take[rtcp](opened):
            latch.believe(source)
            self._seen()
