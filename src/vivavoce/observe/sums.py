"""What a session used, or many of them together, in whole numbers: they add up without dust."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

from vivavoce.ports import Work
from vivavoce.protocol.usage import Usage

RATE = 24_000
"""Hz of all audio that is counted here."""


@dataclass(slots=True)
class Effort:
    """Of the engine in one role. The fields are those of `Work`."""

    requests: int = 0
    characters: int = 0
    samples: int = 0
    cpu_ns: int | None = None

    def add(self, work: Work | Effort) -> None:
        """More of it."""
        self.requests += work.requests
        self.characters += work.characters
        self.samples += work.samples
        if work.cpu_ns is not None:
            self.cpu_ns = (self.cpu_ns or 0) + work.cpu_ns


@dataclass(slots=True)
class Tokens:
    """Of answers, per modality. What is `cached` was not computed again; it is a part of the input."""

    input_text: int = 0
    input_audio: int = 0
    input_image: int = 0
    cached_text: int = 0
    cached_audio: int = 0
    cached_image: int = 0
    output_text: int = 0
    output_audio: int = 0

    @classmethod
    def of(cls, usage: Usage) -> Tokens:
        """Of one response, as the wire has it (PROTOCOL.md 5.1)."""
        given, made = usage.input_token_details, usage.output_token_details
        cached = given.cached_tokens_details
        return cls(
            given.text_tokens,
            given.audio_tokens,
            given.image_tokens,
            cached.text_tokens,
            cached.audio_tokens,
            cached.image_tokens,
            made.text_tokens,
            made.audio_tokens,
        )

    def add(self, other: Tokens) -> None:
        """More of them."""
        self.input_text += other.input_text
        self.input_audio += other.input_audio
        self.input_image += other.input_image
        self.cached_text += other.cached_text
        self.cached_audio += other.cached_audio
        self.cached_image += other.cached_image
        self.output_text += other.output_text
        self.output_audio += other.output_audio


@dataclass(slots=True)
class Sums:
    """Audio is in samples at 24 kHz."""

    sessions: int = 0
    connected_ms: int = 0
    heard: int = 0
    """Of the caller, as received."""
    transcribed_ms: int = 0
    """Of that, what was found to be speech and has its final transcript."""
    made: int = 0
    """Of the assistant."""
    played: int | None = None
    """Of that, what has left a line that is paced here; None where the client plays the audio itself."""
    responses: int = 0
    functions: int = 0
    """Calls of the client's tools."""
    mcp_calls: int = 0
    """Calls of tools of MCP servers."""
    tokens: Tokens = field(default_factory=Tokens)
    efforts: dict[str, Effort] = field(default_factory=dict)
    """By role."""

    def effort(self, role: str) -> Effort:
        """Of this role, which may be new."""
        return self.efforts.setdefault(role, Effort())

    def add(self, other: Sums) -> None:
        """All that another one has."""
        self.sessions += other.sessions
        self.connected_ms += other.connected_ms
        self.heard += other.heard
        self.transcribed_ms += other.transcribed_ms
        self.made += other.made
        if other.played is not None:
            self.played = (self.played or 0) + other.played
        self.responses += other.responses
        self.functions += other.functions
        self.mcp_calls += other.mcp_calls
        self.tokens.add(other.tokens)
        for role, effort in other.efforts.items():
            self.effort(role).add(effort)


def together(parts: Iterable[Sums]) -> Sums:
    """The sum of all of them."""
    total = Sums()
    for part in parts:
        total.add(part)
    return total
