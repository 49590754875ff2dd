"""The audio of a call whose signalling is sipp's: one UDP port that talks, listens and counts."""

from __future__ import annotations

import asyncio
import socket
from contextlib import suppress

from vivavoce.audio.g711 import ulaw_encode
from vivavoce.audio.pcm import Pcm
from vivavoce.audio.resample import resample
from vivavoce.audio.rtp import RtpPacket, is_rtcp

HOST = "127.0.0.1"
_QUIET = 0x50
"""Mu-law counts down: bytes above, without their sign, are nearly silent."""


class AudioLine:
    """Speaks mu-law as soon as it hears anything, and then listens: it suppresses silence, as many telephones do.

    It hangs up on nobody: that is sipp's part.
    """

    def __init__(self, speech: Pcm) -> None:
        self.said = 0
        """Packets."""
        self.got = 0
        self.loud = 0
        """Packets that are no silence."""
        self._audio = ulaw_encode(resample(speech, 8_000))
        self._socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._socket.setblocking(False)
        self._socket.bind((HOST, 0))
        self._talking: asyncio.Task[None] | None = None
        asyncio.get_running_loop().add_reader(self._socket, self._readable)

    @property
    def port(self) -> int:
        """Where it is called."""
        return int(self._socket.getsockname()[1])

    async def aclose(self) -> None:
        """Nothing more is sent or counted."""
        if self._talking is not None:
            self._talking.cancel()
            await asyncio.wait({self._talking})
        asyncio.get_running_loop().remove_reader(self._socket)
        self._socket.close()

    def _readable(self) -> None:
        with suppress(BlockingIOError):
            while True:
                data, source = self._socket.recvfrom(2_048)
                if is_rtcp(data):
                    continue
                payload = RtpPacket.parse(data).payload
                self.got += 1
                self.loud += min(byte & 0x7F for byte in payload) < _QUIET
                if self._talking is None:
                    self._talking = asyncio.create_task(self._talk(source))

    async def _talk(self, to: tuple[str, int]) -> None:
        loop = asyncio.get_running_loop()
        began = loop.time()
        while payload := self._audio[160 * self.said : 160 * (self.said + 1)]:
            packet = RtpPacket(0, self.said, 160 * self.said, self.port, payload.ljust(160, b"\xff"))
            with suppress(OSError):  # the call may be over
                self._socket.sendto(packet.serialise(), to)
            self.said += 1
            await asyncio.sleep(max(0.0, began + self.said * 0.02 - loop.time()))
