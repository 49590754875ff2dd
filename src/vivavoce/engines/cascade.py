"""An answer from a language model and a voice: the model writes on while the voice already speaks.

Two tasks make one answer: one reads the model and cuts its words into clauses, the other has them spoken. Between
them, and between them and the listener, are short queues, so neither runs far ahead of what anybody hears.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Awaitable
from contextlib import aclosing, suppress
from dataclasses import dataclass, replace

from vivavoce.audio.pcm import Pcm
from vivavoce.engines.sound_times import estimated
from vivavoce.engines.speech_text import Clauses
from vivavoce.ports import (
    Began,
    EngineError,
    Finished,
    Llm,
    LlmFeature,
    Message,
    Prompt,
    ResponsePart,
    Speech,
    SpokenAudio,
    SpokenText,
    TextDelta,
    Tts,
    Voice,
    WordTimes,
)

CLAUSES_AHEAD = 4
"""Clauses that may wait for the voice; then the model's words wait."""
PARTS_AHEAD = 32
"""Parts, about 3 s of audio, that may wait for the listener; then the voice waits."""

BEGIN_WITHIN_S = 1.0
"""After the first token; a first clause that takes longer is cut where it can be, as if the sound ran out then."""
SECONDS_PER_WORD = 0.3
"""How long a voice takes for a word, about: what a clause is worth before it has been spoken."""

_Parts = asyncio.Queue[ResponsePart | Exception]


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


class Cascade:
    """Port `Responder`. `llm` and `tts` belong to whoever made them, who starts and closes them."""

    def __init__(self, llm: Llm, tts: Tts) -> None:
        self._llm = llm
        self._tts = tts
        self.features: tuple[LlmFeature, ...] = llm.features

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

    async def warm(self, prompt: Prompt) -> None:
        """Prefill the language model with what it will be asked; speech counts as far as its words are known."""
        await self._llm.warm(_known(prompt))

    async def respond(self, prompt: Prompt) -> AsyncGenerator[ResponsePart, None]:
        """The answer; only `Finished` when the user's turn turned out to hold no words.

        Raises `EngineError`: that of a transcript, of the model or of the voice, or `engine_failed`.
        """
        if prompt.spoken and prompt.voice.name not in self._tts.voices:
            message = f"There is no voice {prompt.voice.name!r}. There are: {', '.join(self._tts.voices)}."
            raise EngineError("unknown_voice", message)
        try:
            heard = await _heard(prompt)
            if heard is None:
                yield Finished()
                return
            async with aclosing(self._speak(heard) if prompt.spoken else self._write(heard)) as parts:
                async for part in parts:
                    yield part
        except EngineError:
            raise
        except Exception as failure:
            raise EngineError("engine_failed", "The answer could not be made.") from failure

    async def _write(self, prompt: Prompt) -> AsyncGenerator[ResponsePart, None]:
        began = False
        async with aclosing(self._llm.generate(prompt)) as parts:
            async for part in parts:
                if isinstance(part, TextDelta) and not began:
                    began = True
                    yield Began()
                yield part

    async def _speak(self, prompt: Prompt) -> AsyncGenerator[ResponsePart, None]:
        parts: _Parts = asyncio.Queue(PARTS_AHEAD)
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
        clauses: asyncio.Queue[str | None] = asyncio.Queue(CLAUSES_AHEAD)
        end, ahead = _End(), _Ahead()
        try:
            async with asyncio.TaskGroup() as tasks:
                tasks.create_task(self._think(prompt, clauses, parts, end, ahead))
                tasks.create_task(self._say(clauses, prompt.voice, parts, ahead))
        except ExceptionGroup as failures:
            await parts.put(failures.exceptions[0])
        else:
            await parts.put(end.finished)

    async def _think(
        self, prompt: Prompt, clauses: asyncio.Queue[str | None], parts: _Parts, end: _End, ahead: _Ahead
    ) -> None:
        cutter, began = Clauses(), False
        async with aclosing(self._llm.generate(prompt)) as answer:
            async for part in answer:
                if isinstance(part, Finished):
                    end.finished = part
                    continue
                if not began:
                    began = True
                    ahead.began()
                    await parts.put(Began())
                for clause in cutter.feed(part.text, ahead.seconds):
                    ahead.clause(clause)
                    await clauses.put(clause)
        for clause in cutter.end():
            ahead.clause(clause)
            await clauses.put(clause)
        await clauses.put(None)

    async def _say(self, clauses: asyncio.Queue[str | None], voice: Voice, parts: _Parts, ahead: _Ahead) -> None:
        while (clause := await clauses.get()) is not None:
            await parts.put(SpokenText(clause))
            read, told, sound = _as_read(clause), False, list[Pcm]()
            async with aclosing(self._tts.speak(read, voice)) as audio:
                async for piece in audio:
                    if isinstance(piece, WordTimes):
                        told = True
                        await parts.put(_as_shown(piece, clause))
                        continue
                    sound.append(piece)
                    ahead.sound(piece)
                    await parts.put(SpokenAudio(piece))
            if sound and not told:
                await parts.put(_as_shown(estimated(read, Pcm.join(sound)), clause))
            ahead.spoken(clause)


def _as_read(clause: str) -> str:
    """The clause for the voice: one that stops between two words sounds as if it went on."""
    text = clause.strip()
    return f"{text}," if text[-1].isalnum() else text


def _as_shown(times: WordTimes, clause: str) -> WordTimes:
    """The times, by the characters of the clause as it is shown instead of as it was read."""
    blank = len(clause) - len(clause.lstrip())
    return WordTimes(tuple((min(blank + chars, len(clause)), ms) for chars, ms in times.ends))


async def _heard(prompt: Prompt) -> Prompt | None:
    """The prompt with words in place of speech; None when the user's last turn has none."""
    messages: list[Message] = []
    silent = False
    for message in prompt.messages:
        words = [part if isinstance(part, str) else await part.transcript() for part in message.content]
        text = "\n".join(word for word in (w.strip() for w in words) if word)
        if text:
            messages.append(Message(message.role, (text,)))
        spoke = any(isinstance(part, Speech) for part in message.content)
        # Not after an answer, nor after a word to the model: it may say what to make of the silence.
        silent = message.role == "user" and spoke and not text
    return None if silent else replace(prompt, messages=tuple(messages))


def _known(prompt: Prompt) -> Prompt:
    """The prompt up to the first speech whose words are not known yet: nothing after it can be prefilled."""
    messages: list[Message] = []
    for message in prompt.messages:
        words = [part if isinstance(part, str) else _at_once(part.transcript()) for part in message.content]
        known = [word.strip() for word in words if word is not None]
        if any(known):
            messages.append(Message(message.role, ("\n".join(word for word in known if word),)))
        if len(known) < len(words):
            break
    return replace(prompt, messages=tuple(messages))


def _at_once(awaitable: Awaitable[str]) -> str | None:
    """The result if it is there already. Takes one step by hand: a task for it would have to be cancelled, and
    might take with it the recognition that others wait for."""
    steps = awaitable.__await__()
    try:
        next(steps)
    except StopIteration as done:
        return str(done.value)
    except EngineError:
        return None
    if close := getattr(steps, "close", None):
        close()
    return None
