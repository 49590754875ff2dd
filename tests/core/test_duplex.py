"""A model that speaks by itself: when it is told to listen, how its answers begin, and what it cannot be told."""

from __future__ import annotations

import pytest
from msgspec.structs import replace
from tests.core.caller import CAN, SETTINGS, Caller, done, error, refusal, show, tags

from vivavoce.core import effects as fx
from vivavoce.core.capabilities import StoredPrompt
from vivavoce.core.opening import bound
from vivavoce.protocol.errors import ProtocolError
from vivavoce.protocol.session import SessionPatch

DUPLEX = replace(CAN, duplex=True, hears=True, instructed=False, min_speed=1.0, max_speed=1.0)


def caller() -> Caller:
    """With such a model."""
    return Caller(can=DUPLEX)


def speaks(one: Caller) -> list[fx.Output]:
    """The model begins."""
    return one.tell(fx.Speaks())


def listens(outputs: list[fx.Output]) -> list[fx.Converse]:
    """What it was told of its listening."""
    return [output for output in outputs if isinstance(output, fx.Converse)]


class TestListening:
    def test_it_begins_with_the_first_audio(self) -> None:
        one = caller()
        assert tags(one.append(20)) == ["converse", "listen"]
        assert tags(one.append(20)) == ["listen"]

    def test_and_again_with_each_turn_for_it_may_have_been_lost(self) -> None:
        one = caller()
        one.hear(64, 0.0)
        assert show(one.hear(96, 0.9)) == [
            "input_audio_buffer.speech_started item_id=item_1 audio_start_ms=0",
            "converse voice=alloy instructions='Be kind.'",
        ]

    def test_no_model_is_told_so_that_is_asked(self) -> None:
        assert listens(Caller().append(20)) == []

    def test_nor_one_of_a_session_that_is_not_answered(self) -> None:
        one = Caller(can=DUPLEX, settings=replace(SETTINGS, type="transcription"))
        assert listens(one.append(20)) == []

    def test_nothing_is_prepared_in_a_pause_for_it_is_never_asked(self) -> None:
        one = caller()
        outputs = [output for p in [0.9] * 20 + [0.0] * 20 for output in one.hear_raw(p)]
        assert "input_audio_buffer.speech_stopped" in tags(outputs)
        assert not any(isinstance(output, fx.Warm) and output.guess for output in outputs)


class TestAnswers:
    def test_it_answers_when_it_likes(self) -> None:
        outputs = speaks(caller())
        assert tags(outputs) == ["response.created", "start_response"]

    def test_the_end_of_a_turn_answers_nothing(self) -> None:
        assert "response.created" not in tags(caller().speak_turn())

    def test_it_is_given_nothing_to_read(self) -> None:
        one = caller()
        one.speak_turn()
        (command,) = (output for output in speaks(one) if isinstance(output, fx.StartResponse))
        assert command.context.items == ()

    def test_what_it_heard_is_charged_once(self) -> None:
        one = caller()
        one.append(1000)
        speaks(one)
        first = done(one.answer()).usage
        one.append(500)
        speaks(one)
        second = done(one.answer(response="resp_2")).usage
        assert first is not None
        assert second is not None
        assert (first.input_tokens, second.input_tokens) == (10, 5)

    def test_nothing_begins_beside_an_answer(self) -> None:
        one = caller()
        speaks(one)
        assert speaks(one) == []

    def test_a_new_utterance_of_the_caller_cuts_it(self) -> None:
        one = caller()
        speaks(one)
        outputs = one.hear(96, 0.9)
        assert "cancel_response" in tags(outputs)
        assert done(outputs).status == "cancelled"

    def test_one_that_began_before_does_not(self) -> None:
        one = caller()
        one.hear(96, 0.9)
        speaks(one)
        assert tags(one.hear(320, 0.9)) == []


