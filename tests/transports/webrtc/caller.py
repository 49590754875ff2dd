"""A caller in the same process: stock aiortc, as a browser would be, against a real server over real UDP."""

from __future__ import annotations

import asyncio
import fractions
import json
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

import av
import httpx
import numpy as np
from aiortc import (
    MediaStreamTrack,
    RTCConfiguration,
    RTCDataChannel,
    RTCPeerConnection,
    RTCSessionDescription,
)
from aiortc.mediastreams import MediaStreamError
from numpy.typing import NDArray
from tests.patience import PATIENCE_S

from vivavoce.audio.pcm import Pcm

RATE = 48_000
FRAME = RATE // 50
SDP = {"Content-Type": "application/sdp"}
Event = dict[str, Any]


def _done(future: asyncio.Future[None]) -> None:
    if not future.done():
        future.set_result(None)


class Microphone(MediaStreamTrack):
    """Speaks what it is given, and is silent in between, 20 ms at a time."""

    kind = "audio"

    def __init__(self) -> None:
        super().__init__()
        self._frames: list[NDArray[np.int16]] = []
        self._at = 0
        self._began: float | None = None

    def say(self, pcm: Pcm) -> None:
        """24 kHz, at once."""
        samples = np.repeat(pcm.samples, RATE // pcm.rate)
        self._frames += [samples[at : at + FRAME] for at in range(0, len(samples) - FRAME + 1, FRAME)]

    async def recv(self) -> av.AudioFrame:
        """The next frame, in its time."""
        loop = asyncio.get_running_loop()
        if self._began is None:
            self._began = loop.time()
        due: asyncio.Future[None] = loop.create_future()
        loop.call_at(self._began + self._at / RATE, _done, due)
        await due
        samples = self._frames.pop(0) if self._frames else np.zeros(FRAME, np.int16)
        frame = av.AudioFrame.from_ndarray(samples.reshape(1, -1), format="s16", layout="mono")
        frame.sample_rate, frame.pts, frame.time_base = RATE, self._at, fractions.Fraction(1, RATE)
        self._at += FRAME
        return frame


class Caller:
    """One call. `events` are those of the data channel, in their order; `heard` is what came out of the line."""

    def __init__(self, label: str = "oai-events", microphone: bool = True) -> None:
        self.peer = RTCPeerConnection(RTCConfiguration(iceServers=[]))
        self.microphone = Microphone()
        self.channel: RTCDataChannel = self.peer.createDataChannel(label)
        self.events: list[Event] = []
        self.heard: list[NDArray[np.int16]] = []
        self.location = ""
        self._changed = asyncio.Condition()
        self._tasks: set[asyncio.Task[None]] = set()
        self.channel.on("message", self._message)
        self.channel.on("close", self._notify)
        self.channel.on("open", self._notify)
        self.peer.on("connectionstatechange", self._notify)
        self.peer.on("track", lambda track: self._spawn(self._listen(track)))
        if microphone:
            self.peer.addTrack(self.microphone)
        else:
            self.peer.addTransceiver("audio", "recvonly")

    async def offer(self) -> str:
        """The SDP to post."""
        await self.peer.setLocalDescription(await self.peer.createOffer())
        return self.peer.localDescription.sdp

    async def answered(self, response: httpx.Response) -> None:
        """Take the server's answer."""
        assert response.status_code == 201, response.text
        self.location = response.headers["Location"]
        await self.take(response.text)

    async def take(self, answer: str) -> None:
        """The SDP alone."""
        await self.peer.setRemoteDescription(RTCSessionDescription(answer, "answer"))

    @property
    def call_id(self) -> str:
        """As clients find it: the last segment of `Location`."""
        return self.location.rpartition("/")[2]

    def send(self, event: Event) -> None:
        """One event on the channel."""
        self.channel.send(json.dumps(event))

    async def until(self, met: Callable[[], bool]) -> None:
        """Wait for something that shows in the caller's own state."""
        async with asyncio.timeout(PATIENCE_S), self._changed:
            await self._changed.wait_for(met)

    async def event(self, kind: str, count: int = 1) -> Event:
        """The `count`th event of this type."""

        def those() -> list[Event]:
            return [each for each in self.events if each["type"] == kind]

        await self.until(lambda: len(those()) >= count)
        return those()[count - 1]

    def kinds(self) -> list[str]:
        """The types of all events, in their order."""
        return [each["type"] for each in self.events]

    def loudness(self) -> float:
        """The level of the loudest 100 ms that were heard, of 32768."""
        audio = np.concatenate([np.zeros(RATE // 10, np.int16), *self.heard]).astype(float)
        pieces = audio[: len(audio) // (RATE // 10) * (RATE // 10)].reshape(-1, RATE // 10)
        return float(np.sqrt((pieces**2).mean(axis=1)).max())

    def vanish(self) -> None:
        """Be gone without a word, as a browser that was killed."""
        assert self.peer.sctp is not None
        ice = self.peer.sctp.transport.transport.iceGatherer._connection
        for protocol in ice._protocols:
            protocol.transport.abort()

    async def aclose(self) -> None:
        """Hang up."""
        await self.peer.close()
        for task in self._tasks:
            task.cancel()
        if self._tasks:
            await asyncio.wait(self._tasks)

    def _message(self, message: str | bytes) -> None:
        self.events.append(json.loads(message))
        self._notify()

    def _notify(self) -> None:
        self._spawn(self._wake())

    async def _wake(self) -> None:
        async with self._changed:
            self._changed.notify_all()

    async def _listen(self, track: MediaStreamTrack) -> None:
        try:
            while True:
                frame = await track.recv()
                assert isinstance(frame, av.AudioFrame)
                samples = frame.to_ndarray().reshape(-1, len(frame.layout.channels))[:, 0]
                self.heard.append(samples.astype(np.int16))
                await self._wake()
        except MediaStreamError:
            return

    def _spawn(self, work: Any) -> None:
        task: asyncio.Task[None] = asyncio.ensure_future(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)


@asynccontextmanager
async def calling(
    http: str,
    caller: Caller | None = None,
    change: Callable[[str], str] = lambda sdp: sdp,
    session: object = None,
    key: str = "sk-any",
) -> AsyncIterator[Caller]:
    """A call whose channel is open, hung up at the end. `change`: what becomes of the offer."""
    caller = caller or Caller()
    try:
        offer = change(await caller.offer())
        async with httpx.AsyncClient(
            verify=False, timeout=PATIENCE_S, headers={"Authorization": f"Bearer {key}"}
        ) as client:
            url = f"{http}/realtime/calls"
            if session is None:
                response = await client.post(url, content=offer, headers=SDP)
            else:
                form = {"sdp": (None, offer), "session": (None, json.dumps(session))}
                response = await client.post(url, files=form)
            await caller.answered(response)
        await caller.until(lambda: caller.channel.readyState == "open")
        yield caller
    finally:
        await caller.aclose()
