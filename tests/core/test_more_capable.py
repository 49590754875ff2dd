"""PROTOCOL.md 3: fields that take effect where an engine is configured that can do them."""

from __future__ import annotations

from typing import Any

import pytest
from msgspec.structs import replace
from tests.core.caller import CAN, Caller, refusal, started
from tests.core.test_session_update import effective

from vivavoce.protocol.session import NoiseReduction, RetentionRatio, TokenLimits, TracingConfig

ABLE = replace(
    CAN,
    reasoning=True,
    parallel_tool_calls=True,
    noise_reduction=True,
    tracing=True,
    languages=("en", "de"),
    transcription_features=("prompt", "keywords", "languages", "delay", "logprobs"),
)
LOGPROBS = "item.input_audio_transcription.logprobs"


def able(**session: object) -> Caller:
    caller = Caller(can=ABLE)
    caller.update(**session)
    return caller


def test_reasoning_and_parallel_tool_calls_reach_the_model_and_go_with_null() -> None:
    caller = able(reasoning={"effort": "high"}, parallel_tool_calls=False)
    context = started(caller.send("response.create")).context
    assert (context.effort, context.parallel_tool_calls) == ("high", False)
    caller.finish()
    session = effective(caller.update(reasoning=None, parallel_tool_calls=None))
    assert "reasoning" not in session
    assert "parallel_tool_calls" not in session
    context = started(caller.send("response.create")).context
    assert (context.effort, context.parallel_tool_calls) == (None, None)


def test_a_response_may_think_as_it_likes() -> None:
    caller = able(reasoning={"effort": "high"})
    overrides = {"reasoning": {"effort": "minimal"}, "parallel_tool_calls": True}
    context = started(caller.send("response.create", response=overrides)).context
    assert (context.effort, context.parallel_tool_calls) == ("minimal", True)


def test_a_retention_ratio_reaches_the_model() -> None:
    asked = {"type": "retention_ratio", "retention_ratio": 0.5, "token_limits": {"post_instructions": 800}}
    caller = able()
    assert effective(caller.update(truncation=asked))["truncation"] == asked
    limits = TokenLimits(post_instructions=800)
    assert started(caller.send("response.create")).context.truncation == RetentionRatio(0.5, limits)


def test_a_retention_ratio_needs_a_limit_where_the_models_window_is_not_known() -> None:
    caller = able()
    ratio: dict[str, object] = {"type": "retention_ratio", "retention_ratio": 0.5}
    for asked in (ratio, {**ratio, "token_limits": {}}):
        assert refusal(caller.update(truncation=asked)) == ("unsupported_value", "session.truncation")
    known = Caller(can=replace(ABLE, retention=True))
    assert effective(known.update(truncation=ratio))["truncation"] == ratio


def test_noise_reduction_keeps_what_an_update_leaves_out() -> None:
    caller = able()

    def noise(**patch: object) -> object:
        caller.update(audio={"input": {"noise_reduction": patch}})
        return caller.session.settings.audio.input.noise_reduction

    assert noise(type="near_field") == NoiseReduction("near_field", 1.0)
    assert noise(strength=0.25) == NoiseReduction("near_field", 0.25)
    assert noise(type="far_field") == NoiseReduction("far_field", 0.25)
    caller.update(audio={"input": {"noise_reduction": None}})
    assert caller.session.settings.audio.input.noise_reduction is None
    assert refusal(caller.update(audio={"input": {"noise_reduction": {"strength": 0.5}}})) == (
        "missing_required_parameter",
        "session.audio.input.noise_reduction.type",
    )


def test_transcription_shows_what_only_some_models_have_where_it_is_set() -> None:
    caller = able()

    def transcription(**patch: object) -> dict[str, Any]:
        found: dict[str, Any] = effective(caller.update(audio={"input": {"transcription": patch}}))
        shown: dict[str, Any] = found["audio"]["input"]["transcription"]
        return shown

    plain = {"model": "whisper-1", "language": None, "prompt": None}
    assert transcription(delay="low", keywords=["Anna"], languages=["en", "de"]) == {
        **plain,
        "delay": "low",
        "keywords": ["Anna"],
        "languages": ["en", "de"],
    }
    assert transcription(language="de") == {
        **plain,
        "language": "de",
        "delay": "low",
        "keywords": ["Anna"],
        "languages": ["en", "de"],
    }
    assert transcription(language=None, delay=None, keywords=[], languages=None) == plain
    assert transcription(language="en-US")["language"] == "en-US"


@pytest.mark.parametrize(
    ("patch", "param"), [({"language": "xx"}, "language"), ({"languages": ["en", "xx"]}, "languages[1]")]
)
def test_a_language_that_the_recogniser_does_not_know_is_refused(patch: dict[str, object], param: str) -> None:
    outputs = able().update(audio={"input": {"transcription": patch}})
    assert refusal(outputs) == ("invalid_value", f"session.audio.input.transcription.{param}")


def test_log_probabilities_are_shown_as_asked_and_taken_back() -> None:
    caller = able()
    assert effective(caller.update(include=[LOGPROBS]))["include"] == [LOGPROBS]
    assert effective(caller.update())["include"] == [LOGPROBS]
    assert effective(caller.update(include=[]))["include"] is None


def test_tracing_is_fixed_once_it_is_on() -> None:
    caller = able()
    config = {"workflow_name": "support", "group_id": "g1", "metadata": {"k": "v"}}
    assert effective(caller.update(tracing=config))["tracing"] == config
    assert effective(caller.update(tracing=config))["tracing"] == config
    for change in ("auto", None, {"workflow_name": "other"}):
        assert refusal(caller.update(tracing=change)) == ("cannot_update_tracing", "session.tracing")
    assert caller.session.settings.tracing == TracingConfig("support", "g1", {"k": "v"})


def test_tracing_auto_is_on_where_traces_go_somewhere() -> None:
    assert effective(able().update(tracing="auto"))["tracing"] == "auto"
