"""PROTOCOL.md 3.6: captions of the caller, for those who asked for them."""

from __future__ import annotations

from tests.core.caller import Caller, said, show, started

from vivavoce.core import effects as fx
from vivavoce.protocol import server as wire
from vivavoce.protocol.items import InputAudio

READY = fx.TranscriptReady(item_id="item_1", text="Hello there.", seconds=0.84)
MISSING = fx.TranscriptMissing(item_id="item_1", code="audio_unintelligible", message="Nothing to be heard.")


def spoken(**transcription: object) -> Caller:
    caller = Caller(audio={"input": {"transcription": transcription}}) if transcription else Caller()
    caller.speak_turn()
    return caller


def test_captions_come_as_one_delta_and_a_completed_with_usage() -> None:
    assert show(spoken(model="whisper-1").tell(READY)) == [
        "conversation.item.input_audio_transcription.delta item_id=item_1 content_index=0 delta='Hello there.'",
        "conversation.item.input_audio_transcription.completed item_id=item_1 content_index=0 "
        "transcript='Hello there.' usage=(type=duration seconds=0.84)",
    ]


def test_silence_gives_a_completed_without_a_delta() -> None:
    (completed,) = spoken(model="whisper-1").tell(fx.TranscriptReady(item_id="item_1", text="", seconds=0.84))
    assert isinstance(completed, wire.TranscriptionCompleted)
    assert completed.transcript == ""


def test_a_failure_is_told() -> None:
    assert show(spoken(model="whisper-1").tell(MISSING)) == [
        "conversation.item.input_audio_transcription.failed item_id=item_1 content_index=0 "
        "error=(type=transcription_error code=audio_unintelligible message='Nothing to be heard.')",
    ]


def test_without_transcription_the_words_are_known_and_nothing_is_told() -> None:
    caller = spoken()
    assert caller.tell(READY) == []
    assert caller.tell(MISSING) == []
    item = caller.item("item_1")
    assert item is not None
    (part,) = said(item).content
    assert isinstance(part, InputAudio)
    assert part.transcript == "Hello there."


def test_the_next_answer_knows_the_words() -> None:
    caller = spoken()
    caller.tell(READY)
    caller.answer()
    (item, *_) = started(caller.send("response.create")).context.items
    (part,) = said(item).content
    assert isinstance(part, InputAudio)
    assert part.transcript == "Hello there."


def test_the_recogniser_gets_the_clients_hints() -> None:
    caller = Caller(audio={"input": {"transcription": {"language": "de", "prompt": "Vivavoce"}}})
    hints = [output.hint for output in caller.speak_turn() if isinstance(output, fx.Transcribe)]
    assert [(hint.language, hint.prompt) for hint in hints if hint] == [("de", "Vivavoce")] * 2


def test_the_index_is_that_of_the_recording() -> None:
    caller = Caller(audio={"input": {"transcription": {}}})
    content = [{"type": "input_text", "text": "Hear:"}, {"type": "input_audio", "audio": "AAAA"}]
    caller.send("conversation.item.create", item={"type": "message", "role": "user", "content": content})
    (*_, completed) = caller.tell(READY)
    assert isinstance(completed, wire.TranscriptionCompleted)
    assert completed.content_index == 1


def test_words_for_a_deleted_item_are_dropped() -> None:
    caller = spoken(model="whisper-1")
    caller.send("conversation.item.delete", item_id="item_1")
    assert caller.tell(READY) == []


def test_words_for_an_item_that_took_the_id_of_a_deleted_one_are_dropped() -> None:
    caller = spoken(model="whisper-1")
    caller.send("conversation.item.delete", item_id="item_1")
    content = [{"type": "input_text", "text": "Mine."}]
    caller.send(
        "conversation.item.create", item={"id": "item_1", "type": "message", "role": "user", "content": content}
    )
    assert caller.tell(READY) == []
