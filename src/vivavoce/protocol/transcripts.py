"""What the events about a transcript are made of (PROTOCOL.md 2.2)."""

from __future__ import annotations

from typing import Literal

from msgspec import Struct


class TokenLogprob(Struct, frozen=True, kw_only=True):
    """A token of a transcript, its UTF-8 bytes, and the natural logarithm of how likely the recogniser took it to be.

    A token may be a part of a character: `token` then holds the replacement character, and `bytes` what was meant.
    """

    token: str
    bytes: tuple[int, ...]
    logprob: float


class Language(Struct, frozen=True, kw_only=True):
    """A language that was detected."""

    code: str


class DurationUsage(Struct, frozen=True, kw_only=True):
    """What a transcription cost, in seconds of audio (5.2)."""

    type: Literal["duration"] = "duration"
    seconds: float


class TranscriptionError(Struct, frozen=True, kw_only=True):
    """Keys that have no value are left out: a stock client refuses nulls here (9.2)."""

    type: str = "transcription_error"
    code: str
    message: str
