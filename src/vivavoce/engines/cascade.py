"""An answer from a language model and a voice: the model writes on while the voice already speaks.

Two tasks make one answer: one reads the model and cuts its words into clauses, the other has them spoken. Between
them, and between them and the listener, are short queues, so neither runs far ahead of what anybody hears. Calls of
tools wait in none of them: a tool starts while "Let me look" is still being said.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncGenerator, Iterable
from contextlib import aclosing, suppress
from dataclasses import dataclass
from typing import Generic, TypeVar

from vivavoce.audio.pcm import WIRE_RATE, Pcm
from vivavoce.engines.following import Following, follows
from vivavoce.engines.heard import Takes, heard_by, known_to
from vivavoce.engines.sound_times import estimated
from vivavoce.engines.speech_text import Clauses
from vivavoce.ports import (
    CUSTOM_VOICE,
    Began,
    CallBegan,
    CallPart,
    EngineError,
    Finished,
    Llm,
    LlmFeature,
    Prompt,
    ResponsePart,
    SpokenAudio,
    SpokenText,
    TextDelta,
    Tts,
    Voice,
    WordTimes,
    spend,
    working_as,
)

CLAUSES_AHEAD = 4
"""Clauses that may wait for the voice; then the model's words wait."""
PARTS_AHEAD = 32
"""Parts, about 3 s of audio, that may wait for the listener; then the voice waits."""

BEGIN_WITHIN_S = 1.0
"""After the first token; a first clause that takes longer is cut where it can be, as if the sound ran out then."""
SECONDS_PER_WORD = 0.3
"""How long a voice takes for a word, about: what a clause is worth before it has been spoken."""

_T = TypeVar("_T")


@dataclass(slots=True)
class _End:
    """How the model's text ended."""

    finished: Finished = Finished()  # noqa: RUF009  # frozen


class _Ahead:
    """How much sound the listener has before him: what was sent and not heard yet, and what will be spoken next."""

    def __init__(self) -> None:
        self._clock = asyncio.get_running_loop().time
        self._ends_at = 0.0
        self._unspoken = 0.0

    def began(self) -> None:
        """The model has found its first word."""
        self._ends_at = self._clock() + BEGIN_WITHIN_S

    def clause(self, text: str) -> None:
        """A clause waits for the voice."""
        self._unspoken += _worth(text)

    def sound(self, pcm: Pcm) -> None:
        """A piece of sound is on its way."""
        self._ends_at = max(self._ends_at, self._clock()) + pcm.ms / 1000

    def spoken(self, text: str) -> None:
        """All the sound of a clause is on its way."""
        self._unspoken -= _worth(text)

    @property
    def seconds(self) -> float:
        """Never less than 0; what is not spoken yet is a guess."""
        return max(0.0, self._ends_at - self._clock()) + self._unspoken


def _worth(text: str) -> float:
    return len(text.split()) * SECONDS_PER_WORD


