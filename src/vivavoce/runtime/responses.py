"""The tasks of one session's answers: each drives the dialogue and tells the core what comes."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import aclosing
from typing import assert_never

from vivavoce.core import effects as fx
from vivavoce.ports import (
    Began,
    CallArguments,
    CallBegan,
    CallEnded,
    Dialogue,
    EngineError,
    Finished,
    Prompt,
    ResponsePart,
    SpokenAudio,
    SpokenText,
    TextDelta,
    WordTimes,
    spend,
)
from vivavoce.runtime.guard import Timeouts, guarded, guarded_parts
from vivavoce.runtime.images import Images
from vivavoce.runtime.prompts import Prompts
from vivavoce.runtime.transcripts import Transcripts
from vivavoce.runtime.wire_audio import Encoder

Tell = Callable[[fx.AnswerEvent], object]
_AT_ONCE = fx.AnswerBegan | fx.AnswerCall | fx.AnswerArguments | fx.AnswerCalled
"""What is told though what was said before it has not been heard yet: a tool need not wait for that."""


class Responses:
    """One session's answers in progress. Cancelling one cancels its task, and with it every engine below."""

    def __init__(
        self,
        dialogue: Dialogue,
        timeouts: Timeouts,
        group: asyncio.TaskGroup,
        room: Callable[[], Awaitable[None]],
        transcripts: Transcripts,
        images: Images,
        tell: Tell,
    ) -> None:
        self._dialogue = dialogue
        self._timeouts = timeouts
        self._group = group
        self._room = room
        self._images = images
        self._prompts = Prompts(transcripts, images)
        self._tell = tell
        self._tasks: dict[str, asyncio.Task[None]] = {}
        self._warming: asyncio.Task[None] | None = None

    def start(self, command: fx.StartResponse) -> None:
        """Begin an answer. A prefill in progress gives way to it."""
        self._stop_warming()
        prompt = self._prompts.prompt(command.context)
        task = self._group.create_task(self._answer(command, prompt))
        self._tasks[command.response_id] = task
        task.add_done_callback(lambda _: self._tasks.pop(command.response_id, None))

    def cancel(self, response_id: str) -> None:
        """Stop all work on an answer."""
        if task := self._tasks.pop(response_id, None):
            task.cancel()

    def warm(self, command: fx.Warm) -> None:
        """Prefill for the next answer, unless one is being made: that one warms it better."""
        self._stop_warming()
        if not self._tasks:
            self._warming = self._group.create_task(self._warm(self._prompts.prompt(command.context)))

    def _stop_warming(self) -> None:
        if self._warming is not None:
            self._warming.cancel()
            self._warming = None

    async def _warm(self, prompt: Prompt) -> None:
        try:
            await guarded(self._warm_up(prompt), self._timeouts.first_part_s, "language model")
        except EngineError:
            return  # a hint that failed; the answer itself will say what is wrong

    async def _warm_up(self, prompt: Prompt) -> None:
        await self._dialogue.warm(await self._images.arrived(prompt))

    async def _answer(self, command: fx.StartResponse, prompt: Prompt) -> None:
        try:
            await self._drive(command, prompt)
        except EngineError as error:
            fault = fx.AnswerFailed(response_id=command.response_id, code=error.code, message=error.message)
            self._tell(fault)

    async def _drive(self, command: fx.StartResponse, prompt: Prompt) -> None:
        limits = self._timeouts
        events = self._events(command, prompt)
        async with aclosing(guarded_parts(events, limits.first_part_s, limits.next_part_s, "engine")) as in_time:
            async for event in in_time:
                if not isinstance(event, _AT_ONCE):
                    await self._room()
                self._tell(event)

    async def _events(self, command: fx.StartResponse, prompt: Prompt) -> AsyncGenerator[fx.AnswerEvent, None]:
        """Everything here runs under guard: parts that make no sense are the engine's fault too."""
        spend(requests=1)
        encoder = Encoder(command.format)
        async with aclosing(self._dialogue.respond(await self._images.arrived(prompt))) as parts:
            async for part in parts:
                for event in _events(command.response_id, part, encoder):
                    yield event
                if isinstance(part, Finished):
                    return
        raise EngineError("engine_failed", "The engine ended without finishing its answer.")


def _events(response_id: str, part: ResponsePart, encoder: Encoder) -> list[fx.AnswerEvent]:
    match part:
        case Began():
            return [fx.AnswerBegan(response_id=response_id)]
        case TextDelta() | SpokenText():
            return [fx.AnswerText(response_id=response_id, text=part.text)]
        case WordTimes():
            ends = tuple((chars, round(ms * fx.SAMPLES_PER_MS)) for chars, ms in part.ends)
            return [fx.AnswerTimes(response_id=response_id, ends=ends)]
        case SpokenAudio():
            return _audio(response_id, *encoder.encode(part.audio))
        case CallBegan():
            return [fx.AnswerCall(response_id=response_id, name=part.name)]
        case CallArguments():
            return [fx.AnswerArguments(response_id=response_id, delta=part.text)]
        case CallEnded():
            return [fx.AnswerCalled(response_id=response_id)]
        case Finished():
            usage = part.usage
            end = fx.AnswerFinished(
                response_id=response_id,
                reason=part.reason,
                input_tokens=usage.input_tokens,
                output_tokens=usage.output_tokens,
                cached_tokens=usage.cached_tokens,
                image_tokens=usage.image_tokens,
                audio_tokens=usage.audio_tokens,
                spoken_tokens=usage.spoken_tokens,
            )
            return [*_audio(response_id, *encoder.flush()), end]
        case _:
            assert_never(part)


def _audio(response_id: str, data: bytes, samples: int) -> list[fx.AnswerEvent]:
    return [fx.AnswerAudio(response_id=response_id, data=data, samples=samples)] if data else []
