"""What a session begins with: the server's defaults, and what a client secret binds over them."""

from __future__ import annotations

import pytest
from msgspec import UNSET
from msgspec.structs import replace
from tests.core.caller import CAN

from vivavoce.core.opening import bound, bound_translation, opening, translation_opening
from vivavoce.protocol import translation
from vivavoce.protocol.errors import ProtocolError
from vivavoce.protocol.session import (
    AudioInputPatch,
    AudioPatch,
    ServerVad,
    SessionPatch,
    TranscriptionAudioPatch,
    TranscriptionPatch,
    TranscriptionSessionObject,
    TranscriptionSessionPatch,
    shown,
)

CAN_TALK = replace(CAN, instructions="Be brief.", translation_models=("interpreter",), output_languages=("en", "de"))


def test_a_realtime_session_has_the_server_s_defaults() -> None:
    session = opening("realtime", "sess_9", "gpt-realtime", "alloy", CAN_TALK)
    assert (session.type, session.id, session.model, session.expires_at) == ("realtime", "sess_9", "gpt-realtime", 0)
    assert (session.instructions, session.audio.output.voice) == ("Be brief.", "alloy")
    assert session.audio.input.turn_detection == ServerVad()


def test_a_transcription_session_hears_turns_and_answers_none() -> None:
    session = opening("transcription", "sess_9", "gpt-realtime", "alloy", CAN_TALK)
    assert session.audio.input.turn_detection == ServerVad(create_response=False, interrupt_response=False)
    assert session.audio.input.transcription is None
    view = shown(session)
    assert isinstance(view, TranscriptionSessionObject)
    assert (view.object, view.id) == ("realtime.transcription_session", "sess_9")


def test_a_secret_binds_what_is_asked_for_over_the_defaults() -> None:
    session = bound(SessionPatch(instructions="Hi.", model="small"), "sess_9", "gpt-realtime", "alloy", CAN_TALK)
    assert (session.instructions, session.model, session.audio.output.voice) == ("Hi.", "small", "alloy")
    assert bound(UNSET, "s", "gpt-realtime", "alloy", CAN_TALK) == opening(
        "realtime", "s", "gpt-realtime", "alloy", CAN_TALK
    )
    assert bound(SessionPatch(), "s", "gpt-realtime", "alloy", CAN_TALK).model == "gpt-realtime"


def test_a_secret_for_transcription() -> None:
    captions = AudioInputPatch(transcription=TranscriptionPatch(model="whisper-1"))
    patch = TranscriptionSessionPatch(audio=TranscriptionAudioPatch(input=captions))
    session = bound(patch, "s", "gpt-realtime", "alloy", CAN_TALK)
    assert session.type == "transcription"
    assert session.audio.input.transcription is not None
    assert session.audio.input.transcription.model == "whisper-1"


@pytest.mark.parametrize(
    ("patch", "param"),
    [
        (SessionPatch(model="gpt-9"), "session.model"),
        (
            SessionPatch(audio=AudioPatch(input=AudioInputPatch(transcription=TranscriptionPatch(model="no")))),
            "session.audio.input.transcription.model",
        ),
    ],
)
def test_what_a_session_cannot_have_no_secret_binds(patch: SessionPatch, param: str) -> None:
    with pytest.raises(ProtocolError) as caught:
        bound(patch, "s", "gpt-realtime", "alloy", CAN_TALK)
    assert (caught.value.code, caught.value.param) == ("invalid_value", param)


def test_a_translation_session_speaks_the_first_language_unless_told_otherwise() -> None:
    assert translation_opening("interpreter", "sess_9", CAN_TALK).audio.output.language == "en"
    german = translation.AudioPatch(output=translation.OutputPatch(language="de"))
    session = bound_translation(translation.TranslationRequest("interpreter", german), "sess_9", CAN_TALK)
    assert (session.type, session.id, session.expires_at, session.audio.output.language) == (
        "translation",
        "sess_9",
        0,
        "de",
    )


def test_a_model_that_does_not_translate_is_refused() -> None:
    with pytest.raises(ProtocolError) as caught:
        bound_translation(translation.TranslationRequest("gpt-realtime"), "s", CAN_TALK)
    assert (caught.value.code, caught.value.param) == ("invalid_model", "session.model")
    assert "Supported models: interpreter." in caught.value.message
    with pytest.raises(ProtocolError, match="Supported models: none"):
        translation_opening("interpreter", "s", CAN)
