"""The stock `openai` SDK with a model that speaks by itself: spoken turns are as with any other."""

from __future__ import annotations

from tests.clients.sdk import call
from tests.live import live
from tests.patience import run

from vivavoce.testing.duplex import SILENCE, VOICE, Opened, ScriptedDuplex, talks

ANSWER = "Good morning to you, and welcome to the museum of clocks."


def duplex(ms: float = 600) -> ScriptedDuplex:
    """It answers every turn."""
    return ScriptedDuplex([VOICE, SILENCE, *talks(ANSWER, ms)], endless=True)


def test_a_spoken_turn_is_transcribed_and_answered_as_it_was_set() -> None:
    async def scenario() -> None:
        settings = {
            "instructions": "Be kind.",
            "audio": {"input": {"transcription": {"model": "whisper-1"}}, "output": {"voice": "cedar"}},
        }
        model = duplex()
        async with live(responder=model) as server, call(server, **settings) as caller:
            await caller.say()
            done = await caller.until("response.done")
            assert done.response.status == "completed"
            assert done.response.output[0].content[0].transcript == ANSWER
            assert len(caller.audio) / 48 >= 600
            order = [
                "input_audio_buffer.speech_started",
                "input_audio_buffer.speech_stopped",
                "input_audio_buffer.committed",
                "conversation.item.added",
                "conversation.item.done",
            ]
            start = caller.types.index(order[0])
            assert caller.types[start : start + len(order)] == order
            assert "conversation.item.input_audio_transcription.completed" in caller.types
            assert "error" not in caller.types
        assert [each.request for each in model.calls] == [Opened("cedar", "Be kind.")]

    run(scenario)


def test_an_answer_is_interrupted_and_what_was_not_played_is_forgotten() -> None:
    async def scenario() -> None:
        async with live(responder=duplex(6000)) as server, call(server) as caller:
            await caller.say()
            await caller.until("response.output_audio.delta")
            await caller.say()
            done = await caller.until("response.done")
            assert (done.response.status, done.response.status_details.reason) == ("cancelled", "turn_detected")
            item = done.response.output[0]
            await caller.connection.conversation.item.truncate(item_id=item.id, content_index=0, audio_end_ms=10)
            await caller.until("conversation.item.truncated")
            await caller.connection.conversation.item.retrieve(item_id=item.id)
            kept = (await caller.until("conversation.item.retrieved")).item
            assert kept.content[0].transcript == ""

    run(scenario)


def test_what_only_a_model_that_is_asked_could_do_is_refused_and_the_session_goes_on() -> None:
    async def scenario() -> None:
        async with live(responder=duplex()) as server, call(server) as caller:
            await caller.write("Hello?")
            for _ in ("the item", "the request for an answer"):
                assert (await caller.until("error")).error.code == "unsupported_value"
            await caller.say()
            assert (await caller.until("response.done")).response.status == "completed"

    run(scenario)
