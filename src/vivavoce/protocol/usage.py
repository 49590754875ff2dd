"""What a response cost, in tokens per modality (PROTOCOL.md 5.1)."""

from __future__ import annotations

from msgspec import Struct


class CachedTokensDetails(Struct, frozen=True):
    """Which of the input tokens were reused."""

    text_tokens: int = 0
    audio_tokens: int = 0
    image_tokens: int = 0


class InputTokenDetails(Struct, frozen=True, kw_only=True):
    """Input tokens per modality."""

    text_tokens: int = 0
    audio_tokens: int = 0
    image_tokens: int = 0
    cached_tokens: int = 0
    cached_tokens_details: CachedTokensDetails = CachedTokensDetails()


class OutputTokenDetails(Struct, frozen=True, kw_only=True):
    """Output tokens per modality."""

    text_tokens: int = 0
    audio_tokens: int = 0


class Usage(Struct, frozen=True, kw_only=True):
    """What a response cost (5.1)."""

    total_tokens: int = 0
    input_tokens: int = 0
    output_tokens: int = 0
    input_token_details: InputTokenDetails = InputTokenDetails()
    output_token_details: OutputTokenDetails = OutputTokenDetails()
