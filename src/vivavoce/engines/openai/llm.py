"""A language model on a remote server: `POST /chat/completions`, streamed."""

from __future__ import annotations

import asyncio
import logging
import re
from collections.abc import AsyncGenerator, Mapping, Sequence
from contextlib import aclosing
from dataclasses import dataclass, field, replace
from functools import partial

from vivavoce.audio.pcm import Pcm
from vivavoce.engines import window
from vivavoce.engines.calls import shown
from vivavoce.engines.openai import pictures, speech
from vivavoce.engines.openai.answer import Answer, Delta, Stream
from vivavoce.engines.openai.calls import Call
from vivavoce.engines.openai.http import Body, Net, Refused, Remote
from vivavoce.engines.openai.payload import Json
from vivavoce.engines.openai.repair import Fault, conversation, fault_of, missing
from vivavoce.engines.openai.request import Names, images_in, overhead, rendered, size_of, tool_fields
from vivavoce.engines.openai.schema import Schema
from vivavoce.engines.openai.sound import Sound
from vivavoce.ports import (
    CallArguments,
    CallBegan,
    CallEnded,
    CallPart,
    EngineError,
    Finished,
    LlmFeature,
    Message,
    Prompt,
    Retention,
    TextDelta,
    TokenUsage,
    Tool,
)

MOST_HELD = 10_000
"""Pieces of an answer that is read as a whole: it replaces one that was wrong."""

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Aloud:
    """How a spoken answer is asked for: further `fields` of the request, and the Hz of audio that has no header to say
    it. Without a `rate` audio is passed over."""

    fields: Mapping[str, Json] = field(default_factory=dict)
    rate: int | None = None


@dataclass(frozen=True, slots=True)
class _Ask:
    """One request. `then` goes behind the conversation."""

    prompt: Prompt
    names: Names
    aloud: Aloud
    then: Sequence[Json] = ()


