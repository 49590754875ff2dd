"""PROTOCOL.md 2.1 and 3: what `session.update` merges, and what it refuses whole."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest
from tests.core.caller import CAN, VOICES, Caller, error, refusal, started, tags

from vivavoce.core import effects as fx
from vivavoce.core.capabilities import Capabilities
from vivavoce.protocol import server as wire
from vivavoce.protocol.codec import encode
from vivavoce.protocol.session import AudioPcma


def effective(outputs: list[fx.Output]) -> dict[str, Any]:
    """The session that `session.updated` shows, as JSON."""
    updated = outputs[0]
    assert isinstance(updated, wire.SessionUpdated)
    session: dict[str, Any] = msgspec.json.decode(encode(updated))["session"]
    return session


def detection(outputs: list[fx.Output]) -> dict[str, Any] | None:
    found: dict[str, Any] | None = effective(outputs)["audio"]["input"]["turn_detection"]
    return found


DEFAULT: dict[str, Any] = {
    "type": "realtime",
    "object": "realtime.session",
    "id": "sess_1",
    "model": "gpt-realtime",
    "output_modalities": ["audio"],
    "instructions": "Be kind.",
    "tools": [],
    "tool_choice": "auto",
    "max_output_tokens": "inf",
    "tracing": None,
    "truncation": "auto",
    "prompt": None,
    "expires_at": 0,
    "audio": {
        "input": {
            "format": {"type": "audio/pcm", "rate": 24000},
            "transcription": None,
            "noise_reduction": None,
            "turn_detection": {
                "type": "server_vad",
                "threshold": 0.5,
                "prefix_padding_ms": 300,
                "silence_duration_ms": 200,
                "idle_timeout_ms": None,
                "create_response": True,
                "interrupt_response": True,
            },
        },
        "output": {"format": {"type": "audio/pcm", "rate": 24000}, "voice": "alloy", "speed": 1.0},
    },
    "include": None,
}


def test_a_new_session_has_the_defaults_of_the_service() -> None:
    created = Caller().started[0]
    assert isinstance(created, wire.SessionCreated)
    assert msgspec.json.decode(encode(created))["session"] == DEFAULT


def test_an_update_of_nothing_answers_with_the_whole_session() -> None:
    assert effective(Caller().update()) == DEFAULT


def test_only_what_is_present_changes() -> None:
    caller = Caller()
    caller.update(audio={"input": {"turn_detection": {"type": "server_vad", "threshold": 0.7}}})
    session = effective(caller.update(audio={"output": {"voice": "echo"}}, max_output_tokens=100))
    assert session["audio"]["input"]["turn_detection"] == {
        **DEFAULT["audio"]["input"]["turn_detection"],
        "threshold": 0.7,
    }
    assert session["audio"]["output"] == {**DEFAULT["audio"]["output"], "voice": "echo"}
    assert (session["max_output_tokens"], session["instructions"]) == (100, "Be kind.")


def test_fields_of_one_turn_detection_add_up() -> None:
    caller = Caller()
    caller.detect(type="server_vad", threshold=0.7)
    found = detection(caller.detect(type="server_vad", silence_duration_ms=500, idle_timeout_ms=None))
    assert found is not None
    assert (found["threshold"], found["silence_duration_ms"]) == (0.7, 500)


def test_another_turn_detection_begins_with_its_own_defaults() -> None:
    caller = Caller()
    caller.detect(type="server_vad", create_response=False)
    semantic = {"type": "semantic_vad", "eagerness": "auto", "create_response": True, "interrupt_response": True}
    assert detection(caller.detect(type="semantic_vad")) == semantic
    assert detection(caller.detect(type="semantic_vad", eagerness="low")) == {**semantic, "eagerness": "low"}
    assert detection(caller.detect(type="server_vad")) == DEFAULT["audio"]["input"]["turn_detection"]


def test_null_switches_turn_detection_and_transcription_off() -> None:
    caller = Caller(audio={"input": {"transcription": {"model": "whisper-1"}}})
    quiet = {"input": {"turn_detection": None, "transcription": None, "noise_reduction": None}}
    session = effective(caller.update(audio=quiet))
    assert session["audio"]["input"] == {
        "format": {"type": "audio/pcm", "rate": 24000},
        "transcription": None,
        "noise_reduction": None,
        "turn_detection": None,
    }


def test_empty_instructions_clear_them() -> None:
    assert effective(Caller().update(instructions=""))["instructions"] == ""


def test_transcription_takes_the_first_model_unless_told_and_keeps_what_it_knows() -> None:
    caller = Caller()
    first = effective(caller.update(audio={"input": {"transcription": {"language": "en"}}}))
    assert first["audio"]["input"]["transcription"] == {"model": "whisper-1", "language": "en", "prompt": None}
    changes = {"transcription": {"model": "base", "prompt": "Names."}}
    second = effective(caller.update(audio={"input": changes}))
    assert second["audio"]["input"]["transcription"] == {"model": "base", "language": "en", "prompt": "Names."}


def test_everything_that_is_served_is_shown_as_asked() -> None:
    formats = {"input": {"format": {"type": "audio/pcmu"}}, "output": {"format": {"type": "audio/pcma"}, "speed": 1.2}}
    asked = {
        "model": "gpt-realtime",
        "output_modalities": ["text"],
        "instructions": "Sing.",
        "audio": formats,
        "max_output_tokens": 4096,
        "truncation": "disabled",
        "tool_choice": "none",
        "tools": [],
        "include": None,
        "tracing": None,
        "prompt": None,
    }
    session = effective(Caller().update(**asked))
    assert {key: session[key] for key in asked if key != "audio"} == {
        key: asked[key] for key in asked if key != "audio"
    }
    assert session["audio"]["input"]["format"] == {"type": "audio/pcmu"}
    assert session["audio"]["output"] == {"format": {"type": "audio/pcma"}, "voice": "alloy", "speed": 1.2}


def test_another_name_of_the_same_model_is_accepted_and_changes_nothing() -> None:
    assert effective(Caller().update(model="small"))["model"] == "gpt-realtime"


def test_tracing_auto_is_accepted_and_shown_as_the_nothing_that_it_is() -> None:
    assert effective(Caller().update(tracing="auto"))["tracing"] is None


def test_new_instructions_warm_the_next_answer_and_a_new_voice_does_not() -> None:
    caller = Caller()
    assert tags(caller.update(instructions="Sing.")) == ["session.updated", "warm"]
    assert tags(caller.update(output_modalities=["text"])) == ["session.updated", "warm"]
    assert tags(caller.update(audio={"output": {"voice": "echo"}})) == ["session.updated"]


def test_an_answer_is_made_from_what_is_in_force() -> None:
    caller = Caller(
        instructions="Sing.",
        max_output_tokens=7,
        truncation="disabled",
        audio={"output": {"voice": "echo", "speed": 0.75}},
    )
    context = started(caller.send("response.create")).context
    assert (context.instructions, context.max_output_tokens, context.truncation) == ("Sing.", 7, "disabled")
    assert (context.voice, context.speed, context.modality) == ("echo", 0.75, "audio")


def test_an_update_that_leaves_turn_detection_alone_does_not_disturb_an_utterance() -> None:
    caller = Caller()
    caller.hear(320, 0.9)
    caller.update(instructions="Sing.")
    assert "input_audio_buffer.speech_stopped" in tags(caller.hear(224, 0.0))


IN, OUT = "session.audio.input", "session.audio.output"
REFUSED: list[tuple[dict[str, Any], str, str]] = [
    ({"model": "gpt-5"}, "invalid_value", "session.model"),
    ({"bogus": 1}, "unknown_parameter", "session.bogus"),
    ({"output_modalities": ["text", "audio"]}, "invalid_value", "session.output_modalities"),
    ({"output_modalities": []}, "invalid_value", "session.output_modalities"),
    ({"output_modalities": ["smell"]}, "invalid_value", "session.output_modalities[0]"),
    ({"max_output_tokens": 0}, "integer_below_min_value", "session.max_output_tokens"),
    ({"max_output_tokens": 4097}, "integer_above_max_value", "session.max_output_tokens"),
    ({"tools": [{"type": "function", "name": "f"}]}, "unsupported_value", "session.tools"),
    ({"tool_choice": "required"}, "unsupported_value", "session.tool_choice"),
    ({"tool_choice": {"type": "function", "name": "f"}}, "unsupported_value", "session.tool_choice"),
    ({"parallel_tool_calls": False}, "unsupported_value", "session.parallel_tool_calls"),
    ({"reasoning": {"effort": "low"}}, "unsupported_value", "session.reasoning"),
    ({"tracing": {"workflow_name": "w"}}, "unsupported_value", "session.tracing"),
    ({"prompt": {"id": "pmpt_1"}}, "invalid_value", "session.prompt.id"),
    ({"include": ["item.input_audio_transcription.logprobs"]}, "unsupported_value", "session.include"),
    (
        {"truncation": {"type": "retention_ratio", "retention_ratio": 1.5}},
        "decimal_above_max_value",
        "session.truncation.retention_ratio",
    ),
    ({"truncation": "never"}, "invalid_value", "session.truncation"),
    ({"reasoning": {"effort": "huge"}}, "invalid_value", "session.reasoning.effort"),
    ({"audio": {"input": {"noise_reduction": {"type": "near_field"}}}}, "unsupported_value", f"{IN}.noise_reduction"),
    ({"audio": {"input": {"transcription": {"model": "x"}}}}, "invalid_value", f"{IN}.transcription.model"),
    ({"audio": {"input": {"transcription": {"delay": "low"}}}}, "unsupported_value", f"{IN}.transcription.delay"),
    ({"audio": {"input": {"transcription": {"keywords": ["a"]}}}}, "unsupported_value", f"{IN}.transcription.keywords"),
    (
        {"audio": {"input": {"transcription": {"languages": ["en"]}}}},
        "unsupported_value",
        f"{IN}.transcription.languages",
    ),
    ({"audio": {"input": {"format": {"type": "audio/pcm"}}}}, "missing_required_parameter", f"{IN}.format.rate"),
    (
        {"audio": {"input": {"format": {"type": "audio/pcm", "rate": 16000}}}},
        "integer_below_min_value",
        f"{IN}.format.rate",
    ),
    (
        {"audio": {"output": {"format": {"type": "audio/pcmu", "rate": 8000}}}},
        "unknown_parameter",
        f"{OUT}.format.rate",
    ),
    (
        {"audio": {"input": {"turn_detection": {"type": "semantic_vad", "silence_duration_ms": 5}}}},
        "unknown_parameter",
        f"{IN}.turn_detection.silence_duration_ms",
    ),
    (
        {"audio": {"input": {"turn_detection": {"type": "server_vad", "idle_timeout_ms": 4999}}}},
        "integer_below_min_value",
        f"{IN}.turn_detection.idle_timeout_ms",
    ),
    (
        {"audio": {"input": {"turn_detection": {"type": "server_vad", "threshold": 1.5}}}},
        "decimal_above_max_value",
        f"{IN}.turn_detection.threshold",
    ),
    ({"audio": {"output": {"voice": "nobody"}}}, "invalid_value", f"{OUT}.voice"),
    ({"audio": {"output": {"voice": {"id": "voice_1"}}}}, "unsupported_value", f"{OUT}.voice.id"),
    ({"audio": {"output": {"speed": 2.0}}}, "decimal_above_max_value", f"{OUT}.speed"),
    ({"audio": {"output": {"speed": 0.3}}}, "unsupported_value", f"{OUT}.speed"),
]


@pytest.mark.parametrize(("session", "code", "param"), REFUSED, ids=[param for _, _, param in REFUSED])
def test_a_refused_update_names_the_field_and_changes_nothing(session: dict[str, Any], code: str, param: str) -> None:
    caller = Caller()
    audio = {"output": {"voice": "echo"}, **session.get("audio", {})}
    outputs = caller.update(**{"instructions": "Changed.", **session, "audio": audio})
    assert refusal(outputs) == (code, param)
    assert effective(caller.update()) == DEFAULT


def test_a_session_stays_of_its_type() -> None:
    caller = Caller()
    assert refusal(caller.update(type="transcription")) == ("invalid_value", "session.type")
    assert effective(caller.update()) == DEFAULT


def test_an_update_without_a_type_is_refused() -> None:
    outputs = Caller().send("session.update", session={"instructions": "x"}, event_id="mine")
    body = error(outputs)
    assert (body.code, body.param, body.event_id) == ("missing_required_parameter", "session.type", "mine")


def test_an_unknown_voice_is_refused_with_the_list() -> None:
    body = error(Caller().update(audio={"output": {"voice": "nobody"}}))
    assert body.message == "Invalid value: 'nobody'. Supported values are: 'alloy', 'echo', and 'marin'."


def test_a_voice_that_is_spelt_much_like_others_is_refused_with_their_names() -> None:
    body = error(Caller().update(audio={"output": {"voice": "Marinn"}}))
    assert body.message.endswith(" Did you mean 'marin'?")
    assert refusal(Caller().update(audio={"output": {"voice": "ecko"}})) == ("invalid_value", f"{OUT}.voice")


class TestACustomVoice:
    can = Capabilities(models=CAN.models, voices=VOICES, custom_voices=True, transcription_models=("base",))

    def test_is_refused_by_name_where_the_engine_cannot_clone(self) -> None:
        body = error(Caller().update(audio={"output": {"voice": {"id": "voice_1"}}}))
        assert (body.code, body.param) == ("unsupported_value", f"{OUT}.voice.id")
        assert "cannot clone" in body.message
        assert refusal(Caller().update(audio={"output": {"voice": "voice_1"}})) == ("invalid_value", f"{OUT}.voice")

    @pytest.mark.parametrize("voice", [{"id": "voice_1"}, "voice_1"])
    def test_is_shown_by_its_id(self, voice: object) -> None:
        caller = Caller(can=self.can)
        caller.update(audio={"output": {"voice": voice}})
        assert effective(caller.update())["audio"]["output"]["voice"] == "voice_1"

    def test_has_an_id_that_begins_as_such(self) -> None:
        caller = Caller(can=self.can)
        refused = refusal(caller.update(audio={"output": {"voice": {"id": "echo"}}}))
        assert refused == ("invalid_value", f"{OUT}.voice.id")
        assert refusal(caller.update(audio={"output": {"voice": "ghost"}})) == ("invalid_value", f"{OUT}.voice")


def test_two_values_are_joined_by_and() -> None:
    body = error(Caller().update(model="gpt-5"))
    assert body.message == "Invalid value: 'gpt-5'. Supported values are: 'gpt-realtime' and 'small'."


def test_semantic_vad_needs_a_turn_detector() -> None:
    caller = Caller(can=Capabilities(models=CAN.models, voices=VOICES, transcription_models=("base",)))
    assert refusal(caller.detect(type="semantic_vad")) == ("unsupported_value", f"{IN}.turn_detection.type")


def test_an_engine_of_one_speed_takes_that_speed_only() -> None:
    caller = Caller(can=Capabilities(models=CAN.models, voices=VOICES, transcription_models=("base",)))
    assert tags(caller.update(audio={"output": {"speed": 1.0}})) == ["session.updated"]
    assert refusal(caller.update(audio={"output": {"speed": 1.1}})) == ("unsupported_value", f"{OUT}.speed")


class TestTheVoice:
    def test_is_locked_by_the_first_audio_of_the_first_answer(self) -> None:
        caller = Caller()
        caller.send("response.create")
        caller.words("Hello")
        assert tags(caller.update(audio={"output": {"voice": "echo"}})) == ["session.updated"]
        caller.sound(20)
        body = error(caller.update(audio={"output": {"voice": "marin"}}))
        assert (body.code, body.param) == ("cannot_update_voice", None)
        assert body.message == "Cannot update a conversation's voice if assistant audio is present."

    def test_may_be_sent_again(self) -> None:
        caller = Caller()
        caller.send("response.create")
        caller.answer()
        assert tags(caller.update(audio={"output": {"voice": "alloy"}})) == ["session.updated"]

    def test_is_free_again_when_the_audio_is_gone(self) -> None:
        caller = Caller()
        caller.send("response.create")
        caller.answer()
        caller.send("conversation.item.delete", item_id="item_1")
        assert tags(caller.update(audio={"output": {"voice": "echo"}})) == ["session.updated"]

    def test_is_not_locked_by_written_answers(self) -> None:
        caller = Caller(output_modalities=["text"])
        caller.send("response.create")
        caller.words("Hello")
        caller.finish()
        assert tags(caller.update(audio={"output": {"voice": "echo"}})) == ["session.updated"]


def test_the_callers_format_is_the_one_of_the_session() -> None:
    caller = Caller(audio={"input": {"format": {"type": "audio/pcma"}}})
    assert caller.session.input_format == AudioPcma()
