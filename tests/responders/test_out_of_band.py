"""An answer beside the conversation, while one of the conversation is being given."""

from __future__ import annotations

from tests.clients.sdk import call
from tests.patience import run
from tests.responders.kinds import ARR, Kind, answered_by, each_told, recited, refusal, still_there, words


@each_told
def test_it_is_made_from_its_own_input_and_leaves_the_other_alone(kind: Kind) -> None:
    async def scenario() -> None:
        async with answered_by(kind) as server, call(server, **ARR) as caller:
            await caller.write("Tell me a story.")
            story = (await caller.until("response.output_audio.delta")).response_id
            question = {"type": "message", "role": "user", "content": [{"type": "input_text", "text": "Who asks?"}]}
            aside = {
                "conversation": "none",
                "input": [question],
                "output_modalities": ["text"],
                "instructions": "Psst.",
            }
            await caller.connection.response.create(response=aside)  # type: ignore[arg-type]
            done = await caller.until("response.done")
            assert (done.response.conversation_id, words(done)) == (None, "Psst. Who asks?")
            mixed = [e for e in caller.events if e.type == "response.output_text.delta" and e.response_id == story]
            assert mixed == []
            await caller.connection.response.cancel()
            told = (await caller.until("response.done")).response
            assert (told.id, told.status) == (story, "cancelled")
            recital = await recited(caller)
            assert recital.startswith("user: Tell me a story.; assistant: Once there was a server. It")
            assert "Who asks?" not in recital

    run(scenario)


def test_a_model_that_cannot_be_asked_refuses_it() -> None:
    async def scenario() -> None:
        async with answered_by("duplex") as server, call(server, **ARR) as caller:
            await caller.connection.response.create(response={"conversation": "none", "input": []})
            assert await refusal(caller) == ("unsupported_value", "type")
            await still_there(caller)

    run(scenario)
