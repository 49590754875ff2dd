"""Telephones for the benches: their signalling is ours, their audio is made before and counted as it comes."""

from __future__ import annotations

import asyncio
import random
import secrets
import socket
from collections.abc import AsyncGenerator, Sequence
from contextlib import asynccontextmanager, suppress
from typing import TypeVar

import numpy as np

from vivavoce.audio.g711 import alaw_decode, alaw_encode, ulaw_decode, ulaw_encode
from vivavoce.audio.opus import OpusDecoder
from vivavoce.audio.pcm import Pcm
from vivavoce.audio.resample import resample
from vivavoce.audio.rtp import RtpPacket, is_rtcp
from vivavoce.bench.rtc_caller import opus_packets
from vivavoce.testing.client import ClientError
from vivavoce.transports.rtp.codecs import DESCRIBED, Codec
from vivavoce.transports.sip import actions as sip
from vivavoce.transports.sip.agent import UserAgent
from vivavoce.transports.sip.endpoint import Endpoint
from vivavoce.transports.sip.options import Options

HOST = "127.0.0.1"
FRAME_S = 0.02
ANSWER_S = 15.0
"""Seconds for everything that is waited for."""
_G711_FRAME = 160
_OPUS = 96
_AT_ONCE = 64
_LOUD = 500
News = TypeVar("News", bound=sip.News)


def payloads(speech: Pcm, codec: Codec) -> list[bytes]:
    """20 ms each, the last one filled up with silence."""
    if codec == "opus":
        return opus_packets(speech)
    encode = ulaw_encode if codec == "pcmu" else alaw_encode
    samples = resample(speech, 8_000).samples
    whole = np.pad(samples, (0, -len(samples) % _G711_FRAME))
    audio = encode(Pcm(whole, 8_000))
    return [audio[at : at + _G711_FRAME] for at in range(0, len(audio), _G711_FRAME)]


