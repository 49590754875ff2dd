"""The tasks of one session's answers: each drives the responder and tells the core what comes."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import aclosing
from typing import Literal, assert_never

from msgspec import UNSET, UnsetType

from vivavoce.audio.pcm import Pcm
from vivavoce.core import effects as fx
from vivavoce.ports import (
    Began,
    EngineError,
    Finished,
    Message,
    Prompt,
    Responder,
    ResponsePart,
    Retention,
    Speech,
    SpokenAudio,
    SpokenText,
    TextDelta,
    Voice,
    WordTimes,
)
from vivavoce.protocol.items import InputAudio, InputText, Item, OutputAudio, OutputText, Part
from vivavoce.protocol.session import RetentionRatio, TokenLimits, Truncation
from vivavoce.runtime.guard import Timeouts, guarded, guarded_parts
from vivavoce.runtime.transcripts import Transcripts
from vivavoce.runtime.wire_audio import Encoder

Tell = Callable[[fx.AnswerEvent], object]


class Responses:
    """One session's answers in progress. Cancelling one cancels its task, and with it every engine below."""

    def __init__(
        self,
        responder: Responder,
        timeouts: Timeouts,
        group: asyncio.TaskGroup,
        room: Callable[[], Awaitable[None]],
        transcripts: Transcripts,
        tell: Tell,
    ) -> None:
        self._responder = responder
        self._timeouts = timeouts
        self._group = group
        self._room = room
        self._transcripts = transcripts
        self._tell = tell
        self._tasks: dict[str, asyncio.Task[None]] = {}
        self._warming: asyncio.Task[None] | None = None

    def start(self, command: fx.StartResponse) -> None:
        """Begin an answer. A prefill in progress gives way to it."""
        self._stop_warming()
        prompt = self._prompt(command.context)
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
            self._warming = self._group.create_task(self._warm(self._prompt(command.context)))

    def _stop_warming(self) -> None:
        if self._warming is not None:
            self._warming.cancel()
            self._warming = None

    async def _warm(self, prompt: Prompt) -> None:
        try:
            await guarded(self._responder.warm(prompt), self._timeouts.first_part_s, "language model")
        except EngineError:
            return  # a hint that failed; the answer itself will say what is wrong

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
                self._tell(event)
                await self._room()

    async def _events(self, command: fx.StartResponse, prompt: Prompt) -> AsyncGenerator[fx.AnswerEvent, None]:
        """Everything here runs under guard: parts that make no sense are the engine's fault too."""
        encoder = Encoder(command.format)
        async with aclosing(self._responder.respond(prompt)) as parts:
            async for part in parts:
                for event in _events(command.response_id, part, encoder):
                    yield event
                if isinstance(part, Finished):
                    return
        raise EngineError("engine_failed", "The engine ended without finishing its answer.")

    def _prompt(self, context: fx.Context) -> Prompt:
        return Prompt(
            instructions=context.instructions,
            messages=tuple(self._message(item) for item in context.items),
            spoken=context.modality == "audio",
            voice=Voice(context.voice, context.speed),
            max_tokens=context.max_output_tokens,
            truncation=_truncation(context.truncation),
            effort=context.effort,
            parallel_tool_calls=context.parallel_tool_calls,
            plain=context.plain,
        )

    def _message(self, item: Item) -> Message:
        return Message(item.role, tuple(self._content(item, part) for part in item.content))

    def _content(self, item: Item, part: Part) -> str | Speech:
        match part:
            case InputText() | OutputText():
                return part.text
            case OutputAudio():
                return part.transcript
            case InputAudio():
                pcm = part.audio if isinstance(part.audio, bytes) else b""
                return Speech(Pcm.from_bytes(pcm), self._transcripts.reader(item.id, part.transcript))


def _truncation(truncation: Truncation) -> Literal["auto", "disabled"] | Retention:
    if not isinstance(truncation, RetentionRatio):
        return truncation
    limits = truncation.token_limits
    most = limits.post_instructions if isinstance(limits, TokenLimits) else UNSET
    return Retention(truncation.retention_ratio, None if isinstance(most, UnsetType) else most)


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
        case Finished():
            usage = part.usage
            end = fx.AnswerFinished(
                response_id=response_id,
                reason=part.reason,
                input_tokens=usage.input_tokens,
                output_tokens=usage.output_tokens,
                cached_tokens=usage.cached_tokens,
            )
            return [*_audio(response_id, *encoder.flush()), end]
        case _:
            assert_never(part)


def _audio(response_id: str, data: bytes, samples: int) -> list[fx.AnswerEvent]:
    return [fx.AnswerAudio(response_id=response_id, data=data, samples=samples)] if data else []
