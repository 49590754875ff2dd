"""What an answer is made of."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

from vivavoce.audio.pcm import Pcm


@dataclass(frozen=True, slots=True)
class TokenUsage:
    """Tokens by the model's own count. `cached_tokens` is the part of `input_tokens` that was not computed again,
    `image_tokens` the part that pictures took."""

    input_tokens: int = 0
    output_tokens: int = 0
    cached_tokens: int = 0
    image_tokens: int = 0
    audio_tokens: int | None = None
    """The part of `input_tokens` that voices took; None: no voice is among them."""
    spoken_tokens: int | None = None
    """The part of `output_tokens` that is audio; None: no audio is among them."""


@dataclass(frozen=True, slots=True)
class TextDelta:
    """A piece of generated text."""

    text: str


@dataclass(frozen=True, slots=True)
class CallBegan:
    """The model calls a tool. Its `CallArguments` follow, and then `CallEnded`, before any other call."""

    name: str


@dataclass(frozen=True, slots=True)
class CallArguments:
    """A piece of the arguments of the call that began last. Together they are a JSON object that fits the schema."""

    text: str


@dataclass(frozen=True, slots=True)
class CallEnded:
    """The arguments are whole."""


CallPart = CallBegan | CallArguments | CallEnded


@dataclass(frozen=True, slots=True)
class Finished:
    """The last part of every answer. `length`: it was cut off at the token limit; `content_filter`: by its provider."""

    reason: Literal["stop", "length", "content_filter"] = "stop"
    usage: TokenUsage = field(default_factory=TokenUsage)


@dataclass(frozen=True, slots=True)
class WordTimes:
    """When words of a clause have been said: pairs of `chars` and `ms`, neither of which ever falls.

    The text up to the character `chars` is over `ms` milliseconds after the clause's audio began. An engine that knows
    them tells before the audio that they speak of, so that words whose audio is never sent are known to be unsaid.
    """

    ends: tuple[tuple[int, float], ...]


@dataclass(frozen=True, slots=True)
class Began:
    """The first word exists, though nothing can be heard or read yet. At most once, before all text."""


@dataclass(frozen=True, slots=True)
class SpokenText:
    """Words of a spoken answer; the audio that says them, and its `WordTimes`, follow before the next `SpokenText`."""

    text: str


@dataclass(frozen=True, slots=True, eq=False)
class SpokenAudio:
    """At most `MAX_CHUNK_MS` of a spoken answer. What comes before all words is heard, and nothing of it remembered."""

    audio: Pcm


ResponsePart = Began | TextDelta | SpokenText | WordTimes | SpokenAudio | CallPart | Finished
