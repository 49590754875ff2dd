"""Engines that break their contract, each in one way, and one that keeps it where the product has none."""

from __future__ import annotations

import asyncio
import math
import re
import time
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import aclosing
from dataclasses import replace

import numpy as np
from tests.testing.broken_callers import Parts

from vivavoce.audio.pcm import Pcm
from vivavoce.engines.instant import WORD_MS, InstantAsr, InstantLlm, InstantTts, InstantTurnDetector, InstantVad
from vivavoce.ports import (
    AsrHint,
    Began,
    Dialogue,
    EngineError,
    Finished,
    Message,
    Prompt,
    ResponsePart,
    Speech,
    SpokenAudio,
    SpokenText,
    TextDelta,
    Transcript,
    VadStream,
    Voice,
    VoiceInfo,
    WordTimes,
)


class InstantResponder(InstantTts):
    """What a cascade of instant engines would be."""

    def __init__(self) -> None:
        super().__init__()
        self.llm = InstantLlm("One. Two.")
        self.features = self.llm.features
        self.refused = self.llm.refused

    async def respond(self, prompt: Prompt) -> AsyncGenerator[ResponsePart, None]:
        if prompt.voice.name not in self.voices:
            raise EngineError("unknown_voice", "There is no such voice.")
        with self:
            async with aclosing(self.llm.generate(prompt)) as parts:
                async for part in parts:
                    if not isinstance(part, TextDelta) or not prompt.spoken:
                        yield part
                        continue
                    yield SpokenText(part.text)
                    async for chunk in self.speak(part.text, prompt.voice):
                        yield SpokenAudio(chunk)

    async def warm(self, prompt: Prompt) -> None:
        await self.llm.warm(prompt)

    def open(self) -> Dialogue:
        return self  # there is nothing to close


class ForgetfulVad(InstantVad):
    def open(self) -> VadStream:  # type: ignore[override]  # one caller's state for all
        return self

    level = 0.0

    def probability(self, frame: Pcm) -> float:
        super().open().probability(frame)
        self.level = 0.5 * self.level + 0.2 * (np.abs(frame.samples).max(initial=0) > 1000)
        return self.level


class WildVad(InstantVad):
    def open(self) -> VadStream:  # type: ignore[override]
        return self

    def probability(self, frame: Pcm) -> float:
        return -1.0


class JumpyVad(WildVad):
    def probability(self, frame: Pcm) -> float:
        return 0.7


class CarelessVad(WildVad):
    def probability(self, frame: Pcm) -> float:
        return 0.1


class SlowVad(WildVad):
    def probability(self, frame: Pcm) -> float:
        time.sleep(0.003)
        return InstantVad().open().probability(frame)


class UnsureDetector(InstantTurnDetector):
    calls = 0

    async def finished(self, turn: Pcm) -> float:
        self.calls += 1
        return await super().finished(turn) / self.calls


class PickyDetector(InstantTurnDetector):
    async def finished(self, turn: Pcm) -> float:
        return await super().finished(turn) * float(turn.samples[0] >= -40_000)


class LeakyDetector(InstantTurnDetector):
    async def finished(self, turn: Pcm) -> float:
        self._running += 1
        await asyncio.sleep(0.01)
        self._running -= 1
        return 1.0


class BlockingDetector(InstantTurnDetector):
    """It holds up the loop once."""

    cold = True

    async def finished(self, turn: Pcm) -> float:
        if self.cold:
            self.cold = False
            time.sleep(0.4)  # noqa: ASYNC251 - the defect
        return await super().finished(turn)


class InventiveAsr(InstantAsr):
    async def transcribe(self, speech: AsyncIterator[Pcm], hint: AsrHint) -> AsyncGenerator[Transcript, None]:
        async for transcript in super().transcribe(speech, hint):
            yield Transcript(transcript.text or "Thanks for watching!")


class NeverSureAsr(InstantAsr):
    async def transcribe(self, speech: AsyncIterator[Pcm], hint: AsrHint) -> AsyncGenerator[Transcript, None]:
        async for transcript in super().transcribe(speech, hint):
            yield replace(transcript, final=False)