SEMANTIC = {"type": "semantic_vad"}
REFUSED: list[tuple[dict[str, object], str]] = [
    ({"audio": {"input": {"turn_detection": None}}}, "audio.input.turn_detection"),
    (
        {"audio": {"input": {"turn_detection": {"type": "server_vad", "create_response": False}}}},
        "audio.input.turn_detection.create_response",
    ),
    (
        {"audio": {"input": {"turn_detection": {"type": "server_vad", "idle_timeout_ms": 5000}}}},
        "audio.input.turn_detection.idle_timeout_ms",
    ),
    ({"output_modalities": ["text"]}, "output_modalities"),
    ({"instructions": "Sing."}, "instructions"),
    ({"max_output_tokens": 20}, "max_output_tokens"),
    ({"truncation": "disabled"}, "truncation"),
    ({"audio": {"output": {"speed": 1.2}}}, "audio.output.speed"),
    ({"tools": [{"type": "function", "name": "look"}]}, "tools"),
]


class TestRefusals:
    @pytest.mark.parametrize(("session", "param"), REFUSED, ids=[param for _, param in REFUSED])
    def test_what_it_cannot_be_told_is_refused_by_name(self, session: dict[str, object], param: str) -> None:
        assert refusal(caller().update(**session)) == ("unsupported_value", f"session.{param}")

    @pytest.mark.parametrize(
        "session",
        [
            {"instructions": SETTINGS.instructions, "max_output_tokens": "inf", "output_modalities": ["audio"]},
            {"audio": {"input": {"turn_detection": {"type": "server_vad", "interrupt_response": False}}}},
            {"audio": {"input": {"turn_detection": SEMANTIC}}},
            {"audio": {"output": {"voice": "echo"}}},
        ],
    )
    def test_what_holds_anyway_may_be_said(self, session: dict[str, object]) -> None:
        assert tags(caller().update(**session))[0] == "session.updated"

    def test_instructions_are_taken_before_the_first_audio(self) -> None:
        one = Caller(can=replace(DUPLEX, instructed=True))
        assert "session.updated" in tags(one.update(instructions="Sing."))
        (begun,) = listens(one.append(20))
        assert begun.instructions == "Sing."
        assert refusal(one.update(instructions="Dance.")) == ("unsupported_value", "session.instructions")

    def test_a_stored_prompt_is_refused_by_its_own_name(self) -> None:
        stored = {"singer": StoredPrompt(version="1", versions={"1": "Sing."})}
        can = replace(DUPLEX, prompts=stored)
        assert refusal(Caller(can=can).update(prompt={"id": "singer"})) == ("unsupported_value", "session.prompt")
        one = Caller(can=replace(can, instructed=True))
        one.append(20)
        assert refusal(one.update(prompt={"id": "singer"})) == ("unsupported_value", "session.prompt")

    def test_a_voice_is_taken_before_the_first_audio(self) -> None:
        one = caller()
        one.append(20)
        body = error(one.update(audio={"output": {"voice": "echo"}}))
        assert (body.code, body.param) == ("cannot_update_voice", "session.audio.output.voice")

    @pytest.mark.parametrize(
        "event",
        [
            {"type_": "response.create"},
            {"type_": "conversation.item.delete", "item_id": "item_1"},
            {
                "type_": "conversation.item.create",
                "item": {"type": "message", "role": "user", "content": [{"type": "input_text", "text": "Hi"}]},
            },
        ],
        ids=lambda event: str(event["type_"]),
    )
    def test_what_it_would_never_learn_of_is_refused(self, event: dict[str, str]) -> None:
        one = caller()
        assert refusal(one.send(**event)) == ("unsupported_value", "type")

    def test_what_concerns_only_us_is_not(self) -> None:
        one = caller()
        speaks(one)
        one.words("Well, yes.")
        one.sound(1000)
        one.finish()
        truncated = one.send("conversation.item.truncate", item_id="item_1", content_index=0, audio_end_ms=500)
        assert tags(truncated) == ["conversation.item.truncated"]

    def test_a_client_secret_promises_no_more(self) -> None:
        with pytest.raises(ProtocolError) as refused:
            bound(SessionPatch(instructions="Sing."), "sess_1", "small", "alloy", DUPLEX)
        assert refused.value.param == "session.instructions"
