"""PROTOCOL.md 5: audio is counted by the model that heard or spoke it, or by the wire's rates, and never twice."""

from __future__ import annotations

from msgspec.structs import replace

from vivavoce.core.effects import AnswerFinished
from vivavoce.core.usage import usage
from vivavoce.protocol.usage import CachedTokensDetails, InputTokenDetails, OutputTokenDetails, Usage

SECOND = 24_000


def answered(**tokens: int) -> AnswerFinished:
    return replace(AnswerFinished(response_id="resp_1"), **tokens)


def test_a_model_that_reads_and_writes_has_its_callers_audio_counted_by_the_wires_rates() -> None:
    cost = usage(answered(input_tokens=40, output_tokens=7), heard_ms=1230, spoken_samples=2 * SECOND)
    assert cost.input_token_details.text_tokens == 40
    assert cost.input_token_details.audio_tokens == 13
    assert cost.output_token_details == OutputTokenDetails(text_tokens=7, audio_tokens=40)
    assert (cost.input_tokens, cost.output_tokens, cost.total_tokens) == (53, 47, 100)


def test_a_model_that_hears_counts_what_it_heard() -> None:
    cost = usage(answered(input_tokens=40, output_tokens=7, audio_tokens=30), heard_ms=1230, spoken_samples=SECOND)
    assert (cost.input_token_details.text_tokens, cost.input_token_details.audio_tokens) == (10, 30)
    assert cost.input_tokens == 40
    assert cost.output_token_details == OutputTokenDetails(text_tokens=7, audio_tokens=20)


def test_a_model_that_hears_and_was_told_words_alone_heard_nothing() -> None:
    cost = usage(answered(input_tokens=40, audio_tokens=0), heard_ms=5000, spoken_samples=0)
    assert (cost.input_token_details.text_tokens, cost.input_token_details.audio_tokens) == (40, 0)


def test_a_model_that_speaks_counts_what_it_spoke() -> None:
    cost = usage(answered(output_tokens=60, spoken_tokens=50), heard_ms=0, spoken_samples=9 * SECOND)
    assert cost.output_token_details == OutputTokenDetails(text_tokens=10, audio_tokens=50)
    assert cost.output_tokens == 60


def test_a_count_of_parts_is_never_more_than_the_whole() -> None:
    told = answered(input_tokens=10, image_tokens=5, audio_tokens=99, output_tokens=3, spoken_tokens=99)
    assert usage(told, heard_ms=0, spoken_samples=0) == Usage(
        total_tokens=13,
        input_tokens=10,
        output_tokens=3,
        input_token_details=InputTokenDetails(audio_tokens=10),
        output_token_details=OutputTokenDetails(audio_tokens=3),
    )


def test_what_was_cached_is_words_first_then_voices_then_pictures() -> None:
    told = answered(input_tokens=100, image_tokens=20, audio_tokens=30, cached_tokens=90)
    cached = usage(told, heard_ms=0, spoken_samples=0).input_token_details.cached_tokens_details
    assert cached == CachedTokensDetails(text_tokens=50, audio_tokens=30, image_tokens=10)


def test_the_wires_own_rates_say_nothing_of_what_was_cached() -> None:
    told = answered(input_tokens=50, image_tokens=20, cached_tokens=40)
    cached = usage(told, heard_ms=9000, spoken_samples=0).input_token_details.cached_tokens_details
    assert cached == CachedTokensDetails(text_tokens=30, image_tokens=10)