class MixingAsr(InstantAsr):
    """It keeps the speech of a call in the engine."""

    heard = 0.0

    async def transcribe(self, speech: AsyncIterator[Pcm], hint: AsrHint) -> AsyncGenerator[Transcript, None]:
        with self:
            self.heard = 0.0
            async for piece in speech:
                self.heard += float(np.abs(piece.samples).sum())
            yield Transcript("hello" if self.heard else "")


class FragileAsr(InstantAsr):
    async def transcribe(self, speech: AsyncIterator[Pcm], hint: AsrHint) -> AsyncGenerator[Transcript, None]:
        pieces = [piece async for piece in speech]
        rate = pieces[0].rate
        async for transcript in super().transcribe(_again(Pcm.join(pieces, rate)), hint):
            yield transcript


async def _again(speech: Pcm) -> AsyncIterator[Pcm]:
    yield speech


class DeafAsr(InstantAsr):
    async def transcribe(self, speech: AsyncIterator[Pcm], hint: AsrHint) -> AsyncGenerator[Transcript, None]:
        yield Transcript("")


class EndlessLlm(InstantLlm):
    """It says nothing at the end."""

    async def generate(self, prompt: Prompt) -> Parts:
        async for part in super().generate(prompt):
            if isinstance(part, TextDelta):
                yield part


class UnlimitedLlm(InstantLlm):
    async def generate(self, prompt: Prompt) -> Parts:
        async for part in super().generate(replace(prompt, max_tokens=None)):
            yield part


class SharedLlm(InstantLlm):
    """It goes on with the answer that runs."""

    current: Parts | None = None

    async def generate(self, prompt: Prompt) -> Parts:
        if self.current is None:
            self.current = super().generate(prompt)
        try:
            async for part in self.current:
                yield part
        finally:
            if self.current is not None:
                current, self.current = self.current, None
                await current.aclose()


class StubbornLlm(InstantLlm):
    """It works on after it was closed."""

    def __init__(self) -> None:
        super().__init__()
        self.work: set[asyncio.Task[None]] = set()

    @property
    def running(self) -> int:
        return len(self.work)

    async def generate(self, prompt: Prompt) -> Parts:
        task = asyncio.create_task(asyncio.sleep(1.0))
        self.work.add(task)
        task.add_done_callback(self.work.discard)
        async for part in super().generate(prompt):
            yield part
        task.cancel()


class ClingingLlm(InstantLlm):
    """Closing it takes its time."""

    async def generate(self, prompt: Prompt) -> Parts:
        whole = False
        try:
            async for part in super().generate(prompt):
                yield part
            whole = True
        finally:
            if not whole:
                await asyncio.sleep(2)


class NervousLlm(InstantLlm):
    async def generate(self, prompt: Prompt) -> Parts:
        if not prompt.messages:
            raise IndexError("no messages")
        async for part in super().generate(prompt):
            yield part


class LazyLlm(InstantLlm):
    """It is busy with one answer at a time, and refuses the others."""

    async def generate(self, prompt: Prompt) -> Parts:
        if self.running:
            raise EngineError("engine_unavailable", "One at a time.")
        async for part in super().generate(prompt):
            yield part


class SecretLlm(InstantLlm):
    @property
    def running(self) -> int:
        return 0


class HangingLlm(InstantLlm):
    async def generate(self, prompt: Prompt) -> Parts:
        await asyncio.sleep(3600)
        yield Finished()


class LongWindedTts(InstantTts):
    async def speak(self, text: str, voice: Voice) -> AsyncGenerator[Pcm, None]:
        pieces = [piece async for piece in super().speak(text, voice)]
        if pieces:
            yield Pcm.join(pieces)


class AnyVoiceTts(InstantTts):
    async def speak(self, text: str, voice: Voice) -> AsyncGenerator[Pcm, None]:
        known = voice if voice.name in self.voices else Voice("alloy")
        async for piece in super().speak(text, known):
            yield piece


class OnePaceTts(InstantTts):
    async def speak(self, text: str, voice: Voice) -> AsyncGenerator[Pcm, None]:
        async for piece in super().speak(text, replace(voice, speed=1.0)):
            yield piece


