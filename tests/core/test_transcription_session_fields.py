"""PROTOCOL.md 3.8: each field of a transcription session, and what it changes there."""

from __future__ import annotations

import pytest
from msgspec.structs import replace
from tests.core.caller import CAN, Caller, refusal, tags

from vivavoce.core import effects as fx
from vivavoce.core.opening import opening
from vivavoce.protocol import server as wire

CAPABLE = replace(
    CAN, noise_reduction=True, transcription_features=("prompt", "keywords", "languages", "delay", "logprobs")
)
STARTED, STOPPED = "input_audio_buffer.speech_started", "input_audio_buffer.speech_stopped"
LOGPROBS = "item.input_audio_transcription.logprobs"


def writer(include: list[str] | None = None, **audio_input: object) -> Caller:
    caller = Caller(can=CAPABLE, settings=opening("transcription", "sess_1", "gpt-realtime", "alloy", CAPABLE))
    session = {"type": "transcription", "include": include, "audio": {"input": audio_input}}
    assert tags(caller.send("session.update", session=session)) == ["session.updated"]
    return caller


def transcribed(caller: Caller) -> fx.Transcribe:
    """The final transcription of one spoken turn."""
    return next(out for out in caller.speak_turn() if isinstance(out, fx.Transcribe) and not out.tentative)


def detected(voice_ms: int, silence_ms: int, probability: float = 0.9, **detection: object) -> list[str]:
    """What is told of so much voice and so much silence."""
    caller = writer(turn_detection=detection)
    return tags([*caller.hear(voice_ms, probability), *caller.hear(silence_ms, 0.0)])


def test_the_recogniser_knows_a_telephone_by_its_format() -> None:
    assert not transcribed(writer(format={"type": "audio/pcm", "rate": 24000}, transcription={})).telephone
    assert transcribed(writer(format={"type": "audio/pcmu"}, transcription={})).telephone


def test_a_rate_is_required_and_there_is_one() -> None:
    caller = writer()
    audio = {"input": {"format": {"type": "audio/pcm", "rate": 16000}}}
    outputs = caller.send("session.update", session={"type": "transcription", "audio": audio})
    assert refusal(outputs) == ("integer_below_min_value", "session.audio.input.format.rate")


def test_every_hint_reaches_the_recogniser() -> None:
    given = {
        "model": "base",
        "language": "de",
        "prompt": "Names.",
        "keywords": ["Aurelio"],
        "languages": ["de", "en"],
        "delay": "low",
    }
    hint = transcribed(writer(transcription=given)).hint
    assert hint is not None
    assert (hint.model, hint.language, hint.prompt) == ("base", "de", "Names.")
    assert (hint.keywords, hint.languages, hint.delay) == (("Aurelio",), ("de", "en"), "low")


def test_a_delay_has_words_told_while_they_are_spoken() -> None:
    def looks(transcription: dict[str, object]) -> bool:
        caller = writer(transcription=transcription)
        outputs = [output for _ in range(40) for output in caller.hear_raw(0.9)]
        return any(isinstance(output, fx.Transcribe) and output.captions for output in outputs)

    assert looks({"delay": "minimal"})
    assert not looks({})


def test_log_probabilities_are_asked_for_only_where_they_are_included() -> None:
    assert transcribed(writer(include=[LOGPROBS], transcription={})).logprobs
    assert not transcribed(writer(transcription={})).logprobs


def test_without_turn_detection_nothing_is_detected() -> None:
    caller = writer(turn_detection=None)
    assert caller.append(2000) == []


def test_the_threshold_decides_what_is_voice() -> None:
    assert STARTED in detected(640, 0, probability=0.6, type="server_vad", threshold=0.5)
    assert STARTED not in detected(640, 0, probability=0.6, type="server_vad", threshold=0.7)


def test_the_silence_decides_when_a_turn_is_over() -> None:
    assert STOPPED in detected(640, 256, type="server_vad", silence_duration_ms=200)
    assert STOPPED not in detected(640, 256, type="server_vad", silence_duration_ms=500)


@pytest.mark.parametrize(("padding", "start"), [(0, 640), (320, 320)])
def test_the_padding_decides_where_a_turn_begins(padding: int, start: int) -> None:
    caller = writer(turn_detection={"type": "server_vad", "prefix_padding_ms": padding})
    caller.hear(640, 0.0)
    (started,) = (output for output in caller.hear(96, 0.9) if isinstance(output, wire.SpeechStarted))
    assert started.audio_start_ms == start


def test_the_eagerness_decides_how_long_a_doubt_may_last() -> None:
    assert STOPPED in detected(640, 2048, type="semantic_vad", eagerness="high")
    assert STOPPED not in detected(640, 2048, type="semantic_vad", eagerness="low")


@pytest.mark.parametrize("kind", ["server_vad", "semantic_vad"])
@pytest.mark.parametrize("field", ["create_response", "interrupt_response"])
def test_nothing_is_answered_so_no_answer_can_be_asked_for(kind: str, field: str) -> None:
    caller = writer()
    for value in (False, True):
        audio = {"input": {"turn_detection": {"type": kind, field: value}}}
        outputs = caller.send("session.update", session={"type": "transcription", "audio": audio})
        if value:
            assert refusal(outputs) == ("unsupported_value", f"session.audio.input.turn_detection.{field}")
        else:
            assert tags(outputs) == ["session.updated"]
