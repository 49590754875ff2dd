"""What a response cost, in tokens per modality (PROTOCOL.md 5).

Text and image tokens are the language model's own count, and so is the audio that it heard and spoke itself. Where it
was given words instead, or others spoke for it, audio is counted by the wire's rates: never twice. A response that
ended before its engine reported has only the audio that we counted ourselves: nothing is guessed.
"""

from __future__ import annotations

from vivavoce.core.effects import SAMPLES_PER_MS, AnswerFinished
from vivavoce.protocol.usage import CachedTokensDetails, InputTokenDetails, OutputTokenDetails, Usage

MS_PER_TOKEN_HEARD = 100
MS_PER_TOKEN_SPOKEN = 50


def usage(finished: AnswerFinished | None, heard_ms: int, spoken_samples: int) -> Usage:
    """`heard_ms`: the caller's audio in the context; `spoken_samples`: the answer's audio at 24 kHz."""
    told = finished or AnswerFinished(response_id="")
    heard, spoken = told.audio_tokens, told.spoken_tokens
    audio_in = _tokens(heard_ms, MS_PER_TOKEN_HEARD) if heard is None else min(heard, told.input_tokens)
    audio_out = (
        _tokens(spoken_samples // SAMPLES_PER_MS, MS_PER_TOKEN_SPOKEN)
        if spoken is None
        else min(spoken, told.output_tokens)
    )
    words_in = told.input_tokens - (audio_in if heard is not None else 0)
    image_in = min(told.image_tokens, words_in)
    text_in = words_in - image_in
    text_out = told.output_tokens - (audio_out if spoken is not None else 0)
    cached = told.cached_tokens
    cached_text = min(cached, text_in)
    cached_audio = min(cached - cached_text, audio_in) if heard is not None else 0
    return Usage(
        total_tokens=words_in + audio_in + text_out + audio_out,
        input_tokens=words_in + audio_in,
        output_tokens=text_out + audio_out,
        input_token_details=InputTokenDetails(
            text_tokens=text_in,
            audio_tokens=audio_in,
            image_tokens=image_in,
            cached_tokens=cached,
            # Which of them were cached is not known: of pictures as few as possible.
            cached_tokens_details=CachedTokensDetails(
                text_tokens=cached_text,
                audio_tokens=cached_audio,
                image_tokens=max(0, cached - cached_text - cached_audio),
            ),
        ),
        output_token_details=OutputTokenDetails(text_tokens=text_out, audio_tokens=audio_out),
    )


def _tokens(ms: int, ms_per_token: int) -> int:
    return -(-ms // ms_per_token)
