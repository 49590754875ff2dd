"""The stream of an answer of `POST /chat/completions`, as different servers send it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal

from vivavoce.engines.openai.calls import Call, Calls
from vivavoce.engines.openai.http import Refused, Remote
from vivavoce.engines.openai.payload import Complaint, Json, complaint_in, count, find, parse
from vivavoce.engines.openai.sse import SseParser
from vivavoce.engines.openai.thoughts import Thoughts
from vivavoce.ports import EngineError, TextDelta, TokenUsage


@dataclass(slots=True)
class Answer:
    """What was said and called. `image_tokens` is what the pictures of the request take, by our guess."""

    image_tokens: int = 0
    text: str = ""
    calls: list[Call] = field(default_factory=list)
    reason: Literal["stop", "length", "content_filter"] = "stop"
    usage: TokenUsage = field(default_factory=TokenUsage)


class Stream:
    """Bytes in, text out; `answer` is filled meanwhile. `names` are those of the tools as they were sent."""

    def __init__(self, remote: Remote, secret: str | None, names: Sequence[str], answer: Answer) -> None:
        self._remote = remote
        self._secret = secret
        self._answer = answer
        self._events = SseParser()
        self._thoughts = Thoughts()
        self._calls = Calls(names)
        self._begun = False
        self._ended = False
        self.complete = False
        """`[DONE]` came."""

    def feed(self, data: bytes) -> list[TextDelta]:
        """The text in the events that `data` completes. Raises `EngineError`."""
        try:
            events = self._events.feed(data)
        except ValueError as error:
            raise self._garbage() from error
        return self._deltas(events)

    def finish(self) -> list[TextDelta]:
        """The end: the text in a last event that was not ended properly, and what might have become a tag.

        Raises `EngineError`, also if the stream ended before the answer did.
        """
        try:
            events = self._events.finish()
        except ValueError as error:
            raise self._garbage() from error
        deltas = self._deltas(events)
        if rest := self._thoughts.end():
            deltas.append(self._said(rest))
        if not self._ended and not (self.complete and self._begun):
            raise self._remote.failure("engine_failed", "ended its stream before its answer")
        self._answer.calls = self._calls.whole()
        return deltas

    def _deltas(self, events: Sequence[str]) -> list[TextDelta]:
        return [self._said(text) for event in events if (text := self._text(event))]

    def _said(self, text: str) -> TextDelta:
        self._answer.text += text
        return TextDelta(text)

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
            self._answer.usage = _usage(chunk["usage"], self._answer.image_tokens)
        return self._choice(find(chunk, "choices", 0))

    def _choice(self, choice: Json) -> str:
        if reason := find(choice, "finish_reason"):
            self._ended = True
            self._answer.reason = reason if reason == "length" or reason == "content_filter" else "stop"
        try:
            self._calls.feed(find(choice, "delta"))
        except ValueError as error:
            raise self._remote.failure("engine_failed", "called tools without an end") from error
        content = find(choice, "delta", "content")
        text = self._thoughts.feed(content) if isinstance(content, str) else ""
        self._begun = self._begun or bool(text) or bool(self._calls)
        return text

    def _complaint(self, complaint: Complaint) -> EngineError:
        error = self._remote.failure("engine_failed", f"stopped with an error: {complaint.message}")
        return error if self._begun else Refused(error.code, error.message, complaint)

    def _garbage(self) -> EngineError:
        return self._remote.failure("engine_failed", "sent something that is no stream of chat completions")


def _usage(usage: Json, image_tokens: int) -> TokenUsage:
    """By the server's count; pictures by our own where it has none, and never more than the prompt."""
    prompt = count(usage, "prompt_tokens")
    return TokenUsage(
        input_tokens=prompt,
        output_tokens=count(usage, "completion_tokens"),
        cached_tokens=count(usage, "prompt_tokens_details", "cached_tokens"),
        image_tokens=min(count(usage, "prompt_tokens_details", "image_tokens") or image_tokens, prompt),
    )
