"""What a call's session says: paced by the clock, so it is known what of which answer was heard (PROTOCOL.md 4.8)."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from vivavoce.audio.pcm import WIRE_RATE, Pcm
from vivavoce.audio.playout import OutFrame, Playout
from vivavoce.runtime.line import Ear
from vivavoce.transports.rtp.alarm import Alarm

MOST_QUEUED = 2 * WIRE_RATE
"""Samples that may wait to be played before whoever makes more must wait."""

Say = Callable[[OutFrame], Awaitable[None]]


class Saying:
    """The answers of one call on their way to the caller. `ear` is told when one begins and when one ends."""

    def __init__(self, *, continuous: bool) -> None:
        self.ear: Ear | None = None
        self._now = asyncio.get_running_loop().time
        self._playout = Playout(continuous=continuous)
        self.held = False
        """Nothing is said: what waits is said afterwards. `hold` changes it."""
        self._answers: dict[str, _Answer] = {}
        """Those that were not played to their end, in their order."""
        self._room = asyncio.Event()
        self._room.set()
        self._changed = Alarm()

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
            self._changed.set()  # `run` tells: the session must be through with what made it call this

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

    def hold(self, held: bool) -> None:
        """Begin or end it."""
        self.held = held
        self._changed.set()

    async def run(self, say: Say) -> None:
        """Every 20 ms in their time, for ever."""
        while True:
            while not self.held and (frame := self._playout.frame(self._now())) is not None:
                self._tell()
                await say(frame)
            self._tell()
            self._queue_changed(wake=False)
            await self._changed.wait(None if self.held else self._playout.deadline())

    def _tell(self) -> None:
        """Say which answers begin and end with what has been played by now."""
        for response_id, answer in list(self._answers.items()):
            played = self._playout.played(response_id)
            if played and not answer.begun:
                answer.begun = True
                if self.ear is not None:
                    self.ear.playing(response_id)
            if played < answer.length or not answer.finished:
                continue
            self._answers.pop(response_id, None)
            if self.ear is not None:
                self.ear.played(response_id)

    def _queue_changed(self, wake: bool = True) -> None:
        if self._playout.queued <= MOST_QUEUED:
            self._room.set()
        else:
            self._room.clear()
        if wake:
            self._changed.set()


@dataclass(slots=True)
class _Answer:
    """One answer on its way to the caller."""

    length: int = 0
    """Samples, so far."""
    begun: bool = False
    finished: bool = False