class OpenAiLlm:
    """One request an answer.

    `max_tokens_field` is the name of the token limit in the request: newer OpenAI models want
    `max_completion_tokens`. `extra` goes into every request (temperature, reasoning effort and the like).
    `prewarm` lets `warm` spend a request of one token, so that servers with a prefix cache have it filled.
    `context` is the model's window in tokens, if it is known. `reasoning` and `parallel_tool_calls` say that the model
    knows these fields of a request: only then are they sent. `tools`: it can call tools; `images`: it sees pictures;
    `hears`: it is given the caller's voice, in this shape: the newest `speech_turns` voices, as far as they are not
    longer than `speech_s` seconds together.
    """

    def __init__(
        self,
        base_url: str,
        model: str,
        api_key: str | None = None,
        *,
        max_tokens_field: str = "max_tokens",
        extra: Mapping[str, Json] | None = None,
        prewarm: bool = False,
        context: int | None = None,
        reasoning: bool = False,
        tools: bool = True,
        parallel_tool_calls: bool = False,
        images: bool = False,
        hears: speech.SpeechPart | None = None,
        speech_s: float = 60.0,
        speech_turns: int = 32,
        net: Net | None = None,
    ) -> None:
        """`base_url` ends in the version (".../v1"). Raises `ValueError` for an unusable address or key."""
        self._remote = Remote("language model", base_url, model, api_key, net or Net())
        self._api_key = api_key
        self._max_tokens_field = max_tokens_field
        self._extra = dict(extra or {})
        self._prewarm = prewarm
        self._context = context
        self._reasoning = reasoning
        self._tools = tools
        self._parallel_tool_calls = parallel_tool_calls
        self._images = images
        self._hears = hears
        self._bounded = partial(speech.bounded, seconds=speech_s, turns=speech_turns)

    @property
    def name(self) -> str:
        """`openai`."""
        return "openai"

    @property
    def running(self) -> int:
        """Requests in flight."""
        return self._remote.running

    @property
    def features(self) -> tuple[LlmFeature, ...]:
        """As configured. With tools, one call at a time can be had from any server: the others are passed over."""
        able: dict[LlmFeature, bool] = {
            "window": self._context is not None,
            "reasoning": self._reasoning,
            "parallel_tool_calls": self._tools,
            "tools": self._tools,
            "images": self._images,
            "speech": self._hears is not None,
        }
        return tuple(feature for feature, has in able.items() if has)

    async def start(self) -> None:
        """A warning in the log if the server cannot be reached now; it may come up later."""
        await self._remote.check()

    async def unreachable(self) -> str | None:
        """Why the server cannot be reached now."""
        return await self._remote.unreachable()

    async def aclose(self) -> None:
        """Close the connections."""
        await self._remote.aclose()

    def refused(self, tool: Tool) -> str | None:
        """A tool with a schema that arguments cannot be checked by."""
        try:
            Schema(tool)
        except EngineError as error:
            return error.message
        return None

    async def generate(self, prompt: Prompt) -> AsyncGenerator[TextDelta | CallPart | Finished, None]:
        """The `parts` of an answer in text."""
        async with aclosing(self.parts(prompt, Aloud())) as parts:
            async for part in parts:
                if not isinstance(part, Pcm):
                    yield part

    async def parts(self, prompt: Prompt, aloud: Aloud) -> AsyncGenerator[Delta | CallPart | Finished, None]:
        """Text and audio as they come, calls when they are whole, then `Finished` with the server's own count of tokens
        (zeros if it gives none).

        The conversation is cut where it exceeds its limit, by a guess at its tokens (`request.TOKENS_PER_BYTE`). When
        the server says that it is too long all the same, the older half of it is left out until it fits, or
        `context_too_long` is raised (`prompt.truncation`).

        A call that is wrong is asked for again, once: a request more, whose tokens count too. Raises `EngineError`:
        `invalid_tool_call` if that is wrong too, `invalid_tool` where a tool's schema is none.
        """
        prompt = replace(prompt, messages=self._bounded(shown(prompt.messages)))
        names = Names(prompt.tools)
        answer, ask = Answer(), _Ask(prompt, names, aloud)
        async with aclosing(self._answered(ask, answer)) as deltas:
            async for delta in deltas:
                yield delta
        usage = answer.usage
        faults = [fault] if (fault := missing(answer, prompt)) else []
        for call in answer.calls[:1] if prompt.parallel_tool_calls is False else answer.calls:
            called = Call(names.ours(call.name), call.arguments)
            if (fault := fault_of(called, prompt)) is None:
                for part in _parts(called):
                    yield part
            elif answer.reason == "stop":  # otherwise it is only cut off, as is the answer
                faults.append(fault)
        for fault in faults:
            better, said = await self._repaired(ask, answer, fault, usage.output_tokens)
            usage = _sum(usage, better.usage)
            if better.text and fault.again.tool_choice != "required":
                if answer.text:
                    yield TextDelta(" ")
                for delta in said:
                    yield delta
            for call in better.calls:
                for part in _parts(call):
                    yield part
        yield Finished(answer.reason, usage)

    async def warm(self, prompt: Prompt, aloud: Aloud = Aloud()) -> None:  # frozen
        """With `prewarm`, one token of an answer, thrown away. Errors are only logged: this is a hint.

        A voice at the end is left out: it may go on, and as a longer one it is another to the server.
        """
        if not self._prewarm:
            return
        messages = self._bounded(shown(prompt.messages))  # with that voice: the answer has no more room than this
        messages = messages[:-1] if speech.voices_in(messages[-1:]) else messages
        prompt = replace(prompt, messages=messages, max_tokens=1)
        try:
            ask = _Ask(prompt, Names(prompt.tools), aloud)
            async with aclosing(self._attempt(ask, _fitted(ask, self._context), Answer())) as deltas:
                async for _ in deltas:
                    pass
        except EngineError as error:
            _log.debug("prewarming failed: %s", error.message)

    async def _repaired(self, ask: _Ask, answer: Answer, fault: Fault, used: int) -> tuple[Answer, list[Delta]]:
        """A better answer, and what is said in it: at most one call, which fits, by its own name. Raises
        `EngineError`."""
        again, names = fault.again, ask.names
        if again.max_tokens is not None:
            again = replace(again, max_tokens=max(again.max_tokens - used, 1))
        better = Answer()
        asked = replace(ask, prompt=again, then=conversation(fault, answer, names))
        said: list[Delta] = []
        async with aclosing(self._answered(asked, better)) as deltas:
            async for delta in deltas:
                said.append(delta)
                if len(said) > MOST_HELD:
                    raise self._remote.failure("engine_failed", "sent far more than an answer")
        better.calls = [Call(names.ours(call.name), call.arguments) for call in better.calls[:1]]
        left = fault_of(better.calls[0], again) if better.calls else missing(replace(better, reason="stop"), again)
        if left is not None:
            what = f"called the tool {left.call.name} wrongly, twice" if left.call else "called no tool, though it must"
            raise self._remote.failure("invalid_tool_call", f"{what}: {' '.join(left.why.split())}".rstrip("."))
        return better, said

    async def _answered(self, ask: _Ask, answer: Answer) -> AsyncGenerator[Delta, None]:
        """What is said in one answer, and the rest of it in `answer`."""
        prompt, messages = ask.prompt, _fitted(ask, self._context)
        while True:
            try:
                async with aclosing(self._attempt(ask, messages, answer)) as deltas:
                    async for delta in deltas:
                        yield delta
                return
            except Refused as refusal:
                if not refusal.complaint.context_too_long:
                    raise _explained(refusal, ask, messages) from refusal
                newer = _newer_half(messages)
                if prompt.truncation == "disabled" or len(newer) == len(messages):
                    raise EngineError("context_too_long", refusal.message) from refusal
            messages = newer

    async def _attempt(self, ask: _Ask, messages: Sequence[Message], answer: Answer) -> AsyncGenerator[Delta, None]:
        """One request. Raises `Refused` before its first part only."""
        prompt, names, rate = ask.prompt, ask.names, ask.aloud.rate
        images, voices = images_in(messages), speech.voices_in(messages)
        if voices and self._hears is None:
            raise EngineError("engine_failed", "A language model was given a voice instead of its transcript.")
        if images and not self._images:
            raise EngineError("engine_failed", "A language model that sees nothing was given a picture.")
        answer.image_tokens = sum(pictures.tokens(image) for image in images)
        if self._hears is not None:
            answer.audio_tokens = sum(speech.tokens(voice, speech.MS_PER_TOKEN_TOLD) for voice in voices)
        sound = Sound(rate) if rate is not None else None
        stream = Stream(self._remote, self._api_key, [names.sent(tool.name) for tool in prompt.tools], answer, sound)
        render = partial(rendered, prompt, messages, names, self._hears or "input_audio")
        said = await asyncio.to_thread(render) if voices else render()
        body = Body(json=self._body(ask, [*said, *ask.then]))
        async with self._remote.post("/chat/completions", body) as reply, aclosing(reply.chunks()) as chunks:
            async for data in chunks:
                for delta in stream.feed(data):
                    yield delta
                if stream.complete:
                    await reply.drain()
                    break
            for delta in stream.finish():
                yield delta

    def _body(self, ask: _Ask, messages: Sequence[Json]) -> dict[str, Json]:
        prompt, tools = ask.prompt, tool_fields(ask.prompt, ask.names)
        body: dict[str, Json] = {
            **self._extra,
            "model": self._remote.model,
            "messages": messages,
            "stream": True,
            "stream_options": {"include_usage": True},
            **tools,
            **ask.aloud.fields,
        }
        if prompt.max_tokens is not None:
            body[self._max_tokens_field] = prompt.max_tokens
        if self._reasoning and prompt.effort is not None:
            body["reasoning_effort"] = prompt.effort
        if tools and self._parallel_tool_calls and prompt.parallel_tool_calls is not None:
            body["parallel_tool_calls"] = prompt.parallel_tool_calls
        return body


