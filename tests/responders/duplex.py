"""The model of these tests as one that hears and speaks all the time."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Iterator
from itertools import chain, repeat

from tests.clients.parrot import HEARD, STORY
from tests.responders.witness import FAULT

from vivavoce.audio.pcm import WIRE_RATE, Pcm
from vivavoce.ports import OPENAI_VOICES, EngineError, SpokenAudio, SpokenText
from vivavoce.testing.duplex import Opened, ScriptedDuplex, talks
from vivavoce.testing.script import Call, sound

MOSHI_VOICE = "NATF0.pt"
STEP_MS = 20
ANSWER_MS = 600
SILENT_MS = 300
"""A caller who has said nothing for so long has fallen silent."""
WAITING = 50
"""Steps of the caller's that it may be behind."""
Said = SpokenAudio | SpokenText


class ParrotDuplex(ScriptedDuplex):
    """To a caller who has fallen silent it says its instructions and what it heard. Its answer with the number `story`
    is `STORY`, whose last sound never ends; in that with the number `breaks` the conversation is lost. It falls silent
    when the caller speaks."""

    def __init__(self, *, story: int = 0, breaks: int = 0) -> None:
        super().__init__(voices=(*OPENAI_VOICES, MOSHI_VOICE))
        self._story = story
        self._breaks = breaks
        self._answers = 0

    def converse(self, voice: str, instructions: str) -> ParrotStream:  # type: ignore[override]
        """A conversation."""
        self.calls.append(Call(Opened(voice, instructions), 0))
        return ParrotStream(self, voice, instructions)

    def answer(self, instructions: str) -> Iterator[Said | EngineError]:
        """The next answer, a step at a time."""
        self._answers += 1
        number = self._answers
        yield from talks(STORY if number == self._story else f"{instructions} {HEARD}", ANSWER_MS)
        if number == self._breaks:
            yield EngineError("engine_failed", FAULT)
        if number == self._story:
            yield from chain.from_iterable(repeat([SpokenAudio(each) for each in sound(100)[0].chunks(STEP_MS)]))


class ParrotStream:
    """One conversation."""

    def __init__(self, duplex: ParrotDuplex, voice: str, instructions: str) -> None:
        self._duplex = duplex
        self._voice = voice
        self._instructions = instructions
        self._steps: asyncio.Queue[Pcm] = asyncio.Queue(WAITING)
        self._rest = Pcm.silence(0)
        self._open = True
        duplex.entered(1)

    async def push(self, pcm: Pcm) -> None:
        """The caller goes on. Raises `EngineError` at another rate than 24 kHz."""
        if pcm.rate != WIRE_RATE:
            raise EngineError("engine_failed", f"{WIRE_RATE} Hz are wanted, not {pcm.rate} Hz.")
        pieces = Pcm.join([self._rest, pcm]).chunks(STEP_MS)
        self._rest = pieces.pop() if pieces and pieces[-1].ms < STEP_MS else Pcm.silence(0)
        for piece in pieces:
            await self._steps.put(piece)

    async def listen(self) -> AsyncGenerator[SpokenAudio | SpokenText, None]:
        """A step of the model's for each of the caller's. Raises `EngineError` for a voice that it has not."""
        if self._voice not in self._duplex.voices:
            raise EngineError("unknown_voice", f"There is no voice {self._voice!r}.")
        spoke, silent_ms = False, 0
        saying: Iterator[Said | EngineError] = iter(())
        while self._open:
            step = await self._steps.get()
            if abs(step.samples).max() > 1000:
                spoke, silent_ms, saying = True, 0, iter(())
            silent_ms += STEP_MS
            if spoke and silent_ms > SILENT_MS:
                spoke, saying = False, self._duplex.answer(self._instructions)
            sound_of_it = SpokenAudio(Pcm.silence(STEP_MS))
            for part in saying:
                if isinstance(part, EngineError):
                    raise part
                if isinstance(part, SpokenAudio):
                    sound_of_it = part
                    break
                yield part
            if self._open:
                yield sound_of_it

    async def aclose(self) -> None:
        """It is over."""
        self._open = False
        self._duplex.entered(-1)
