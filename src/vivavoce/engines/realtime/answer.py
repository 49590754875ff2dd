"""One answer of that server's: its events on their way to whoever listens, and the port's parts that they become."""

from __future__ import annotations

import asyncio
import binascii
import json
from base64 import b64decode
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass, field

from vivavoce.audio.pcm import Pcm
from vivavoce.engines.calls import callable_tools
from vivavoce.engines.captioned import Captioned
from vivavoce.engines.realtime.events import Event, InputDetails, Item, OutputDetails, Response, StatusDetails, Usage
from vivavoce.engines.realtime.link import Remote
from vivavoce.ports import (
    MAX_CHUNK_MS,
    CallArguments,
    CallBegan,
    CallEnded,
    CallPart,
    EngineError,
    Finished,
    Prompt,
    ResponsePart,
    TextDelta,
    TokenUsage,
)

MOST_AHEAD = 32 << 20
"""Bytes of an answer that may wait for its listener: over eight minutes of voice in base64."""
EVENT_BYTES = 512
"""What an event takes beside what it carries."""
MOST_CHARACTERS = 256 << 10
"""Of all arguments in one answer."""


class Answer:
    """An answer that was asked for as `key`. `in_band`: it belongs to that server's conversation."""

    def __init__(self, key: str, in_band: bool) -> None:
        self.key = key
        self.in_band = in_band
        self.id: str | None = None
        """That server's, once it has begun."""
        self.left = False
        """Nobody listens any more."""
        self.over: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        """Nothing more comes of it."""
        self._events: deque[Event] = deque()
        self._bytes = 0
        """Of the events."""
        self._failure: EngineError | None = None
        self._some = asyncio.Event()

    @property
    def full(self) -> bool:
        """More waits for the listener than may."""
        return self._bytes > MOST_AHEAD

    def put(self, event: Event) -> None:
        """One more event."""
        if not self.left:
            self._events.append(event)
            self._bytes += _bytes(event)
            self._some.set()

    async def next(self) -> Event:
        """The next event. Raises the `EngineError` that it failed with."""
        while not self._events:
            if self._failure is not None:
                raise self._failure
            self._some.clear()
            await self._some.wait()
        event = self._events.popleft()
        self._bytes -= _bytes(event)
        return event

    def end(self, failure: EngineError | None = None) -> None:
        """Nothing more comes."""
        self._failure = failure
        self._some.set()
        if not self.over.done():
            self.over.set_result(None)

    def leave(self) -> None:
        """Nobody listens any more."""
        self.left = True
        self._events.clear()
        self._bytes = 0


def _bytes(event: Event) -> int:
    return EVENT_BYTES + len(event.delta or "") + len(event.arguments or "")


@dataclass(slots=True)
class _Call:
    item_id: str
    name: str
    arguments: str = ""
    told: int = 0
    """Characters of the arguments."""
    whole: bool = False


@dataclass(slots=True)
class _Calls:
    """One call after the other, though that server may write several at once."""

    open: deque[_Call] = field(default_factory=deque)
    size: int = 0

    def began(self, item: Item) -> Iterator[CallPart]:
        """A call."""
        self.open.append(_Call(item.id, item.name or ""))
        if len(self.open) == 1:
            yield CallBegan(self.open[0].name)

    def more(self, item_id: str | None, text: str) -> Iterator[CallPart]:
        """More of its arguments."""
        for call in self.open:
            if call.item_id == item_id and not call.whole:
                call.arguments += text
                self.size += len(text)
        yield from self._tell()

    def ended(self, item_id: str | None, arguments: str) -> Iterator[CallPart]:
        """Its arguments as a whole; unless they are cut off, no more of them come."""
        for call in self.open:
            if call.item_id == item_id and not call.whole:
                if arguments.startswith(call.arguments):
                    call.arguments = arguments
                call.whole = _is_object(call.arguments)
        yield from self._tell()

    def _tell(self) -> Iterator[CallPart]:
        while self.open:
            call = self.open[0]
            if news := call.arguments[call.told :]:
                call.told = len(call.arguments)
                yield CallArguments(news)
            if not call.whole:
                return
            yield CallEnded()
            self.open.popleft()
            if self.open:
                yield CallBegan(self.open[0].name)


def _is_object(text: str) -> bool:
    try:
        return isinstance(json.loads(text), dict)
    except (ValueError, RecursionError):
        return False


