"""A turn of the caller's, written or spoken, is answered alike whoever answers."""

from __future__ import annotations

from tests.clients.parrot import HEARD
from tests.clients.sdk import call
from tests.patience import run
from tests.responders.kinds import (
    ARR,
    WRITTEN,
    Kind,
    answer,
    answered_by,
    each_kind,
    each_told,
    recited,
    refusal,
    still_there,
)


@each_told
def test_a_written_turn_is_answered_aloud(kind: Kind) -> None:
    async def scenario() -> None:
        async with answered_by(kind) as server, call(server, **ARR) as caller:
            await caller.write("Hello?")
            assert await answer(caller) == "Arr, matey. Hello?"
            deltas = [event.delta for event in caller.events if event.type == "response.output_audio_transcript.delta"]
            assert "".join(deltas) == "Arr, matey. Hello?"
            assert len(caller.audio) / 48 >= 3 * 200

    run(scenario)


@each_told
def test_and_in_writing_where_that_is_asked_for(kind: Kind) -> None:
    async def scenario() -> None:
        async with answered_by(kind) as server, call(server, **WRITTEN) as caller:
            await caller.write("Hello?")
            assert await answer(caller) == "Arr, matey. Hello?"
            assert caller.audio == b""
            text = [event.delta for event in caller.events if event.type == "response.output_text.delta"]
            assert "".join(text) == "Arr, matey. Hello?"

    run(scenario)


@each_kind
def test_a_spoken_turn_ends_by_itself(kind: Kind) -> None:
    async def scenario() -> None:
        async with answered_by(kind) as server, call(server, **ARR) as caller:
            await caller.say()
            assert await answer(caller) == f"Arr, matey. {HEARD}"
            order = [
                "input_audio_buffer.speech_started",
                "input_audio_buffer.speech_stopped",
                "input_audio_buffer.committed",
                "conversation.item.added",
                "conversation.item.done",
                "response.created",
            ]
            start = caller.types.index(order[0])
            assert caller.types[start : start + len(order)] == order
            assert len(caller.audio) / 48 >= 3 * 200
            assert caller.types.count("response.created") == 1

    run(scenario)


@each_told
def test_a_turn_that_the_client_ends(kind: Kind) -> None:
    async def scenario() -> None:
        async with (
            answered_by(kind) as server,
            call(server, **ARR, audio={"input": {"turn_detection": None}}) as caller,
        ):
            await caller.say()
            await caller.connection.input_audio_buffer.commit()
            await caller.until("input_audio_buffer.committed")
            await caller.connection.response.create()
            assert await answer(caller) == f"Arr, matey. {HEARD}"
            assert "input_audio_buffer.speech_started" not in caller.types

    run(scenario)


@each_told
def test_a_second_turn_knows_the_first(kind: Kind) -> None:
    async def scenario() -> None:
        async with answered_by(kind) as server, call(server, **ARR) as caller:
            await caller.say()
            await answer(caller)
            assert await recited(caller) == f"user: {HEARD}; assistant: Arr, matey. {HEARD}."

    run(scenario)


def test_a_model_that_decides_itself_when_to_speak_is_not_asked_to() -> None:
    async def scenario() -> None:
        async with answered_by("duplex") as server, call(server, **ARR) as caller:
            await caller.write("Hello?")
            assert [await refusal(caller) for _ in range(2)] == [("unsupported_value", "type")] * 2
            await caller.connection.session.update(
                session={"type": "realtime", "audio": {"input": {"turn_detection": None}}}
            )
            assert await refusal(caller) == ("unsupported_value", "session.audio.input.turn_detection")
            await caller.connection.session.update(session={"type": "realtime", "output_modalities": ["text"]})
            assert await refusal(caller) == ("unsupported_value", "session.output_modalities")
            await still_there(caller)

    run(scenario)
