"""The stream of an answer of `POST /chat/completions`, as different servers send it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal

from vivavoce.audio.pcm import Pcm
from vivavoce.engines.openai.calls import Call, Calls
from vivavoce.engines.openai.http import Refused, Remote
from vivavoce.engines.openai.payload import Complaint, Json, complaint_in, count, find, parse
from vivavoce.engines.openai.sound import Sound
from vivavoce.engines.openai.sse import MAX_EVENT_BYTES, SseParser
from vivavoce.engines.openai.thoughts import Thoughts
from vivavoce.ports import EngineError, TextDelta, TokenUsage

MAX_SOUND_BYTES = 8 << 20
"""Of an event with audio: two minutes in one piece, as a server sends them that does not stream them."""


@dataclass(slots=True)
class Answer:
    """What was said and called. `image_tokens` and `audio_tokens` are what the pictures and the voices of the request
    take, by our guess; None: the model hears nothing."""

    image_tokens: int = 0
    audio_tokens: int | None = None
    text: str = ""
    calls: list[Call] = field(default_factory=list)
    reason: Literal["stop", "length", "content_filter"] = "stop"
    usage: TokenUsage = field(default_factory=TokenUsage)


Delta = TextDelta | Pcm
"""What is said: words, and audio in pieces of at most `MAX_CHUNK_MS`."""
_PLACES = (("content",), ("audio", "transcript"))


class Stream:
    """Bytes in, text and audio out; `answer` is filled meanwhile. `names` are those of the tools as they were sent.

    `sound` is for the answer's audio; without it audio is passed over.
    """

    def __init__(
        self, remote: Remote, secret: str | None, names: Sequence[str], answer: Answer, sound: Sound | None = None
    ) -> None:
        self._remote = remote
        self._secret = secret
        self._answer = answer
        self._sound = sound
        self._events = SseParser(MAX_EVENT_BYTES if sound is None else MAX_SOUND_BYTES)
        self._place: tuple[str, ...] = ()
        """Where the words come: some servers have them in the text and in the audio's transcript."""
        self._stages = False
        """Each stage of the model ends its part of the stream (vLLM-Omni): only `[DONE]` is the end."""
        self._thoughts = Thoughts()
        self._calls = Calls(names)
        self._begun = False
        self._ended = False
        self.complete = False
        """`[DONE]` came."""

    def feed(self, data: bytes) -> list[Delta]:
        """What is said in the events that `data` completes. Raises `EngineError`."""
        try:
            events = self._events.feed(data)
        except ValueError as error:
            raise self._garbage() from error
        return self._deltas(events)

    def finish(self) -> list[Delta]:
        """The end: what is said in a last event that was not ended properly, and what was held back.

        Raises `EngineError`, also if the stream ended before the answer did.
        """
        try:
            events = self._events.finish()
        except ValueError as error:
            raise self._garbage() from error
        deltas = self._deltas(events)
        if rest := self._thoughts.end():
            deltas.append(self._said(rest))
        if self._sound is not None:
            deltas += self._sound.finish()
        if (self._stages or not self._ended) and not (self.complete and self._begun):
            raise self._remote.failure("engine_failed", "ended its stream before its answer")
        self._answer.calls = self._calls.whole()
        return deltas

    def _deltas(self, events: Sequence[str]) -> list[Delta]:
        return [delta for event in events for delta in self._event(event)]

    def _said(self, text: str) -> TextDelta:
        self._answer.text += text
        return TextDelta(text)

    def _event(self, event: str) -> list[Delta]:
        if event == "[DONE]":
            self.complete = True
        if self.complete:
            return []
        try:
            chunk = parse(event)
        except ValueError as error:
            raise self._garbage() from error
        if not isinstance(chunk, Mapping):
            raise self._garbage()
        if chunk.get("error"):
            raise self._complaint(complaint_in(chunk, self._secret))
        if chunk.get("usage"):
            self._answer.usage = _usage(chunk["usage"], self._answer, speaks=self._sound is not None)
        choice = find(chunk, "choices", 0)
        if find(chunk, "modality") == "audio":
            self._stages = True
            return self._heard(find(choice, "delta", "content"))
        return [*self._choice(choice), *self._heard(find(choice, "delta", "audio", "data"))]

    def _choice(self, choice: Json) -> list[Delta]:
        if reason := find(choice, "finish_reason"):
            self._ended = True
            self._answer.reason = reason if reason == "length" or reason == "content_filter" else "stop"
        try:
            self._calls.feed(find(choice, "delta"))
        except ValueError as error:
            raise self._remote.failure("engine_failed", "called tools without an end") from error
        text = self._thoughts.feed(self._words(find(choice, "delta")))
        self._begun = self._begun or bool(text) or bool(self._calls)
        return [self._said(text)] if text else []

    def _words(self, delta: Json) -> str:
        for place in (self._place,) if self._place else _PLACES:
            if isinstance(words := find(delta, *place), str) and words:
                self._place = place
                return words
        return ""

    def _heard(self, data: Json) -> list[Delta]:
        if self._sound is None or not isinstance(data, str) or not data:
            return []
        self._begun = True
        try:
            return [*self._sound.feed(data)]
        except ValueError as error:
            raise self._remote.failure("engine_failed", f"sent {error}") from error

    def _complaint(self, complaint: Complaint) -> EngineError:
        error = self._remote.failure("engine_failed", f"stopped with an error: {complaint.message}")
        return error if self._begun else Refused(error.code, error.message, complaint)

    def _garbage(self) -> EngineError:
        return self._remote.failure("engine_failed", "sent something that is no stream of chat completions")


def _usage(usage: Json, answer: Answer, *, speaks: bool) -> TokenUsage:
    """By the server's count; pictures and voices by our own where it has none, and never more than the prompt.

    Audio that is spoken is counted where the server does: whether the others mean it too, nobody knows.
    """
    prompt = count(usage, "prompt_tokens")
    audio = None
    if answer.audio_tokens is not None and prompt:
        audio = min(count(usage, "prompt_tokens_details", "audio_tokens") or answer.audio_tokens, prompt)
    spoken = count(usage, "completion_tokens_details", "audio_tokens") if speaks else 0
    return TokenUsage(
        input_tokens=prompt,
        output_tokens=count(usage, "completion_tokens"),
        cached_tokens=count(usage, "prompt_tokens_details", "cached_tokens"),
        image_tokens=min(count(usage, "prompt_tokens_details", "image_tokens") or answer.image_tokens, prompt),
        audio_tokens=audio,
        spoken_tokens=spoken or None,
    )