class Reading:
    """From events to parts. Everything in it raises `EngineError` for what makes no sense."""

    def __init__(self, remote: Remote, prompt: Prompt) -> None:
        self._remote = remote
        self._spoken = prompt.spoken
        self._captioned = Captioned(prompt.voice.speed)
        self._calls = _Calls()
        self._callable = {tool.name for tool in callable_tools(prompt)}
        self._odd = b""  # half a sample
        self._sounded = self._wrote = self._called = False

    def take(self, event: Event) -> Iterator[ResponsePart]:
        """The parts that an event makes."""
        match event.type:
            case "response.output_item.added" if event.item is not None:
                yield from self._item(event.item)
            case "response.output_text.delta" if event.delta:
                if self._spoken:
                    raise self._remote.failure("engine_failed", "answered in writing, and was asked to speak")
                yield from self._written(event.delta)
            case "response.output_audio_transcript.delta" if event.delta:
                yield from self._captioned.words(event.delta) if self._spoken else self._written(event.delta)
            case "response.output_audio.delta" if event.delta:
                self._sounded = True
                if self._spoken:
                    yield from self._audio(event.delta)
            case "response.function_call_arguments.delta" if event.delta:
                yield from self._calls.more(event.item_id, event.delta)
                if self._calls.size > MOST_CHARACTERS:
                    raise self._remote.failure("engine_failed", "called a tool with more than any tool takes")
            case "response.function_call_arguments.done":
                yield from self._calls.ended(event.item_id, event.arguments or "")
            case "response.output_item.done" if event.item is not None and event.item.type == "function_call":
                yield from self._calls.ended(event.item.id, event.item.arguments or "")
            case "response.done":
                if event.response is None:
                    raise self._remote.failure("engine_failed", "ended its answer without saying how")
                yield from self._end(event.response)
            case _:
                pass

    def _written(self, text: str) -> Iterator[ResponsePart]:
        self._wrote = True
        yield from self._captioned.began()
        yield TextDelta(text)

    def _item(self, item: Item) -> Iterator[ResponsePart]:
        if item.type == "message":
            yield from self._captioned.began()
        elif item.type == "function_call":
            if item.name not in self._callable:
                raise self._remote.failure("engine_failed", "called a tool that it may not call")
            self._called = True
            yield from self._calls.began(item)

    def _audio(self, delta: str) -> Iterator[ResponsePart]:
        try:
            data = self._odd + b64decode(delta, validate=True)
        except (binascii.Error, ValueError):
            raise self._remote.failure("engine_failed", "sent audio that is not base64") from None
        whole = len(data) & ~1
        self._odd = data[whole:]
        for piece in Pcm.from_bytes(data[:whole]).chunks(MAX_CHUNK_MS):
            yield from self._captioned.sound(piece)

    def _end(self, response: Response) -> Iterator[ResponsePart]:
        details = response.status_details or StatusDetails()
        reason = details.reason
        if response.status == "failed":
            raise self._remote.said(details.fault)
        if response.status == "cancelled":
            raise self._remote.failure("engine_failed", f"gave up its answer{f' ({reason})' if reason else ''}")
        cut_off = response.status == "incomplete"
        if self._calls.open and not cut_off:
            raise self._remote.failure("engine_failed", "called a tool with arguments that are no JSON object")
        if not (cut_off or self._called):
            self._check_kind()
        yield from self._captioned.end()
        filtered = cut_off and reason == "content_filter"
        ending = Finished("content_filter" if filtered else "length" if cut_off else "stop", _usage(response.usage))
        yield ending

    def _check_kind(self) -> None:
        if self._spoken and self._captioned.wordy and not self._sounded:
            raise self._remote.failure("engine_failed", "answered in words alone, and was asked to speak")
        if not self._spoken and self._sounded and not self._wrote:
            raise self._remote.failure("engine_failed", "answered aloud alone, and was asked to write")


def _usage(told: Usage | None) -> TokenUsage:
    told = told or Usage()
    of_input, of_output = told.input_token_details or InputDetails(), told.output_token_details or OutputDetails()
    return TokenUsage(
        told.input_tokens or 0,
        told.output_tokens or 0,
        of_input.cached_tokens or 0,
        of_input.image_tokens or 0,
        of_input.audio_tokens,
        of_output.audio_tokens,
    )
