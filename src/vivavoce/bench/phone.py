"""A telephone call to a server in this process: what the caller said and what was sent to it, on one clock."""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import AsyncGenerator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from types import MappingProxyType
from typing import cast

import numpy as np

from vivavoce.app import Server
from vivavoce.audio.g711 import G711_RATE, alaw_decode, alaw_encode, ulaw_decode, ulaw_encode
from vivavoce.audio.opus import OPUS_CLOCK, OpusDecoder
from vivavoce.audio.pcm import WIRE_RATE, Pcm
from vivavoce.audio.resample import resample
from vivavoce.audio.rtp import RtpPacket, is_rtcp
from vivavoce.bench.rtc_caller import opus_packets
from vivavoce.config import Config
from vivavoce.config.phone import Rule
from vivavoce.config.sip import Sip
from vivavoce.testing.client import ClientError
from vivavoce.testing.ears import Sound
from vivavoce.transports.rtp.codecs import DESCRIBED, Codec
from vivavoce.transports.sip import actions as sip
from vivavoce.transports.sip.agent import UserAgent
from vivavoce.transports.sip.endpoint import Endpoint
from vivavoce.transports.sip.options import Options

HOST = "127.0.0.1"
FRAME_S = 0.02
ANSWER_S = 5.0
"""How long the caller lets it ring."""
CONFIG = Config(sip=Sip(listen=(f"udp:{HOST}:0",), rules=(Rule(then="accept"),)))
"""A server that answers every call of this machine."""
_OPUS_TYPE = 96


@dataclass(frozen=True, slots=True)
class _Coding:
    clock: int
    rate: int
    """Hz of what is encoded and of what is decoded."""
    packets: Callable[[Pcm], Sequence[bytes]]
    decoder: Callable[[], Callable[[bytes], Pcm]]


_CODINGS: Mapping[Codec, _Coding] = MappingProxyType(
    {
        "pcmu": _Coding(G711_RATE, G711_RATE, lambda pcm: _octets(ulaw_encode(pcm)), lambda: ulaw_decode),
        "pcma": _Coding(G711_RATE, G711_RATE, lambda pcm: _octets(alaw_encode(pcm)), lambda: alaw_decode),
        "opus": _Coding(OPUS_CLOCK, WIRE_RATE, opus_packets, lambda: OpusDecoder().decode),
    }
)


@dataclass(frozen=True, slots=True)
class Recording:
    """One call."""

    sound: Sound
    """Each frame that was said in the 20 ms before it was due to leave, each that was heard in those after it came."""
    lags: list[float]
    """How late the caller was with each packet, in seconds."""


async def recorded(server: Server, said: Pcm, codec: Codec) -> Recording:
    """Call a server of `CONFIG`, say `said`, and hang up. Raises `ClientError` and `EngineError`."""
    coding = _CODINGS[codec]
    audio = resample(said, coding.rate)
    await server.start()
    try:
        assert server.telephone is not None, "it is configured"
        async with _call(server.telephone.endpoint.places[0][2], codec) as wire:
            began, lags = await wire.say(coding.packets(audio))
    finally:
        await server.aclose()
    return Recording(Sound(audio, _heard(wire.got, began, len(audio.samples), coding)), lags)