class FewVoicesTts(InstantTts):
    @property
    def voices(self) -> tuple[str, ...]:
        return ("alloy", "ash")


class StrangeCatalogueTts(InstantTts):
    @property
    def catalogue(self) -> tuple[VoiceInfo, ...]:
        return tuple(VoiceInfo(name, ("en",)) for name in ("nobody", *self.voices[1:]))


class ForeignVoiceTts(InstantTts):
    @property
    def catalogue(self) -> tuple[VoiceInfo, ...]:
        return tuple(VoiceInfo(name, ("xx",)) for name in self.voices)


class SpeechlessTts(InstantTts):
    @property
    def languages(self) -> tuple[str, ...]:
        return ()


class EmptyChunkTts(InstantTts):
    async def speak(self, text: str, voice: Voice) -> AsyncGenerator[Pcm, None]:
        async for piece in super().speak(text, voice):
            yield piece
        yield Pcm.silence(0)


class ComputingTts(InstantTts):
    """It computes on the event loop, once."""

    cold = True

    async def speak(self, text: str, voice: Voice) -> AsyncGenerator[Pcm, None]:
        if self.cold:
            self.cold = False
            time.sleep(0.4)  # noqa: ASYNC251 - the defect
        async for piece in super().speak(text, voice):
            yield piece


class TimedTts(InstantTts):
    """It tells when its words end; what it tells is made by `tell` from the ends, in characters and ms."""

    def tell(self, ends: list[tuple[int, float]]) -> list[tuple[int, float]]:
        return ends

    late = False

    async def speak(self, text: str, voice: Voice) -> AsyncGenerator[Pcm | WordTimes, None]:  # type: ignore[override]
        words = [word.end() for word in re.finditer(r"\S+", text)]
        ends = [(chars, WORD_MS * number / voice.speed - 1) for number, chars in enumerate(words, 1)]
        times = WordTimes(tuple(self.tell(ends)))
        with self:
            if not self.late:
                yield times
            async for piece in super().speak(text, voice):
                yield piece
            if self.late:
                yield times


class LateTimesTts(TimedTts):
    late = True


class RewindingTts(TimedTts):
    def tell(self, ends: list[tuple[int, float]]) -> list[tuple[int, float]]:
        return ends[::-1]


class OverlongTts(TimedTts):
    def tell(self, ends: list[tuple[int, float]]) -> list[tuple[int, float]]:
        return [(chars, ms + 100) for chars, ms in ends]


class HalfTimedTts(TimedTts):
    def tell(self, ends: list[tuple[int, float]]) -> list[tuple[int, float]]:
        return ends[:1]


class AsciiTts(InstantTts):
    async def speak(self, text: str, voice: Voice) -> AsyncGenerator[Pcm, None]:
        text.encode("ascii")
        async for piece in super().speak(text, voice):
            yield piece


class HearingLlm(InstantLlm):
    """It hears: a voice takes a token each 100 ms, and its words are nobody's business."""

    features = ("window", "tools", "speech")

    def heard(self, prompt: Prompt) -> int:
        parts = [part for message in prompt.messages for part in message.content]
        return sum(math.ceil(part.audio.ms / 100) for part in parts if isinstance(part, Speech))

    async def generate(self, prompt: Prompt) -> Parts:
        tokens = self.heard(prompt)
        async for part in super().generate(prompt):
            if isinstance(part, Finished):
                used = replace(part.usage, input_tokens=part.usage.input_tokens + tokens, audio_tokens=tokens)
                yield replace(part, usage=used)
            else:
                yield part


class DeafLlm(HearingLlm):
    """It says that it hears, and passes voices over."""

    def heard(self, prompt: Prompt) -> int:
        return 0


class SpellingLlm(HearingLlm):
    """It says that it hears, and waits for the words all the same."""

    async def generate(self, prompt: Prompt) -> Parts:
        for said in (part for message in prompt.messages for part in message.content):
            if isinstance(said, Speech):
                await said.transcript()
        async for part in super().generate(prompt):
            yield part


