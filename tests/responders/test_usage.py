"""What an answer cost is told, and adds up, whoever made it."""

from __future__ import annotations

from typing import Any

from tests.clients.sdk import call
from tests.patience import run
from tests.responders.kinds import ARR, WRITTEN, Kind, answered_by, each_kind, each_told


def check(usage: Any) -> None:
    """It adds up."""
    assert usage.total_tokens == usage.input_tokens + usage.output_tokens
    given, made = usage.input_token_details, usage.output_token_details
    assert given.text_tokens + given.audio_tokens + given.image_tokens == usage.input_tokens
    assert made.text_tokens + made.audio_tokens == usage.output_tokens
    assert 0 <= given.cached_tokens <= usage.input_tokens


@each_told
def test_of_a_written_answer(kind: Kind) -> None:
    async def scenario() -> None:
        async with answered_by(kind) as server, call(server, **WRITTEN) as caller:
            await caller.write("Hello?")
            usage = (await caller.until("response.done")).response.usage
            check(usage)
            assert usage.input_token_details.text_tokens > 0
            assert usage.input_token_details.audio_tokens == usage.output_token_details.audio_tokens == 0
            assert usage.output_tokens == 3  # a word is a token of this model

    run(scenario)


@each_kind
def test_of_a_spoken_one(kind: Kind) -> None:
    async def scenario() -> None:
        async with answered_by(kind) as server, call(server, **ARR) as caller:
            await caller.say()
            usage = (await caller.until("response.done")).response.usage
            check(usage)
            assert usage.input_token_details.audio_tokens >= 6  # 100 ms each (PROTOCOL.md 5)
            assert usage.output_token_details.audio_tokens >= 12  # 50 ms each
            assert usage.input_tokens < 100
            assert usage.output_tokens < 100

    run(scenario)
