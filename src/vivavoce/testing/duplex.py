"""A scripted full-duplex model: what it says is laid out on its caller's time.

A script is a list of what the model says, `VOICE` and `SILENCE` (until the caller speaks, and until it has fallen
silent), an `EngineError` to break off with, or `STALL`. After its script a model is silent for as long as the caller
is there::

    duplex = ScriptedDuplex([VOICE, SILENCE, *talks("Good morning.", 900), SILENCE])
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncGenerator, Sequence
from dataclasses import dataclass
from enum import Enum

import numpy as np

from vivavoce.audio.pcm import WIRE_RATE, Pcm
from vivavoce.engines.instant import SPEECH_RMS
from vivavoce.ports import OPENAI_VOICES, EngineError, LlmFeature, SpokenAudio, SpokenText, Tool
from vivavoce.testing.script import STALL, Call, Scripted, Stall, Timing, Wait, sound

STEP_MS = 20
"""The model looks at its caller once in so long, and speaks in pieces of it."""
MOST_WAITING_MS = 1000
"""Of the caller's audio that the model may hold; then `push` waits."""
SILENT_MS = 300
"""A caller who has said nothing for so long has fallen silent."""


class Awaited(Enum):
    """What a model may wait for, silently."""

    VOICE = "voice"
    SILENCE = "silence"


VOICE = Awaited.VOICE
SILENCE = Awaited.SILENCE

Step = SpokenAudio | SpokenText | Awaited


def talks(text: str, ms: float = 500, rate: int = WIRE_RATE) -> list[SpokenAudio | SpokenText]:
    """The words, one at a time, each at the beginning of its share of the sound."""
    words = text.split(" ")
    said: list[SpokenAudio | SpokenText] = []
    for word in words:
        said.append(SpokenText(f" {word}"))
        said += (SpokenAudio(piece) for each in sound(ms / len(words), rate) for piece in each.chunks(STEP_MS))
    return said


def pause(ms: float, rate: int = WIRE_RATE) -> list[SpokenAudio]:
    """Silence of the model's."""
    return [SpokenAudio(piece) for piece in Pcm.silence(ms, rate).chunks(STEP_MS)]


@dataclass(frozen=True, slots=True)
class Opened:
    """What a conversation began with."""

    voice: str
    instructions: str


class ScriptedDuplex(Scripted[Opened, Step]):
    """Each conversation plays the next script; with `endless` each of them plays the only one, again and again."""

    features: tuple[LlmFeature, ...] = ("speech",)
    speeds = (1.0, 1.0)
    languages: tuple[str, ...] = ("en",)

    def __init__(
        self,
        *scripts: Sequence[Step | Timing],
        endless: bool = False,
        instructed: bool = True,
        voices: tuple[str, ...] = OPENAI_VOICES,
    ) -> None:
        super().__init__(scripts)
        self.instructed = instructed
        self.voices = voices
        self._endless = endless
        self.streams: list[ScriptedStream] = []
        """Every conversation."""

    def converse(self, voice: str, instructions: str) -> ScriptedStream:
        """The next script."""
        opened = Opened(voice, instructions)
        if self._endless:
            (script,) = self._scripts
            call = Call(opened, len(script))
            self.calls.append(call)
        else:
            call, script = self._call(opened)
        self.streams.append(ScriptedStream(self, call, script, self._endless))
        return self.streams[-1]

    def refused(self, tool: Tool) -> str | None:
        """None: it is offered none, for it has not the feature "tools"."""
        return None

    def entered(self, by: int) -> None:
        """A conversation has begun, or ended."""
        self._running += by


class ScriptedStream:
    """One conversation with a `ScriptedDuplex`."""

    def __init__(
        self, duplex: ScriptedDuplex, call: Call[Opened], script: Sequence[Step | Timing], endless: bool
    ) -> None:
        self.heard: list[Pcm] = []
        """All that it was given."""
        self._duplex = duplex
        self._call = call
        self._script = script
        self._endless = endless
        self._voiced: deque[bool] = deque()
        """Of each `STEP_MS` of the caller that the model has not come to yet."""
        self._rest = Pcm.silence(0)
        self._silent_ms = 0
        self._news = asyncio.Event()
        self._room = asyncio.Event()
        self._begun = False

    async def push(self, pcm: Pcm) -> None:
        """The caller goes on. Waits while the model is behind. Raises `EngineError` at another rate than 24 kHz."""
        assert not self._call.ended, "A conversation that is closed was given audio"
        if pcm.rate != WIRE_RATE:
            raise EngineError("engine_failed", f"{WIRE_RATE} Hz are wanted, not {pcm.rate} Hz.")
        self._begin()
        self.heard.append(pcm)
        *whole, self._rest = Pcm.join([self._rest, pcm, Pcm.silence(0)]).chunks(STEP_MS) or [Pcm.silence(0)]
        if self._rest.ms == STEP_MS:
            whole, self._rest = [*whole, self._rest], Pcm.silence(0)
        self._voiced += (bool(np.sqrt(np.mean(np.square(each.to_float()))) * 32768 > SPEECH_RMS) for each in whole)
        self._news.set()
        while len(self._voiced) * STEP_MS > MOST_WAITING_MS:
            self._room.clear()
            await self._room.wait()

    async def listen(self) -> AsyncGenerator[SpokenAudio | SpokenText, None]:
        """What the script says, as the caller's time passes. Raises its `EngineError`."""
        self._begin()
        while True:
            for step in self._script:
                if isinstance(step, Awaited):
                    while not await self._came(step):
                        yield SpokenAudio(Pcm.silence(STEP_MS))
                elif isinstance(step, Stall):
                    await asyncio.get_running_loop().create_future()
                elif isinstance(step, Wait):
                    await asyncio.sleep(step.seconds)
                elif isinstance(step, EngineError):
                    self._call.done += 1
                    raise step
                else:
                    if isinstance(step, SpokenAudio):
                        await self._pass(step.audio.ms)
                    yield step
                self._call.done += 1
            if not self._endless:
                break
        while True:
            await self._pass(STEP_MS)
            yield SpokenAudio(Pcm.silence(STEP_MS))

    async def aclose(self) -> None:
        """Once."""
        assert not self._call.ended, "A conversation was closed twice"
        self._call.ended = True
        self._news.set()
        if self._begun:
            self._duplex.entered(-1)

    def _begin(self) -> None:
        voice = self._call.request.voice
        if voice not in self._duplex.voices:
            raise EngineError("engine_failed", f"There is no voice '{voice}'.")
        if not self._begun:
            self._begun = True
            self._duplex.entered(1)

    async def _came(self, awaited: Awaited) -> bool:
        voiced = await self._pass(STEP_MS)
        self._silent_ms = 0 if voiced else self._silent_ms + STEP_MS
        return voiced if awaited is VOICE else self._silent_ms >= SILENT_MS

    async def _pass(self, ms: float) -> bool:
        """So much of the caller's time; whether something was said in it."""
        voiced = False
        for _ in range(round(ms / STEP_MS)):
            while not self._voiced and not self._call.ended:
                self._news.clear()
                await self._news.wait()
            if self._call.ended:
                raise EngineError("engine_failed", "The conversation is over.")
            voiced = self._voiced.popleft() or voiced
            self._room.set()
        return voiced


__all__ = ["SILENCE", "STALL", "VOICE", "Opened", "ScriptedDuplex", "ScriptedStream", "pause", "talks"]
