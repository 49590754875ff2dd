"""PROTOCOL.md 2.2: `rate_limits.updated` after each response, and what happens when nothing is left."""

from __future__ import annotations

from msgspec.structs import replace
from tests.core.caller import CAN, Caller, done, tags

from vivavoce.protocol import server as wire

LIMITED = replace(CAN, tokens_per_minute=600)


def limits(outputs: list[object]) -> tuple[wire.RateLimit, ...]:
    (updated,) = (output for output in outputs if isinstance(output, wire.RateLimitsUpdated))
    return updated.rate_limits


def test_without_a_limit_there_is_nothing_to_list() -> None:
    caller = Caller()
    caller.send("response.create")
    outputs = caller.finish(input_tokens=100)
    assert isinstance(outputs[-1], wire.RateLimitsUpdated)
    assert limits([*outputs]) == ()


def test_what_is_left_comes_right_after_the_response() -> None:
    caller = Caller(can=LIMITED)
    caller.send("response.create")
    outputs = caller.finish(input_tokens=100, output_tokens=50)
    assert tags(outputs) == ["response.done", "rate_limits.updated"]
    assert limits([*outputs]) == (wire.RateLimit(name="tokens", limit=600, remaining=450, reset_seconds=15.0),)


def test_tokens_come_back_with_time_and_never_beyond_the_limit() -> None:
    caller = Caller(can=LIMITED)
    caller.send("response.create")
    caller.finish(input_tokens=300)
    caller.now += 10
    caller.send("response.create")
    assert limits([*caller.finish("resp_2")])[0].remaining == 400
    caller.now += 3600
    caller.send("response.create")
    assert limits([*caller.finish("resp_3", output_tokens=1)])[0].remaining == 599


def test_when_nothing_is_left_the_response_fails_at_once_and_a_later_one_is_answered() -> None:
    caller = Caller(can=LIMITED)
    caller.send("response.create")
    assert limits([*caller.finish(input_tokens=650)])[0].remaining == 0
    outputs = caller.send("response.create")
    assert tags(outputs) == ["response.created", "response.done", "rate_limits.updated"]
    details = done(outputs).status_details
    assert details is not None
    assert isinstance(details.error, wire.ResponseErrorBody)
    assert (details.error.type, details.error.code) == ("rate_limit_error", "rate_limit_exceeded")
    assert details.error.message == "Rate limit reached: 600 tokens per minute. Try again in 5.1 s."
    caller.now += 5.2
    assert tags(caller.send("response.create")) == ["response.created", "start_response"]


def test_a_spoken_turn_is_heard_and_kept_even_when_it_cannot_be_answered() -> None:
    caller = Caller(can=LIMITED)
    caller.send("response.create")
    caller.finish(input_tokens=1000)
    outputs = tags(caller.speak_turn())
    assert outputs[-3:] == ["response.created", "response.done", "rate_limits.updated"]
    assert "conversation.item.done" in outputs
