"""PROTOCOL.md 3.8, 4.10: a session that only writes down what is said."""

from __future__ import annotations

import pytest
from msgspec.structs import replace
from tests.core.caller import CAN, Caller, b64, error, pcm, refusal, show, tags

from vivavoce.core import effects as fx
from vivavoce.core.opening import opening
from vivavoce.protocol import server as wire
from vivavoce.protocol.session import TranscriptionSessionObject

CAPABLE = replace(CAN, transcription_features=("prompt", "keywords", "languages", "delay", "logprobs"))
TURN = [
    "input_audio_buffer.speech_started",
    "transcribe",
    "input_audio_buffer.speech_stopped",
    "input_audio_buffer.committed",
    "conversation.item.added",
    "conversation.item.done",
    "transcribe",
]
READY = fx.TranscriptReady(item_id="item_1", text="Hello there.", seconds=0.84)


def writer(**audio_input: object) -> Caller:
    caller = Caller(can=CAPABLE, settings=opening("transcription", "sess_1", "gpt-realtime", "alloy", CAPABLE))
    if audio_input:
        update(caller, audio={"input": audio_input})
    return caller


def update(caller: Caller, **session: object) -> list[fx.Output]:
    return caller.send("session.update", session={"type": "transcription", **session})


def everything(caller: Caller, ms: int, probability: float) -> list[str]:
    outputs = [output for _ in range(ms // 32) for output in caller.hear_raw(probability)]
    return [each for each in tags(outputs) if each != "listen"]


def test_it_begins_without_a_word_about_answers() -> None:
    (created,) = writer().started
    assert isinstance(created, wire.SessionCreated)
    assert isinstance(created.session, TranscriptionSessionObject)


def test_turns_become_items_and_words_and_no_answers() -> None:
    caller = writer(transcription={"model": "whisper-1"})
    # Nothing is prepared for an answer either.
    assert everything(caller, 1280, 0.9) + everything(caller, 224, 0.0) == TURN
    assert show(caller.tell(READY)) == [
        "conversation.item.input_audio_transcription.delta item_id=item_1 content_index=0 delta='Hello there.'",
        "conversation.item.input_audio_transcription.completed item_id=item_1 content_index=0 "
        "transcript='Hello there.' usage=(type=duration seconds=0.84)",
    ]


def test_the_model_reads_nothing_ahead() -> None:
    caller = writer(transcription={"delay": "minimal"})
    caller.hear(640, 0.9)
    for text in ("Hello", "Hello", "Hello there"):
        told = caller.tell(fx.Hypothesis(item_id="item_1", text=text, voice_end=9))
        assert not any(isinstance(output, fx.Warm) for output in told)


def test_without_a_transcription_nothing_is_transcribed() -> None:
    caller = writer()
    assert everything(caller, 1280, 0.9) + everything(caller, 224, 0.0) == [
        each for each in TURN if each != "transcribe"
    ]
    content = [{"type": "input_audio", "audio": b64(pcm(200))}]
    item = {"type": "message", "role": "user", "content": content}
    assert tags(caller.send("conversation.item.create", item=item)) == [
        "conversation.item.added",
        "conversation.item.done",
    ]


def test_turns_by_hand() -> None:
    caller = writer(transcription={"model": "whisper-1"}, turn_detection=None)
    caller.append(500)
    committed = caller.send("input_audio_buffer.commit")
    assert tags(committed) == [*TURN[3:]]
    assert tags(caller.tell(READY)) == [
        "conversation.item.input_audio_transcription.delta",
        "conversation.item.input_audio_transcription.completed",
    ]


@pytest.mark.parametrize(
    ("kind", "fields"),
    [
        ("response.create", {}),
        ("response.cancel", {}),
        ("conversation.item.truncate", {"item_id": "item_1", "content_index": 0, "audio_end_ms": 0}),
    ],
)
def test_what_is_about_answers_is_refused_by_name(kind: str, fields: dict[str, object]) -> None:
    caller = writer(transcription={"model": "whisper-1"})
    refused = error(caller.send(kind, event_id="mine", **fields))
    assert (refused.code, refused.param, refused.event_id) == ("invalid_value", "type", "mine")
    assert kind in refused.message
    assert "transcription session" in refused.message
    assert tags(caller.speak_turn()) == TURN  # and the session goes on


def test_items_can_be_shown_made_and_deleted() -> None:
    caller = writer(transcription={"model": "whisper-1"})
    caller.speak_turn()
    caller.tell(READY)
    assert caller.item("item_1") is not None
    content = [{"type": "input_audio", "audio": b64(pcm(200))}]
    item = {"type": "message", "role": "user", "content": content}
    assert tags(caller.send("conversation.item.create", item=item)) == [
        "conversation.item.added",
        "conversation.item.done",
        "transcribe",
    ]
    assert tags(caller.send("conversation.item.delete", item_id="item_1")) == ["conversation.item.deleted"]


def test_what_is_idle_there_is_not_known() -> None:
    caller = writer()
    detection = {"type": "server_vad", "idle_timeout_ms": 6000}
    where = "session.audio.input.turn_detection.idle_timeout_ms"
    assert refusal(update(caller, audio={"input": {"turn_detection": detection}})) == ("unsupported_value", where)


def test_it_stays_what_it_is() -> None:
    caller = writer()
    assert tags(update(caller, include=None)) == ["session.updated"]
    assert refusal(caller.update(instructions="Be kind.")) == ("invalid_value", "session.type")


@pytest.mark.parametrize(
    "session",
    [
        # What stock clients send (PROTOCOL.md 9.1): pipecat, LiveKit with a language, LiveKit without, openai's guide.
        {
            "type": "transcription",
            "audio": {
                "input": {
                    "format": {"type": "audio/pcm", "rate": 24000},
                    "transcription": {"model": "gpt-4o-transcribe", "language": "en", "prompt": "Names."},
                    "turn_detection": None,
                }
            },
        },
        {
            "type": "transcription",
            "audio": {
                "input": {
                    "format": {"type": "audio/pcm", "rate": 24000},
                    "transcription": {"model": "gpt-4o-mini-transcribe", "prompt": "", "language": "en"},
                    "turn_detection": {
                        "type": "server_vad",
                        "threshold": 0.5,
                        "prefix_padding_ms": 600,
                        "silence_duration_ms": 350,
                    },
                    "noise_reduction": None,
                }
            },
        },
        {
            "type": "transcription",
            "audio": {
                "input": {
                    "transcription": {"model": "gpt-realtime-whisper", "delay": "low", "keywords": ["Aurelio"]},
                    "turn_detection": None,
                }
            },
            "include": ["item.input_audio_transcription.logprobs"],
        },
        {
            "type": "transcription",
            "audio": {
                "input": {
                    "transcription": {"model": "gpt-live-transcribe", "languages": ["en", "es"]},
                    "turn_detection": {"type": "semantic_vad", "eagerness": "low"},
                }
            },
        },
    ],
)
def test_what_stock_clients_ask_for(session: dict[str, object]) -> None:
    names = ("gpt-4o-transcribe", "gpt-4o-mini-transcribe", "gpt-realtime-whisper", "gpt-live-transcribe")
    can = replace(CAPABLE, transcription_models=names)
    caller = Caller(can=can, settings=opening("transcription", "sess_1", "gpt-realtime", "alloy", can))
    (updated,) = caller.send("session.update", session=session)
    assert isinstance(updated, wire.SessionUpdated), updated
    assert isinstance(updated.session, TranscriptionSessionObject)
    assert updated.session.audio.input.transcription is not None