def _explained(refusal: Refused, ask: _Ask, messages: Sequence[Message]) -> EngineError:
    """The refusal; of tools, pictures or audio by name, with the setting that says what the server can do."""
    complaint = refusal.complaint.message
    if ask.prompt.tools and re.search(r"\btools?\b|\btool[-_ ]|function", complaint, re.IGNORECASE):
        hint = "If it has no tools, its settings need tools = false."
        return EngineError("tools_refused", f"{refusal.message} {hint}")
    if images_in(messages) and re.search(r"image|vision|multi-?modal", complaint, re.IGNORECASE):
        hint = "If it sees no pictures, its settings need images = false."
        return EngineError("images_refused", f"{refusal.message} {hint}")
    with_audio = ask.aloud.rate is not None or speech.voices_in(messages)
    if with_audio and re.search(r"audio|speech|modalit|multi-?modal|content type", complaint, re.IGNORECASE):
        hint = (
            "If it takes no audio, it belongs into [engines.llm], with speech = false; if it takes fewer voices in a "
            "request, its settings need speech_turns."
        )
        return EngineError("audio_refused", f"{refusal.message} {hint}")
    return refusal


def _fitted(ask: _Ask, context: int | None) -> Sequence[Message]:
    """What to send, as far as a limit is known. `context`: the model's window. Raises `EngineError`
    (`context_too_long`)."""
    prompt, asked = ask.prompt, ask.prompt.truncation
    own = asked.post_instructions if isinstance(asked, Retention) else None
    # "disabled" is for the server to judge: it counts, and we would only guess.
    if asked == "disabled" or (context is None and own is None):
        return prompt.messages
    sizes = [size_of(message) for message in prompt.messages]
    room = sum(sizes)  # of a window that nobody knows: only the session's own limit is left
    if context is not None:
        room = context - context // 4 - overhead(prompt, ask.names)
    return window.fit(prompt, sizes, room).messages


def _newer_half(messages: Sequence[Message]) -> Sequence[Message]:
    """What is left begins with the user's words where it can, and with the last turn at the latest (`window.cut`)."""
    turn = window.last_turn(messages)
    half = min((len(messages) + 1) // 2, turn)
    return messages[next((i for i in range(half, turn) if messages[i].role == "user"), turn) :]


def _parts(call: Call) -> tuple[CallPart, ...]:
    return CallBegan(call.name), CallArguments(call.arguments), CallEnded()


def _sum(one: TokenUsage, other: TokenUsage) -> TokenUsage:
    return TokenUsage(
        one.input_tokens + other.input_tokens,
        one.output_tokens + other.output_tokens,
        one.cached_tokens + other.cached_tokens,
        one.image_tokens + other.image_tokens,
        _both(one.audio_tokens, other.audio_tokens),
        _both(one.spoken_tokens, other.spoken_tokens),
    )


def _both(one: int | None, other: int | None) -> int | None:
    return None if one is None and other is None else (one or 0) + (other or 0)
