"""A language model on a remote server: `POST /chat/completions`, streamed."""

from __future__ import annotations

import logging
import math
from collections.abc import AsyncGenerator, Mapping, Sequence
from contextlib import aclosing
from typing import Literal

from vivavoce.engines import window
from vivavoce.engines.openai.http import Body, Net, Refused, Remote
from vivavoce.engines.openai.payload import Complaint, Json, complaint_in, count, find, parse
from vivavoce.engines.openai.sse import SseParser
from vivavoce.engines.openai.thoughts import Thoughts
from vivavoce.ports import EngineError, Finished, LlmFeature, Message, Prompt, Retention, TextDelta, TokenUsage

SPOKEN_STYLE = (
    "Your answer will be spoken aloud. Use a few short, whole sentences of plain words; "
    "no markdown, no lists, no headings, no emoji."
)
"""Added to the instructions of an answer that will be heard."""

TOKENS_PER_BYTE = 1 / 3.5
"""A careful guess, for this server's tokenizer is not known: English has some 4.3 bytes a token, most others 3 to 4."""
TURN_TOKENS = 5
"""What a chat template puts around a message, about."""

_log = logging.getLogger(__name__)


class OpenAiLlm:
    """One request an answer.

    `max_tokens_field` is the name of the token limit in the request: newer OpenAI models want
    `max_completion_tokens`. `extra` goes into every request (temperature, reasoning effort and the like).
    `prewarm` lets `warm` spend a request of one token, so that servers with a prefix cache have it filled.
    `context` is the model's window in tokens, if it is known. `reasoning` and `parallel_tool_calls` say that the model
    knows these fields of a request: only then are they sent.
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
        parallel_tool_calls: bool = False,
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
        self._parallel_tool_calls = parallel_tool_calls

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
        """As configured."""
        able: dict[LlmFeature, bool] = {
            "window": self._context is not None,
            "reasoning": self._reasoning,
            "parallel_tool_calls": self._parallel_tool_calls,
        }
        return tuple(feature for feature, has in able.items() if has)

    async def start(self) -> None:
        """A warning in the log if the server cannot be reached now; it may come up later."""
        await self._remote.check()

    async def aclose(self) -> None:
        """Close the connections."""
        await self._remote.aclose()

    async def generate(self, prompt: Prompt) -> AsyncGenerator[TextDelta | Finished, None]:
        """Text as it comes, then `Finished` with the server's own count of tokens (zeros if it gives none).

        The conversation is cut where it exceeds its limit, by a guess at its tokens (`TOKENS_PER_BYTE`). When the
        server says that it is too long all the same, the older half of it is left out until it fits, or
        `context_too_long` is raised (`prompt.truncation`). Raises `EngineError`.
        """
        messages = self._fitted(prompt)
        while True:
            try:
                async with aclosing(self._attempt(prompt, messages, prompt.max_tokens)) as parts:
                    async for part in parts:
                        yield part
                return
            except Refused as refusal:
                if not refusal.complaint.context_too_long:
                    raise
                newer = _newer_half(messages)
                if prompt.truncation == "disabled" or len(newer) == len(messages):
                    raise EngineError("context_too_long", refusal.message) from refusal
            messages = newer

    async def warm(self, prompt: Prompt) -> None:
        """With `prewarm`, one token of an answer, thrown away. Errors are only logged: this is a hint."""
        if not self._prewarm:
            return
        try:
            async with aclosing(self._attempt(prompt, self._fitted(prompt), max_tokens=1)) as parts:
                async for _ in parts:
                    pass
        except EngineError as error:
            _log.debug("prewarming failed: %s", error.message)

    def _fitted(self, prompt: Prompt) -> Sequence[Message]:
        """What to send, as far as a limit is known. Raises `EngineError` (`context_too_long`)."""
        asked = prompt.truncation
        own = asked.post_instructions if isinstance(asked, Retention) else None
        # "disabled" is for the server to judge: it counts, and we would only guess.
        if asked == "disabled" or (self._context is None and own is None):
            return prompt.messages
        sizes = [_tokens(_text_of(message)) for message in prompt.messages]
        room = sum(sizes)  # of a window that nobody knows: only the session's own limit is left
        if self._context is not None:
            room = self._context - self._context // 4 - _tokens(_system(prompt))
        return window.fit(prompt, sizes, room).messages

    async def _attempt(
        self, prompt: Prompt, messages: Sequence[Message], max_tokens: int | None
    ) -> AsyncGenerator[TextDelta | Finished, None]:
        """One request. Raises `Refused` before its first part only."""
        answer = _Answer(self._remote, self._api_key)
        body = Body(json=self._body(prompt, messages, max_tokens))
        async with self._remote.post("/chat/completions", body) as reply, aclosing(reply.chunks()) as chunks:
            async for data in chunks:
                for delta in answer.feed(data):
                    yield delta
                if answer.complete:
                    await reply.drain()
                    break
            for delta in answer.finish():
                yield delta
        yield answer.end()

    def _body(self, prompt: Prompt, messages: Sequence[Message], max_tokens: int | None) -> dict[str, Json]:
        body: dict[str, Json] = {
            **self._extra,
            "model": self._remote.model,
            "messages": _rendered(prompt, messages),
            "stream": True,
            "stream_options": {"include_usage": True},
        }
        if max_tokens is not None:
            body[self._max_tokens_field] = max_tokens
        if self._reasoning and prompt.effort is not None:
            body["reasoning_effort"] = prompt.effort
        if self._parallel_tool_calls and prompt.parallel_tool_calls is not None:
            body["parallel_tool_calls"] = prompt.parallel_tool_calls
        return body


class _Answer:
    """What a stream of chunks has said so far."""

    def __init__(self, remote: Remote, secret: str | None) -> None:
        self._remote = remote
        self._secret = secret
        self._events = SseParser()
        self._thoughts = Thoughts()
        self._begun = False
        self._reason: Literal["stop", "length", "content_filter"] | None = None
        self._usage = TokenUsage()
        self.complete = False
        """`[DONE]` came."""

    def feed(self, data: bytes) -> list[TextDelta]:
        """The text in the events that `data` completes."""
        try:
            events = self._events.feed(data)
        except ValueError as error:
            raise self._garbage() from error
        return self._deltas(events)

    def finish(self) -> list[TextDelta]:
        """The text in a last event that was not ended properly, and what might have become a tag."""
        try:
            events = self._events.finish()
        except ValueError as error:
            raise self._garbage() from error
        deltas = self._deltas(events)
        return [*deltas, TextDelta(rest)] if (rest := self._thoughts.end()) else deltas

    def end(self) -> Finished:
        """The last part. Raises `EngineError` if the stream ended before the answer did."""
        if self._reason is None and not (self.complete and self._begun):
            raise self._remote.failure("engine_failed", "ended its stream before its answer")
        return Finished(self._reason or "stop", self._usage)

    def _deltas(self, events: Sequence[str]) -> list[TextDelta]:
        return [TextDelta(text) for event in events if (text := self._text(event))]

    def _text(self, event: str) -> str:
        if event == "[DONE]":
            self.complete = True
        if self.complete:
            return ""
        try:
            chunk = parse(event)
        except ValueError as error:
            raise self._garbage() from error
        if not isinstance(chunk, Mapping):
            raise self._garbage()
        if chunk.get("error"):
            raise self._complaint(complaint_in(chunk, self._secret))
        if chunk.get("usage"):
            self._usage = _usage(chunk["usage"])
        if reason := find(chunk, "choices", 0, "finish_reason"):
            self._reason = reason if reason == "length" or reason == "content_filter" else "stop"
        content = find(chunk, "choices", 0, "delta", "content")
        text = self._thoughts.feed(content) if isinstance(content, str) else ""
        self._begun = self._begun or bool(text)
        return text

    def _complaint(self, complaint: Complaint) -> EngineError:
        error = self._remote.failure("engine_failed", f"stopped with an error: {complaint.message}")
        return error if self._begun else Refused(error.code, error.message, complaint)

    def _garbage(self) -> EngineError:
        return self._remote.failure("engine_failed", "sent something that is no stream of chat completions")


def _usage(usage: Json) -> TokenUsage:
    return TokenUsage(
        input_tokens=count(usage, "prompt_tokens"),
        output_tokens=count(usage, "completion_tokens"),
        cached_tokens=count(usage, "prompt_tokens_details", "cached_tokens"),
    )


def _rendered(prompt: Prompt, messages: Sequence[Message]) -> list[Json]:
    system = _system(prompt)
    opening: list[Json] = [{"role": "system", "content": system}] if system else []
    return opening + [{"role": message.role, "content": _text_of(message)} for message in messages]


def _system(prompt: Prompt) -> str:
    return "\n\n".join(filter(None, (prompt.instructions, SPOKEN_STYLE if prompt.spoken and not prompt.plain else "")))


def _text_of(message: Message) -> str:
    texts = [part for part in message.content if isinstance(part, str)]
    if len(texts) < len(message.content):
        raise EngineError("engine_failed", "A language model was given a voice instead of its transcript.")
    return "\n".join(texts)


def _tokens(text: str) -> int:
    return math.ceil(len(text.encode()) * TOKENS_PER_BYTE) + TURN_TOKENS


def _newer_half(messages: Sequence[Message]) -> Sequence[Message]:
    """What is left begins with the user's words where it can, and with the last turn at the latest (`window.cut`)."""
    turn = window.last_turn(messages)
    half = min((len(messages) + 1) // 2, turn)
    return messages[next((i for i in range(half, turn) if messages[i].role == "user"), turn) :]