class _Queue(Generic[_T]):
    """What waits for the voice, or for the listener. Putting never waits: whoever makes more awaits `drained` first."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._first: deque[_T] = deque()
        self._items: deque[_T] = deque()
        self._something = asyncio.Event()
        self._room = asyncio.Event()
        self._room.set()

    def put(self, item: _T) -> None:
        """Behind everything."""
        self._items.append(item)
        if len(self._items) >= self._most:
            self._room.clear()
        self._something.set()

    def overtake(self, item: _T) -> None:
        """Before everything but what has overtaken it already."""
        self._first.append(item)
        self._something.set()

    async def drained(self) -> None:
        """There is room for more."""
        await self._room.wait()

    async def get(self) -> _T:
        """The next."""
        while not (self._first or self._items):
            self._something.clear()
            await self._something.wait()
        if self._first:
            return self._first.popleft()
        item = self._items.popleft()
        if len(self._items) < self._most:
            self._room.set()
        return item


_Parts = _Queue[ResponsePart | Exception]
_Clauses = _Queue[str | None]


class Cascade:
    """Ports `Responder` and `Dialogue`. `llm` and `tts` belong to whoever made them, who starts and closes them."""

    def __init__(self, llm: Llm, tts: Tts) -> None:
        self._llm = llm
        self._tts = tts
        self.features: tuple[LlmFeature, ...] = llm.features
        self.refused = llm.refused
        self._takes = Takes("images" in llm.features, "speech" in llm.features)

    @property
    def name(self) -> str:
        return "cascade"

    @property
    def running(self) -> int:
        return self._llm.running + self._tts.running

    @property
    def voices(self) -> tuple[str, ...]:
        return self._tts.voices

    @property
    def speeds(self) -> tuple[float, float]:
        return self._tts.speeds

    @property
    def languages(self) -> tuple[str, ...]:
        return self._tts.languages

    async def start(self) -> None:
        """Nothing: it has no parts of its own."""

    async def aclose(self) -> None:
        """Nothing: it has no parts of its own."""

    def open(self) -> Cascade:
        """Itself: it remembers nothing of a session, so there is nothing to tell apart, or to close."""
        return self

    async def warm(self, prompt: Prompt) -> None:
        """Prefill the language model with what it will be asked; speech counts as far as its words are known."""
        working_as("llm")
        await self._llm.warm(known_to(prompt, self._takes, _following(self._tts, prompt)))

    async def respond(self, prompt: Prompt) -> AsyncGenerator[ResponsePart, None]:
        """The answer; only `Finished` when the user's turn turned out to hold no words. A verbatim one is spoken
        without what has no sound, and costs no tokens.

        Raises `EngineError`: that of a transcript, of the model or of the voice, or `engine_failed`.
        """
        working_as("llm")
        custom = self._tts.cloner is not None and prompt.voice.name.startswith(CUSTOM_VOICE)
        if prompt.spoken and not custom and prompt.voice.name not in self._tts.voices:
            message = f"There is no voice {prompt.voice.name!r}. There are: {', '.join(self._tts.voices)}."
            raise EngineError("unknown_voice", message)
        try:
            following = _following(self._tts, prompt)
            heard = prompt if prompt.verbatim is not None else await heard_by(prompt, self._takes, following)
            if heard is None:
                yield Finished()
                return
            heard = following.spoken(heard) if following else heard
            async with aclosing(self._speak(heard) if prompt.spoken else _written(self._llm, heard)) as parts:
                async for part in parts:
                    yield part
        except EngineError:
            raise
        except Exception as failure:
            raise EngineError("engine_failed", "The answer could not be made.") from failure

    async def _speak(self, prompt: Prompt) -> AsyncGenerator[ResponsePart, None]:
        parts = _Parts(PARTS_AHEAD)
        # A task of our own, and no task group around a `yield`: that would cancel the listener's task.
        work = asyncio.create_task(self._make(prompt, parts))
        try:
            while True:
                part = await parts.get()
                if isinstance(part, Exception):
                    raise part
                yield part
                if isinstance(part, Finished):
                    return
        finally:
            work.cancel()
            with suppress(asyncio.CancelledError):
                await work

    async def _make(self, prompt: Prompt, parts: _Parts) -> None:
        """Put the whole answer, or what prevented it, into `parts`."""
        clauses, end, ahead = _Clauses(CLAUSES_AHEAD), _End(), _Ahead()
        try:
            async with asyncio.TaskGroup() as tasks:
                tasks.create_task(self._think(prompt, clauses, parts, end, ahead))
                tasks.create_task(self._say(clauses, prompt.voice, parts, ahead))
        except ExceptionGroup as failures:
            parts.put(failures.exceptions[0])
        else:
            parts.put(end.finished)

    async def _think(self, prompt: Prompt, clauses: _Clauses, parts: _Parts, end: _End, ahead: _Ahead) -> None:
        cutter, began = Clauses(), False

        def ready(cut: Iterable[str]) -> None:
            for clause in cut:
                ahead.clause(clause)
                clauses.put(clause)

        async with aclosing(_words(self._llm, prompt)) as answer:
            async for part in answer:
                if isinstance(part, Finished):
                    end.finished = part
                elif isinstance(part, TextDelta):
                    if not began and part.text.strip():
                        began = True
                        ahead.began()
                        parts.overtake(Began())
                    await clauses.drained()
                    ready(cutter.feed(part.text, ahead.seconds))
                else:
                    if isinstance(part, CallBegan):
                        ready(cutter.end())  # what was said so far is said now, not when the call is written
                    parts.overtake(part)
        ready(cutter.end())
        clauses.put(None)

    async def _say(self, clauses: _Clauses, voice: Voice, parts: _Parts, ahead: _Ahead) -> None:
        working_as("tts")
        while (clause := await clauses.get()) is not None:
            await parts.drained()
            parts.put(SpokenText(clause))
            read, told, sound = _as_read(clause), False, list[Pcm]()
            spend(requests=1, characters=len(read))
            async with aclosing(self._tts.speak(read, voice)) as audio:
                async for piece in audio:
                    await parts.drained()
                    if isinstance(piece, WordTimes):
                        told = True
                        parts.put(_as_shown(piece, clause))
                        continue
                    spend(samples=round(len(piece.samples) * WIRE_RATE / piece.rate))
                    sound.append(piece)
                    ahead.sound(piece)
                    parts.put(SpokenAudio(piece))
            if sound and not told:
                parts.put(_as_shown(estimated(read, Pcm.join(sound)), clause))
            ahead.spoken(clause)


def _following(tts: Tts, prompt: Prompt) -> Following | None:
    """How the answer's language is found; None: it is given, or the answer is not heard."""
    if not (prompt.spoken and follows(prompt)):
        return None
    own = (voice.languages[0] for voice in tts.catalogue if voice.name == prompt.voice.name)
    return Following(tts.languages, next(own, tts.languages[0]))


def _words(llm: Llm, prompt: Prompt) -> AsyncGenerator[TextDelta | CallPart | Finished, None]:
    if prompt.verbatim is not None:
        return _verbatim(prompt.verbatim)
    spend(requests=1)
    return llm.generate(prompt)


async def _written(llm: Llm, prompt: Prompt) -> AsyncGenerator[ResponsePart, None]:
    began = False
    async with aclosing(_words(llm, prompt)) as parts:
        async for part in parts:
            if isinstance(part, TextDelta) and not began:
                if not part.text.strip():
                    continue  # a blank before a call is no message
                began = True
                yield Began()
            yield part


async def _verbatim(text: str) -> AsyncGenerator[TextDelta | CallPart | Finished, None]:
    yield TextDelta(text)
    yield Finished()


def _as_read(clause: str) -> str:
    """The clause for the voice: one that stops between two words sounds as if it went on."""
    text = clause.strip()
    return f"{text}," if text[-1].isalnum() else text


def _as_shown(times: WordTimes, clause: str) -> WordTimes:
    """The times, by the characters of the clause as it is shown instead of as it was read."""
    blank = len(clause) - len(clause.lstrip())
    return WordTimes(tuple((min(blank + chars, len(clause)), ms) for chars, ms in times.ends))
