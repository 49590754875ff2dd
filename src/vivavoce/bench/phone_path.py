"""How long a telephone call's audio takes through the server: from a packet that comes to the one with its echo.

Over UDP on this machine: jitter buffer, codecs and the server's own pace are in it; a network is not, and neither is
anything that understands the caller.
"""

from __future__ import annotations

import asyncio
import random
import socket

import numpy as np

from vivavoce.audio.pcm import WIRE_RATE, Pcm
from vivavoce.audio.playout import FRAME, OutFrame
from vivavoce.audio.rtp import RtpPacket, is_rtcp
from vivavoce.bench.echo import Back
from vivavoce.transports.rtp.codecs import DESCRIBED, Codec
from vivavoce.transports.rtp.stream import RtpStream
from vivavoce.transports.sip.media import Options, Studio

HOST = "127.0.0.1"
CALLS = 10
FRAME_S = FRAME / WIRE_RATE
EVERY = 25
"""Frames from one pulse to the next: 500 ms."""
LOUD = 2_000

_SILENCE = Pcm(np.zeros(FRAME, np.int16), WIRE_RATE)
_PULSE = Pcm((12_000 * np.sin(2 * np.pi * 440 * np.arange(FRAME) / WIRE_RATE)).astype(np.int16), WIRE_RATE)


class Phone:
    """Sends a pulse now and then, and notes when it comes back."""

    def __init__(self, codec: Codec) -> None:
        self.socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.socket.setblocking(False)
        self.socket.bind((HOST, 0))
        self.delays: list[float] = []
        """Seconds."""
        static = DESCRIBED[codec][1]
        self._payload_type = 96 if static is None else static
        self._stream = RtpStream(codec, self._payload_type)
        self._codec = codec
        self._sent: float | None = None

    def offer(self) -> str:
        """Its description."""
        media = f"m=audio {self.socket.getsockname()[1]} RTP/AVP {self._payload_type}"
        described = f"a=rtpmap:{self._payload_type} {DESCRIBED[self._codec][0]}"
        return "\r\n".join(["v=0", f"c=IN IP4 {HOST}", media, described, "a=rtcp-mux", ""])

    async def call(self, answer: str, pulses: int) -> None:
        """So many, one after the other."""
        port = int(next(line for line in answer.split("\r\n") if line.startswith("m=")).split()[1])
        loop = asyncio.get_running_loop()
        loop.add_reader(self.socket, self._readable)
        # Where in the server's 20 ms a call begins is chance.
        began = loop.time() + random.random() * FRAME_S
        for number in range(pulses * EVERY):
            await asyncio.sleep(max(0.0, began + number * FRAME_S - loop.time()))
            pulse = number % EVERY == EVERY // 2
            frame = OutFrame(_PULSE if pulse else _SILENCE, number * FRAME, first=not number)
            packet = self._stream.packet(frame, loop.time())
            assert packet is not None, "nothing is left out of a telephone's stream"
            if pulse:
                self._sent = loop.time()
            self.socket.sendto(packet, (HOST, port))
        loop.remove_reader(self.socket)
        self.socket.close()

    def _readable(self) -> None:
        data, now = self.socket.recv(2_048), asyncio.get_running_loop().time()
        if is_rtcp(data):
            return
        self._stream.arrived(RtpPacket.parse(data), now)
        heard = self._stream.take(now).samples.astype(np.int32)
        if self._sent is not None and np.abs(heard).max(initial=0) > LOUD:
            self.delays.append(now - self._sent)
            self._sent = None


async def one(codec: Codec, pulses: int) -> list[float]:
    """The delays of one call, in seconds."""
    phone = Phone(codec)
    media, answer = await Studio(Options(host=HOST)).answering(phone.offer())
    media.line.open(Back(media.line))
    media.start()
    await phone.call(answer, pulses)
    await media.aclose()
    return phone.delays


async def delays(codec: Codec, pulses: int) -> list[float]:
    """Of all pulses that came back, in ms: `CALLS` calls at once with so many each."""
    calls = await asyncio.gather(*(one(codec, pulses) for _ in range(CALLS)))
    return [1000 * each for call in calls for each in call]
