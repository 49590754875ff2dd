"""How an answer ends that does not end well, and that the conversation goes on."""

from __future__ import annotations

from tests.clients.parrot import HEARD
from tests.clients.sdk import call
from tests.patience import run
from tests.responders.duplex import ParrotDuplex
from tests.responders.kinds import (
    ARR,
    WRITTEN,
    Kind,
    answer,
    answered_by,
    each_kind,
    each_told,
    refusal,
    still_there,
    words,
)
from tests.responders.witness import BREAK, Ears


@each_told
def test_at_its_limit_of_tokens_it_is_incomplete(kind: Kind) -> None:
    async def scenario() -> None:
        async with answered_by(kind) as server, call(server, **WRITTEN) as caller:
            item = {"type": "message", "role": "user", "content": [{"type": "input_text", "text": "One two three."}]}
            await caller.connection.conversation.item.create(item=item)  # type: ignore[arg-type]
            await caller.connection.response.create(response={"max_output_tokens": 3})
            done = await caller.until("response.done")
            assert (done.response.status, done.response.status_details.reason) == ("incomplete", "max_output_tokens")
            assert words(done) == "Arr, matey. One"

    run(scenario)


def test_a_model_that_cannot_be_limited_refuses_it() -> None:
    async def scenario() -> None:
        async with answered_by("duplex") as server, call(server, **ARR) as caller:
            await caller.connection.session.update(session={"type": "realtime", "max_output_tokens": 3})
            assert await refusal(caller) == ("unsupported_value", "session.max_output_tokens")
            await still_there(caller)

    run(scenario)


class BreakingEars(Ears):
    """Hears `BREAK` in long speech."""

    long = BREAK


@each_kind
def test_a_fault_in_mid_answer_fails_it_and_the_next_turn_is_answered(kind: Kind) -> None:
    async def scenario() -> None:
        world = answered_by(kind, ears=BreakingEars(), duplex=ParrotDuplex(breaks=1))
        async with world as server, call(server, **ARR) as caller:
            await caller.say(1600)
            done = (await caller.until("response.done")).response
            assert done.status == "failed"
            assert (done.status_details.error.type, done.status_details.error.code) == ("server_error", "engine_failed")
            await caller.say()
            assert await answer(caller) == f"Arr, matey. {HEARD}"

    run(scenario)
