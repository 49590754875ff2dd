"""A caller over WebRTC that costs little: stock aiortc for the connection, packets of sound that were encoded before.

What comes back is counted and not decoded, so that two cores suffice for many callers beside the server.
"""

from __future__ import annotations

import asyncio
import re
import time
from collections.abc import AsyncGenerator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager, suppress

import msgspec
import numpy as np
from aiortc import RTCConfiguration, RTCPeerConnection, RTCSessionDescription

from vivavoce.audio.opus import OPUS_CLOCK, OpusEncoder
from vivavoce.audio.pcm import WIRE_RATE, Pcm
from vivavoce.audio.playout import FRAME
from vivavoce.audio.rtp import RtpPacket
from vivavoce.testing.client import Arrival, ClientError, Event

FRAME_S = 0.02
OPEN_S = 20.0
"""Seconds that a call may take to be connected."""
SILENCE = OpusEncoder().encode(Pcm.silence(20))
_TICKS = OPUS_CLOCK // 50
_OPUS = re.compile(r"^a=rtpmap:(\d+) opus/48000/2\r?$", re.MULTILINE | re.IGNORECASE)
_SSRC = re.compile(r"^a=ssrc:(\d+) ", re.MULTILINE)

Answering = Callable[[str], Awaitable[str]]
"""The answer to an offer, both SDP. Raises `ClientError`."""


def opus_packets(pcm: Pcm) -> list[bytes]:
    """Speech at 24 kHz as a browser would send it, 20 ms a packet; the last one is filled up with silence."""
    assert pcm.rate == WIRE_RATE
    whole = Pcm(np.pad(pcm.samples, (0, -len(pcm.samples) % FRAME)), WIRE_RATE)
    encoder = OpusEncoder()
    return [encoder.encode(frame) for frame in whole.chunks(20)]


class RtcCaller:
    """One call. `calling` makes it."""

    def __init__(self) -> None:
        self.arrivals: list[Arrival] = []
        """The events of the data channel, in their order."""
        self.heard: Callable[[RtpPacket, float], None] = lambda packet, at: None
        """Gets each packet of sound, and when it came (`time.monotonic`)."""
        self.lags: list[float] = []
        """How late this caller was with each packet, in seconds."""
        self.said_at = 0.0
        """When the end of what was said last left (`time.monotonic`)."""
        self.sent = 0
        """Packets of sound, so far."""
        self._peer = RTCPeerConnection(RTCConfiguration(iceServers=[]))
        self._channel = self._peer.createDataChannel("oai-events")
        self._audio = self._peer.addTransceiver("audio")
        self._changed = asyncio.Event()
        self._waiting: list[bytes] = []
        self._said = asyncio.Event()
        self._gone = False
        self._payload_type = self._ssrc = 0
        self._channel.on("message", self._message)
        self._channel.on("open", self._changed.set)
        self._channel.on("close", self._lost)
        self._peer.on("connectionstatechange", self._state)

    async def offer(self) -> str:
        """The SDP to send."""
        await self._peer.setLocalDescription(await self._peer.createOffer())
        return self._peer.localDescription.sdp

    async def connect(self, answering: Answering) -> None:
        """Until sound and events can flow. Raises `ClientError`."""
        offer = await self.offer()
        answer = await answering(offer)
        agreed, source = _OPUS.search(answer), _SSRC.search(offer)
        if agreed is None or source is None:
            raise ClientError("The answer does not take Opus.")
        self._payload_type, self._ssrc = int(agreed[1]), int(source[1])
        # Sound goes around aiortc's receiver, which would decode all of it.
        self._audio.receiver.transport._handle_rtp_data = self._sound  # type: ignore[method-assign]
        await self._peer.setRemoteDescription(RTCSessionDescription(answer, "answer"))
        await self.until(lambda: self._channel.readyState == "open", OPEN_S, "a data channel")

    async def talk(self) -> None:
        """Send sound in real time until cancelled: what is to be said, and silence otherwise."""
        sequence = timestamp = 0
        due = time.monotonic()
        while True:
            due += FRAME_S
            await asyncio.sleep(max(0.0, due - time.monotonic()))
            self.lags.append(time.monotonic() - due)
            payload = SILENCE
            if self._waiting:
                payload, self.said_at = self._waiting.pop(0), due
            packet = RtpPacket(self._payload_type, sequence & 0xFFFF, timestamp & 0xFFFFFFFF, self._ssrc, payload)
            with suppress(ConnectionError):
                await self._audio.receiver.transport._send_rtp(packet.serialise())
            self.sent += 1
            sequence, timestamp = sequence + 1, timestamp + _TICKS
            if not self._waiting:
                self._said.set()

    async def say(self, packets: Sequence[bytes]) -> None:
        """Until it was said; `talk` says it."""
        self._said.clear()
        self._waiting += packets
        await self._said.wait()

    def send(self, event: Event) -> None:
        """One event on the data channel. Raises `ClientError` when the call is over."""
        if self._channel.readyState != "open":
            raise ClientError("The call is over.")
        self._channel.send(msgspec.json.encode(event).decode())

    async def until(self, met: Callable[[], bool], timeout: float, what: str) -> None:
        """Wait until something of this caller's own state is so. Raises `ClientError`."""
        try:
            async with asyncio.timeout(timeout):
                while not met():
                    if self._gone:
                        raise ClientError(f"The call ended before there was {what}.")
                    self._changed.clear()
                    await self._changed.wait()
        except TimeoutError:
            raise ClientError(f"There was not {what} within {timeout:g} s.") from None

    async def expect(self, kind: str, timeout: float, since: int = 0) -> Arrival:
        """The first event of this type among the arrivals from number `since` on. Raises `ClientError`."""

        def those() -> list[Arrival]:
            return [each for each in self.arrivals[since:] if each.event.get("type") == kind]

        await self.until(lambda: bool(those()), timeout, f"an event '{kind}'")
        return those()[0]

    async def ended(self, timeout: float) -> None:
        """Until the other end has hung up. Raises `ClientError`."""
        with suppress(ClientError):
            await self.until(lambda: False, timeout, "an end")
        if not self._gone:
            raise ClientError("The server did not end the call.")

    def vanish(self) -> None:
        """Be gone without a word, as a caller whose network fails: nothing more leaves, not even a goodbye."""
        for protocol in self._audio.receiver.transport.transport._connection._protocols:
            protocol.transport.abort()

    async def close(self) -> None:
        """Hang up."""
        self._gone = True
        await self._peer.close()

    async def _sound(self, data: bytes, arrival_time_ms: int) -> None:
        self.heard(RtpPacket.parse(data), time.monotonic())

    def _message(self, message: str | bytes) -> None:
        self.arrivals.append(Arrival(time.monotonic(), msgspec.json.decode(message, type=dict[str, object])))
        self._changed.set()

    def _lost(self) -> None:
        self._gone = True
        self._changed.set()

    def _state(self) -> None:
        if self._peer.connectionState in ("closed", "failed"):
            self._lost()


@asynccontextmanager
async def calling(answering: Answering) -> AsyncGenerator[RtcCaller]:
    """A call that is up and where silence is sent; hung up at the end. Raises `ClientError`."""
    caller = RtcCaller()
    talking: asyncio.Task[None] | None = None
    try:
        await caller.connect(answering)
        talking = asyncio.create_task(caller.talk())
        yield caller
    finally:
        if talking is not None:
            talking.cancel()
            await asyncio.wait([talking])
        await caller.close()
