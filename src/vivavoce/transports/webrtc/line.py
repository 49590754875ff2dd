"""A caller's audio as the runtime's `Line`: paced by the clock, so it is known what was heard (PROTOCOL.md 4.8)."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from vivavoce.audio.pcm import WIRE_RATE, Pcm
from vivavoce.audio.playout import Playout
from vivavoce.runtime.line import Ear
from vivavoce.transports.webrtc.stream import RtpStream

MOST_QUEUED = 2 * WIRE_RATE
"""Samples that may wait to be played before whoever makes more must wait."""
REPORT_S = 1.0
PIECE_MS = 100
"""The session takes its audio in pieces of at most this."""

Send = Callable[[bytes], Awaitable[None]]


class RtpLine:
    """One call's audio. Packets come by `rtp` and `rtcp`; nothing is said or told before `start` or after `stop`."""

    def __init__(self, stream: RtpStream) -> None:
        self.opened = asyncio.Event()
        """The session has begun."""
        self._stream = stream
        self._now = asyncio.get_running_loop().time
        self._ear: Ear | None = None
        self._playout = Playout()
        self._answers: dict[str, _Answer] = {}
        """Those that were not played to their end, in their order."""
        self._room = asyncio.Event()
        self._room.set()
        self._listening = Alarm()
        self._speaking = Alarm()
        self._tasks: list[asyncio.Task[None]] = []

    def start(self, send: Send) -> list[asyncio.Task[None]]:
        """Media can flow. The tasks run until `stop`; one that ends by itself has found a bug."""
        self._tasks = [asyncio.create_task(each) for each in (self._listen(), self._speak(send), self._report(send))]
        return self._tasks

    def stop(self) -> None:
        """The session is over: from now on nothing is told."""
        self._ear = None
        # A task that was cancelled keeps its frame, and so this line and the connection: none is kept in turn.
        tasks, self._tasks = self._tasks, []
        for task in tasks:
            task.cancel()

    # --- the session's side ---

    def open(self, ear: Ear) -> None:
        """The session begins."""
        self._ear = ear
        self.opened.set()

    def play(self, response_id: str, pcm: bytes) -> None:
        """24 kHz mono PCM16, behind what is queued."""
        audio = Pcm.from_bytes(pcm)
        self._answers.setdefault(response_id, _Answer()).length += len(audio.samples)
        self._playout.push(audio, response_id)
        self._queue_changed()

    def finish(self, response_id: str) -> None:
        """Nothing more of this answer will come. Of one that was cleared nothing is told."""
        if response_id in self._answers:
            self._answers[response_id].finished = True
            self._speaking.set()  # that task tells: the session must be through with what made it call this

    def clear(self) -> dict[str, int]:
        """Silence within 5 ms: for each answer not played to its end, the samples that were played."""
        played = {response_id: self._playout.played(response_id) for response_id in self._answers}
        self._answers.clear()
        self._playout.clear()
        self._queue_changed()
        return played

    async def drained(self) -> None:
        """There is room for more."""
        await self._room.wait()

    # --- the wire's side ---

    def rtp(self, data: bytes) -> None:
        """A datagram with sound."""
        if self._stream.arrived(data, self._now()):
            self._listening.set()

    def rtcp(self, data: bytes) -> None:
        """A datagram with reports."""
        self._stream.reported(data, self._now())

    async def _listen(self) -> None:
        while True:
            pcm = self._stream.take(self._now())
            for piece in pcm.chunks(PIECE_MS):
                if self._ear is not None:
                    await self._ear.heard(piece.to_bytes())
            if not len(pcm.samples):
                await self._listening.wait(self._stream.deadline())

    async def _speak(self, send: Send) -> None:
        while True:
            while (frame := self._playout.frame(self._now())) is not None:
                self._tell()
                if packet := self._stream.packet(frame, self._now()):
                    await send(packet)
            self._tell()
            self._queue_changed(wake=False)
            await self._speaking.wait(self._playout.deadline())

    async def _report(self, send: Send) -> None:
        while True:
            await asyncio.sleep(REPORT_S)
            await send(self._stream.report(self._now(), time.time()))

    def _tell(self) -> None:
        """Say which answers begin and end with what has been played by now."""
        for response_id, answer in list(self._answers.items()):
            played = self._playout.played(response_id)
            if played and not answer.begun:
                answer.begun = True
                if self._ear is not None:
                    self._ear.playing(response_id)
            if played < answer.length or not answer.finished:
                continue
            self._answers.pop(response_id, None)
            if self._ear is not None:
                self._ear.played(response_id)

    def _queue_changed(self, wake: bool = True) -> None:
        if self._playout.queued <= MOST_QUEUED:
            self._room.set()
        else:
            self._room.clear()
        if wake:
            self._speaking.set()


@dataclass(slots=True)
class _Answer:
    """One answer on its way to the caller."""

    length: int = 0
    """Samples, so far."""
    begun: bool = False
    finished: bool = False


class Alarm:
    """Something to wait for that comes when it is set, or when its time comes."""

    def __init__(self) -> None:
        self._event = asyncio.Event()

    def set(self) -> None:
        """Now."""
        self._event.set()

    async def wait(self, at: float | None) -> None:
        """Until it is set, or until `at` on the loop's clock. It counts once."""
        timer = None if at is None else asyncio.get_running_loop().call_at(at, self._event.set)
        try:
            await self._event.wait()
            self._event.clear()
        finally:
            if timer is not None:
                timer.cancel()
