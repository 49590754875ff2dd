"""The media of a phone, made by hand: real UDP, and every packet as the test wants it."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress

import numpy as np
from tests.live import tone
from tests.patience import PATIENCE_S

from vivavoce.audio.g711 import ulaw_encode
from vivavoce.audio.pcm import Pcm
from vivavoce.audio.resample import resample
from vivavoce.audio.rtp import RtpPacket, is_rtcp
from vivavoce.transports.sip.media import Media, Options, Studio
from vivavoce.transports.sip.srtp import Srtp

HOST = "127.0.0.1"
LOUD = 500
"""Of a tone; silence and what a codec makes of it stay far below."""


class Session:
    """What a line tells, and nothing more."""

    def __init__(self) -> None:
        self.audio = b""
        self.keys = ""
        self.told: list[tuple[str, str]] = []

    async def heard(self, pcm: bytes) -> None:
        self.audio += pcm

    def playing(self, response_id: str) -> None:
        self.told.append(("playing", response_id))

    def played(self, response_id: str) -> None:
        self.told.append(("played", response_id))

    def pressed(self, key: str) -> None:
        self.keys += key

    @property
    def loud_ms(self) -> int:
        """Of what was heard, how much is louder than silence: pieces of 10 ms."""
        samples = Pcm.from_bytes(self.audio).samples
        pieces = samples[: len(samples) // 240 * 240].reshape(-1, 240).astype(np.int64)
        return 10 * int((np.abs(pieces).max(axis=1, initial=0) > LOUD).sum())


class Handset:
    """One UDP socket that speaks mu-law, and keeps what it gets. `srtp` encrypts both ways."""

    def __init__(self, bound: socket.socket | None = None) -> None:
        self.got: list[RtpPacket] = []
        self.reports = 0
        self.srtp: Srtp | None = None
        self._socket = bound or socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._socket.setblocking(False)
        if bound is None:
            self._socket.bind((HOST, 0))
        self.address: tuple[str, int] = self._socket.getsockname()
        self._ssrc = self.address[1]
        self._sequence = 100
        self._timestamp = 8_000
        asyncio.get_running_loop().add_reader(self._socket, self._readable)

    def close(self) -> None:
        asyncio.get_running_loop().remove_reader(self._socket)
        self._socket.close()

    def offer(self, *more: str, formats: str = "0 101") -> str:
        """What it says of itself, on one port."""
        media = f"m=audio {self.address[1]} RTP/AVP {formats}"
        keys = "a=rtpmap:101 telephone-event/8000"
        return "\r\n".join(
            [
                "v=0",
                "o=- 1 1 IN IP4 127.0.0.1",
                "s=-",
                f"c=IN IP4 {HOST}",
                "t=0 0",
                media,
                keys,
                "a=rtcp-mux",
                *more,
                "",
            ]
        )

    def raw(self, data: bytes, to: int) -> None:
        """Any datagram at all."""
        self._socket.sendto(data, (HOST, to))

    def send(self, to: int, payload: bytes = b"\xff" * 160, kind: int = 0, *, ticks: int = 160, back: int = 0) -> None:
        """The next packet, 20 ms after the one before unless `ticks` says otherwise; `back` is how old its time is."""
        packet = RtpPacket(kind, self._sequence & 0xFFFF, self._timestamp - back, self._ssrc, payload).serialise()
        self.raw(packet if self.srtp is None else self.srtp.seal(packet, rtcp=False), to)
        self._sequence += 1
        self._timestamp += ticks

    async def say(self, to: int, ms: int, pcm: Pcm | None = None) -> None:
        """A tone, in its own time."""
        audio = ulaw_encode(resample(pcm or tone(ms), 8_000))
        for at in range(0, len(audio), 160):
            self.send(to, audio[at : at + 160])
            await asyncio.sleep(0.02)

    def _readable(self) -> None:
        with suppress(OSError):
            while True:
                data = self._socket.recv(2_048)
                opened = data if self.srtp is None else self.srtp.open(data, rtcp=is_rtcp(data))
                if opened is None:
                    continue
                if is_rtcp(opened):
                    self.reports += 1
                else:
                    self.got.append(RtpPacket.parse(opened))

    @property
    def loud(self) -> int:
        """Packets of mu-law that are no silence."""
        return sum(min(byte & 0x7F for byte in packet.payload) < 0x50 for packet in self.got)


async def until(true: Callable[[], bool]) -> None:
    """Wait for something that nothing tells of."""
    async with asyncio.timeout(PATIENCE_S):
        while not true():  # noqa: ASYNC110  # what packets do sets no event of the test's
            await asyncio.sleep(0.005)


@asynccontextmanager
async def handset(bound: socket.socket | None = None) -> AsyncIterator[Handset]:
    made = Handset(bound)
    try:
        yield made
    finally:
        made.close()


@asynccontextmanager
async def called(
    offer: str, options: Options | None = None, signalled: str = HOST
) -> AsyncIterator[tuple[Media, Session, int]]:
    """Media that has answered, with a session that listens, and the port of it."""
    media, answer = await Studio(options or Options(host=HOST)).answering(offer, signalled)
    session = Session()
    media.line.open(session)
    media.start()
    try:
        yield media, session, port_of(answer)
    finally:
        await media.aclose()


@asynccontextmanager
async def connected(here: Options, there: Options) -> AsyncIterator[tuple[Media, Session, Media, Session]]:
    """Two that have called each other; the first has made the offer."""
    caller, offer = await Studio(here).offering()
    callee, answer = await Studio(there).answering(offer)
    caller.accept(answer)
    sessions = Session(), Session()
    for media, session in zip((caller, callee), sessions, strict=True):
        media.line.open(session)
        media.start()
    try:
        yield caller, sessions[0], callee, sessions[1]
    finally:
        await caller.aclose()
        await callee.aclose()


def port_of(description: str) -> int:
    line = next(line for line in description.split("\r\n") if line.startswith("m=audio"))
    return int(line.split()[1])
