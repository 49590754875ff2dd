"""Two callers at the same time are not mixed up, whoever answers them."""

from __future__ import annotations

import asyncio

import pytest
from tests.clients.parrot import HEARD
from tests.clients.sdk import call
from tests.patience import run
from tests.responders.kinds import ARR, KINDS, Kind, answer, answered_by, each_told, finished, heard_from, recited


@pytest.mark.parametrize("kind", [kind for kind in KINDS if kind != "moshi"])  # which talks to one at a time
def test_each_hears_an_answer_of_its_own(kind: Kind) -> None:
    async def scenario() -> None:
        async with (
            answered_by(kind) as server,
            call(server, instructions="Arr, matey.") as one,
            call(server, instructions="Good day.") as other,
        ):
            await asyncio.gather(one.say(), other.say())
            assert await answer(one) == f"Arr, matey. {HEARD}"
            assert await answer(other) == f"Good day. {HEARD}"

    run(scenario)


def test_a_model_that_talks_to_one_at_a_time_says_so_and_goes_on() -> None:
    async def scenario() -> None:
        async with answered_by("moshi") as server, call(server, **ARR) as one, call(server, **ARR) as other:
            await heard_from(one)
            await one.say()
            await one.until("response.output_audio.delta")
            await other.say()
            refused = (await other.until("response.done")).response
            assert (refused.status, refused.status_details.error.code) == ("failed", "engine_busy")
            assert (await finished(one, 1)).response.status == "completed"
            await other.until("input_audio_buffer.committed")  # its session goes on
            assert other.types.count("response.done") == 1

    run(scenario)


@each_told
def test_neither_knows_what_the_other_said(kind: Kind) -> None:
    async def scenario() -> None:
        async with answered_by(kind) as server, call(server) as one, call(server) as other:
            await asyncio.gather(one.write("I am Ann."), other.write("I am Ben."))
            await asyncio.gather(answer(one), answer(other))
            ann, ben = await asyncio.gather(recited(one), recited(other))
            assert "Ann" in ann
            assert "Ann" not in ben
            assert "Ben" in ben
            assert "Ben" not in ann

    run(scenario)