class SipCaller:
    """A telephone, and one call. `sip_caller` makes it."""

    def __init__(self, codec: Codec, server_port: int) -> None:
        self.sent = 0
        """Packets, since `begin`."""
        self.sequences: list[int] = []
        """The numbers of the packets that came."""
        self.lags: list[float] = []
        """How late each packet left, in seconds: of the caller's making."""
        self.loud = asyncio.Event()
        """Something other than silence has come."""
        self._codec: Codec = codec
        self._decode = {"opus": OpusDecoder().decode, "pcmu": ulaw_decode, "pcma": alaw_decode}[codec]
        self._server_port = server_port
        static = DESCRIBED[codec][1]
        self._kind = _OPUS if static is None else static
        self._ticks = 960 if codec == "opus" else _G711_FRAME
        self._number = 0
        self._to: tuple[str, int] | None = None
        self._quiet: bytes | None = None
        self._news: asyncio.Queue[sip.News] = asyncio.Queue()
        agent = UserAgent(Options(everybody=True), lambda: secrets.token_hex(8))
        self._endpoint = Endpoint(agent, [("udp", HOST, 0)], self._news.put_nowait)
        self._dialog = ""
        self._socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._socket.setblocking(False)
        self._socket.bind((HOST, 0))

    async def start(self) -> None:
        """It can be used now."""
        await self._endpoint.start()
        asyncio.get_running_loop().add_reader(self._socket, self._readable)

    async def aclose(self) -> None:
        """Close all sockets."""
        asyncio.get_running_loop().remove_reader(self._socket)
        self._socket.close()
        await self._endpoint.aclose()

    async def dial(self, called: str, offered: str | None = None) -> None:
        """Call somebody at the server; `offered` is what stands in the place of the codec."""
        uri = f"sip:{called}@{HOST}:{self._server_port}"
        flow = await self._endpoint.flow_to(uri)
        agent = self._endpoint.agent
        now = self._endpoint.now()
        name = offered or DESCRIBED[self._codec][0]
        kind = 18 if offered else self._kind
        port = self._socket.getsockname()[1]
        offer = ["v=0", f"o=- 1 1 IN IP4 {HOST}", "s=-", f"c=IN IP4 {HOST}", "t=0 0", f"m=audio {port} RTP/AVP {kind}"]
        offer += [f"a=rtpmap:{kind} {name}", "a=rtcp-mux", ""]
        me = f"sip:bench@{HOST}"
        self._dialog, actions = agent.invite(uri, "\r\n".join(offer), flow, now, from_uri=me)
        self._endpoint.perform(actions)

    async def until(self, kind: type[News]) -> News:
        """The next news of this kind. Raises `ClientError` when the call is over before it, or it takes too long."""
        try:
            async with asyncio.timeout(ANSWER_S):
                while not isinstance(news := await self._news.get(), kind):
                    if isinstance(news, sip.Refused | sip.Ended):
                        raise ClientError(f"The call was over before {kind.__name__}: {news}.")
        except TimeoutError:
            raise ClientError(f"There was no {kind.__name__} within {ANSWER_S:g} s.") from None
        return news

    async def answered(self) -> None:
        """The server has; it can be spoken to. Raises `ClientError`."""
        answer = await self.until(sip.Answered)
        media = next((line for line in answer.sdp.splitlines() if line.startswith("m=audio ")), "m=audio 0")
        self._to = HOST, int(media.split()[1])

    async def heard(self) -> None:
        """The server has said something. Raises `ClientError`."""
        try:
            await asyncio.wait_for(self.loud.wait(), ANSWER_S)
        except TimeoutError:
            raise ClientError(f"Nothing was said within {ANSWER_S:g} s.") from None

    def begin(self) -> None:
        """Count from now on."""
        self.sent = 0
        self.sequences.clear()
        self.lags.clear()
        self.loud.clear()

    def hang_up(self) -> None:
        """BYE. Raises `ClientError` when the server has been faster."""
        try:
            self._endpoint.perform(self._endpoint.agent.bye(self._dialog, self._endpoint.now()))
        except sip.NoSuchCall:
            raise ClientError("The server has ended the call.") from None

    def cancel(self) -> None:
        """Give up while it rings."""
        self._endpoint.perform(self._endpoint.agent.cancel(self._dialog, self._endpoint.now()))

    async def say(self, packets: Sequence[bytes]) -> None:
        """Again and again, in real time, until it is cancelled."""
        to, loop = self._to, asyncio.get_running_loop()
        assert to is not None, "the call was answered"
        # Where in the server's 20 ms a call begins is chance.
        due = loop.time() + random.random() * FRAME_S
        while True:
            for payload in packets:
                await asyncio.sleep(max(0.0, due - loop.time()))
                self.lags.append(max(0.0, loop.time() - due))
                self._send(payload, to)
                due += FRAME_S

    def _send(self, payload: bytes, to: tuple[str, int]) -> None:
        number = self._number
        packet = RtpPacket(
            self._kind, number & 0xFFFF, number * self._ticks & 0xFFFFFFFF, id(self) & 0xFFFFFFFF, payload
        )
        with suppress(OSError):
            self._socket.sendto(packet.serialise(), to)
        self._number += 1
        self.sent += 1

    def _readable(self) -> None:
        for _ in range(_AT_ONCE):
            try:
                data, source = self._socket.recvfrom(2_048)
            except OSError:
                return
            # What is still said to the telephone that had this port before is none of ours.
            if source != self._to or is_rtcp(data):
                continue
            packet = RtpPacket.parse(data)
            self.sequences.append(packet.sequence)
            if not self.loud.is_set() and np.abs(self._decode(packet.payload).samples.astype(np.int32)).max() > _LOUD:
                self.loud.set()


@asynccontextmanager
async def talking(caller: SipCaller, packets: Sequence[bytes]) -> AsyncGenerator[None]:
    """It says this again and again."""
    task = asyncio.create_task(caller.say(packets))
    try:
        yield
    finally:
        task.cancel()
        await asyncio.wait([task])


@asynccontextmanager
async def sip_caller(codec: Codec, server_port: int) -> AsyncGenerator[SipCaller]:
    """A telephone for one call. At the end it is gone without a word, unless it has hung up."""
    caller = SipCaller(codec, server_port)
    await caller.start()
    try:
        yield caller
    finally:
        await caller.aclose()