class OneEarLlm(HearingLlm):
    """It has one place for a voice, and whoever speaks last has it."""

    def __init__(self) -> None:
        super().__init__()
        self.latest = Prompt("", (), False, Voice("alloy"))

    async def generate(self, prompt: Prompt) -> Parts:
        self.latest = prompt
        async for part in super().generate(prompt):
            if isinstance(part, Finished):
                tokens = HearingLlm.heard(self, self.latest)
                yield replace(part, usage=replace(part.usage, audio_tokens=tokens))
            else:
                yield part


class OvercountingLlm(HearingLlm):
    """It counts more of a voice than of the prompt that it is in."""

    async def generate(self, prompt: Prompt) -> Parts:
        async for part in super().generate(prompt):
            if isinstance(part, Finished):
                yield replace(part, usage=replace(part.usage, audio_tokens=1000 * (part.usage.audio_tokens or 0)))
            else:
                yield part


class WritingResponder(InstantResponder):
    async def respond(self, prompt: Prompt) -> AsyncGenerator[ResponsePart, None]:
        async for part in super().respond(prompt):
            yield TextDelta(part.text) if isinstance(part, SpokenText) else part


class LateResponder(InstantResponder):
    async def respond(self, prompt: Prompt) -> AsyncGenerator[ResponsePart, None]:
        async for part in super().respond(prompt):
            if isinstance(part, Finished):
                yield Began()
            yield part


class BackwardsResponder(InstantResponder):
    async def respond(self, prompt: Prompt) -> AsyncGenerator[ResponsePart, None]:
        parts = [part async for part in super().respond(prompt)]
        for part in sorted(parts, key=lambda part: isinstance(part, SpokenText)):
            if not isinstance(part, Finished):
                yield part
        yield parts[-1]


class _Session:
    """A session of a responder; `memory` is what it adds to every prompt."""

    def __init__(self, responder: InstantResponder, memory: list[Message]) -> None:
        self.responder = responder
        self.memory = memory
        self.closed = False

    async def respond(self, prompt: Prompt) -> AsyncGenerator[ResponsePart, None]:
        whole = replace(prompt, messages=(*self.memory, *prompt.messages))
        async for part in self.responder.respond(whole):
            yield part

    async def warm(self, prompt: Prompt) -> None:
        await self.responder.warm(prompt)

    async def aclose(self) -> None:
        self.closed = True


class LeakyResponder(InstantResponder):
    """What was said in one session is known in the next."""

    def __init__(self) -> None:
        super().__init__()
        self.last: list[Message] = []

    def open(self) -> Dialogue:
        responder, memory = self, list(self.last)

        class Leaky(_Session):
            async def respond(self, prompt: Prompt) -> AsyncGenerator[ResponsePart, None]:
                responder.last = list(prompt.messages)
                async for part in super().respond(prompt):
                    yield part

        return Leaky(self, memory)


class RememberingResponder(InstantResponder):
    """A session knows all that it was ever asked, deleted or not."""

    def open(self) -> Dialogue:
        class Remembering(_Session):
            async def respond(self, prompt: Prompt) -> AsyncGenerator[ResponsePart, None]:
                async for part in super().respond(prompt):
                    yield part
                self.memory += prompt.messages

        return Remembering(self, [])


class CredulousResponder(InstantResponder):
    """It takes what was guessed for what was said."""

    def open(self) -> Dialogue:
        class Credulous(_Session):
            async def warm(self, prompt: Prompt) -> None:
                self.memory = [*prompt.messages[-1:]]

        return Credulous(self, [])


class OneLineResponder(InstantResponder):
    """The end of one session is the end of all."""

    def __init__(self) -> None:
        super().__init__()
        self.sessions: list[_Session] = []

    def open(self) -> Dialogue:
        sessions = self.sessions

        class OneLine(_Session):
            async def respond(self, prompt: Prompt) -> AsyncGenerator[ResponsePart, None]:
                if self.closed:
                    raise EngineError("engine_unavailable", "The connection is closed.")
                async for part in super().respond(prompt):
                    yield part

            async def aclose(self) -> None:
                for session in sessions:
                    session.closed = True

        sessions.append(OneLine(self, []))
        return sessions[-1]