class _Wire(asyncio.DatagramProtocol):
    """The caller's socket for audio. Times are the loop's."""

    def __init__(self, codec: Codec) -> None:
        self.got: list[tuple[float, RtpPacket]] = []
        """What was sent to the caller, and when it came."""
        self.to: tuple[str, int] | None = None
        self._codec: Codec = codec
        self._now = asyncio.get_running_loop().time
        self._transport: asyncio.DatagramTransport | None = None

    @property
    def offer(self) -> str:
        """SDP: one codec, and reports on the same port."""
        assert self._transport is not None
        host, port = self._transport.get_extra_info("sockname")[:2]
        kind = _payload_type(self._codec)
        lines = ["v=0", f"o=- 1 1 IN IP4 {host}", "s=-", f"c=IN IP4 {host}", "t=0 0", f"m=audio {port} RTP/AVP {kind}"]
        return "\r\n".join([*lines, f"a=rtpmap:{kind} {DESCRIBED[self._codec][0]}", "a=rtcp-mux", ""])

    async def say(self, packets: Sequence[bytes]) -> tuple[float, list[float]]:
        """20 ms each, in their time: when the first of them began to be made, and how late each one left."""
        assert self._transport is not None
        ticks = int(_CODINGS[self._codec].clock * FRAME_S)
        source = secrets.randbits(32)
        lags: list[float] = []
        began = self._now()
        for number, payload in enumerate(packets):
            due = began + (number + 1) * FRAME_S
            await asyncio.sleep(max(0.0, due - self._now()))
            lags.append(self._now() - due)
            kind = _payload_type(self._codec)
            packet = RtpPacket(kind, number & 0xFFFF, number * ticks & 0xFFFFFFFF, source, payload, marker=number == 0)
            self._transport.sendto(packet.serialise(), self.to)
        return began, lags

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """The socket is there."""
        self._transport = cast(asyncio.DatagramTransport, transport)  # uvloop's are none by inheritance

    def datagram_received(self, data: bytes, addr: tuple[str, int]) -> None:
        """A packet of sound; reports are not looked at."""
        if not is_rtcp(data):
            self.got.append((self._now(), RtpPacket.parse(data)))


@asynccontextmanager
async def _call(port: int, codec: Codec) -> AsyncGenerator[_Wire]:
    """One that is answered, and hung up at the end. Raises `ClientError`."""
    news: asyncio.Queue[sip.News] = asyncio.Queue()
    agent = UserAgent(Options(everybody=True), lambda: secrets.token_hex(8))
    endpoint = Endpoint(agent, [("udp", HOST, 0)], news.put_nowait)
    await endpoint.start()
    loop = asyncio.get_running_loop()
    transport, wire = await loop.create_datagram_endpoint(lambda: _Wire(codec), local_addr=(HOST, 0))
    try:
        uri = f"sip:100@{HOST}:{port}"
        flow = await endpoint.flow_to(uri)
        dialog, actions = agent.invite(uri, wire.offer, flow, endpoint.now(), from_uri=f"sip:caller@{HOST}")
        endpoint.perform(actions)
        answer = await _answer(news)
        audio = next(line for line in answer.split("\r\n") if line.startswith("m=audio"))
        wire.to = HOST, int(audio.split()[1])
        yield wire
        endpoint.perform(agent.bye(dialog, endpoint.now()))
    finally:
        transport.close()
        await endpoint.aclose()


async def _answer(news: asyncio.Queue[sip.News]) -> str:
    try:
        async with asyncio.timeout(ANSWER_S):
            while True:
                told = await news.get()
                if isinstance(told, sip.Answered):
                    return told.sdp
                if isinstance(told, sip.Refused):
                    raise ClientError(f"The call was refused: {told.status} {told.reason}.")
    except TimeoutError:
        raise ClientError("The call was not answered.") from None


def _heard(got: Sequence[tuple[float, RtpPacket]], began: float, length: int, coding: _Coding) -> Pcm:
    """Each packet in the moment in which it came."""
    decode = coding.decoder()
    samples = np.zeros(length, np.int16)
    for at, packet in got:
        piece = decode(packet.payload).samples
        first = round((at - began) * coding.rate)
        if first >= 0:
            room = samples[first : first + len(piece)]
            room[:] = piece[: len(room)]
    return Pcm(samples, coding.rate)


def _octets(coded: bytes) -> list[bytes]:
    """A byte for each of the 160 samples of a packet; what does not fill one is left out."""
    step = int(G711_RATE * FRAME_S)
    return [coded[at : at + step] for at in range(0, len(coded) - step + 1, step)]


def _payload_type(codec: Codec) -> int:
    static = DESCRIBED[codec][1]
    return _OPUS_TYPE if static is None else static
