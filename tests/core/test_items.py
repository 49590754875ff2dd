"""PROTOCOL.md 2.1, 3.10 and 4.1: create, retrieve, delete."""

from __future__ import annotations

from typing import Any

import pytest
from tests.core.caller import Caller, b64, error, pcm, refusal, said, show, started

from vivavoce.core import effects as fx
from vivavoce.core.conversation import RETAINED_AUDIO_BYTES
from vivavoce.protocol.items import InputAudio, InputText, OutputAudio, OutputText


def message(role: str, *content: dict[str, Any], **fields: object) -> dict[str, Any]:
    return {"type": "message", "role": role, "content": list(content), **fields}


def text(words: str, **fields: object) -> dict[str, Any]:
    return message("user", {"type": "input_text", "text": words}, **fields)


def voice(ms: int = 500, **fields: object) -> dict[str, Any]:
    return {"type": "input_audio", "audio": b64(pcm(ms)), **fields}


def create(caller: Caller, item: dict[str, Any], **fields: object) -> list[fx.Output]:
    return caller.send("conversation.item.create", item=item, **fields)


def order(caller: Caller) -> list[str]:
    """The conversation, as the next answer knows it."""
    outputs = caller.send("response.create", response={"conversation": "none"})
    return [item.id for item in started(outputs).context.items]


class TestPlaces:
    def test_without_a_place_an_item_comes_last(self) -> None:
        caller = Caller()
        create(caller, text("a", id="a"))
        assert show(create(caller, text("b", id="b")))[0].startswith(
            "conversation.item.added previous_item_id=a item=b"
        )
        assert order(caller) == ["a", "b"]

    def test_root_is_the_first_place(self) -> None:
        caller = Caller()
        create(caller, text("a", id="a"))
        outputs = create(caller, text("b", id="b"), previous_item_id="root")
        assert show(outputs)[0].startswith("conversation.item.added previous_item_id=None item=b")
        assert order(caller) == ["b", "a"]

    def test_an_item_can_come_after_any_other(self) -> None:
        caller = Caller()
        for name in "abc":
            create(caller, text(name, id=name))
        outputs = create(caller, text("d", id="d"), previous_item_id="a")
        assert show(outputs)[0].startswith("conversation.item.added previous_item_id=a item=d")
        assert order(caller) == ["a", "d", "b", "c"]

    def test_an_unknown_place_is_refused(self) -> None:
        caller = Caller()
        body = error(create(caller, text("a", id="a"), previous_item_id="nobody", event_id="mine"))
        assert (body.code, body.param) == ("item_create_invalid_previous_item_id", "previous_item_id")
        assert body.event_id == "mine"
        assert order(caller) == []

    def test_an_id_that_is_taken_is_refused(self) -> None:
        caller = Caller()
        create(caller, text("a", id="a"))
        body = error(create(caller, text("b", id="a")))
        assert (body.code, body.param) == ("item_create_duplicate_item_id", "item.id")
        assert body.message == "Error adding item: an item with id 'a' already exists."

    def test_an_id_that_is_announced_for_the_caller_is_taken(self) -> None:
        caller = Caller()
        caller.hear(320, 0.9)
        assert refusal(create(caller, text("b", id="item_1"))) == ("item_create_duplicate_item_id", "item.id")
        assert "conversation.item.done" in " ".join(show(caller.hear(224, 0.0)))

    def test_after_a_deletion_the_chain_goes_on_from_what_is_left(self) -> None:
        caller = Caller()
        for name in "ab":
            create(caller, text(name, id=name))
        assert show(caller.send("conversation.item.delete", item_id="b")) == ["conversation.item.deleted item_id=b"]
        assert show(create(caller, text("c", id="c")))[0].startswith("conversation.item.added previous_item_id=a")


class TestContent:
    @pytest.mark.parametrize("role", ["system", "user"])
    def test_system_and_user_write_input_text(self, role: str) -> None:
        caller = Caller()
        create(caller, message(role, {"type": "input_text", "text": "Hi"}, id="a"))
        item = caller.item("a")
        assert item is not None
        assert (said(item).role, said(item).content) == (role, (InputText("Hi"),))

    def test_the_assistant_writes_output_text(self) -> None:
        caller = Caller()
        create(caller, message("assistant", {"type": "output_text", "text": "Hi"}, id="a"))
        item = caller.item("a")
        assert item is not None
        assert said(item).content == (OutputText("Hi"),)

    def test_the_status_that_a_client_sends_is_a_no_op(self) -> None:
        caller = Caller()
        assert ":completed[" in show(create(caller, text("a", id="a", status="in_progress", object="realtime.item")))[0]

    @pytest.mark.parametrize(
        ("role", "part"),
        [
            ("system", {"type": "input_audio", "audio": "AAAA"}),
            ("system", {"type": "output_text", "text": "x"}),
            ("user", {"type": "output_text", "text": "x"}),
            ("assistant", {"type": "input_text", "text": "x"}),
        ],
    )
    def test_content_of_another_role_is_refused(self, role: str, part: dict[str, Any]) -> None:
        outputs = create(Caller(), message(role, part))
        assert refusal(outputs) == ("invalid_value", "item.content[0].type")

    def test_a_recording_is_shown_without_its_audio_and_transcribed(self) -> None:
        caller = Caller(audio={"input": {"format": {"type": "audio/pcmu"}, "transcription": {"language": "en"}}})
        assert show(create(caller, message("user", {"type": "input_text", "text": "Hear:"}, voice(), id="a"))) == [
            "conversation.item.added previous_item_id=None item=a:user:completed[input_text:'Hear:' input_audio:None]",
            "conversation.item.done previous_item_id=None item=a:user:completed[input_text:'Hear:' input_audio:None]",
            "transcribe item_id=a pcm=24000B voice_end=None tentative=False telephone=True "
            "hint=(model='whisper-1' language=en prompt=None)",
        ]

    def test_a_recording_with_its_words_needs_no_transcription(self) -> None:
        outputs = create(Caller(), message("user", voice(transcript="Hi"), id="a"))
        assert [line.split(" ")[0] for line in show(outputs)] == ["conversation.item.added", "conversation.item.done"]

    def test_words_alone_are_enough(self) -> None:
        outputs = create(Caller(), message("user", {"type": "input_audio", "transcript": "Hi"}, id="a"))
        assert "input_audio:'Hi'" in show(outputs)[0]

    @pytest.mark.parametrize("part", [{"type": "input_audio"}, {"type": "input_audio", "audio": ""}])
    def test_a_recording_without_audio_and_words_is_refused(self, part: dict[str, Any]) -> None:
        outputs = create(Caller(), message("user", part))
        assert refusal(outputs) == ("missing_required_parameter", "item.content[0].audio")

    def test_a_recording_of_more_than_the_buffer_would_hold_is_refused(self) -> None:
        outputs = create(Caller(), message("user", voice(12 * 60_000 + 1)))
        assert refusal(outputs) == ("invalid_value", "item.content[0].audio")

    def test_two_recordings_in_one_item_are_refused(self) -> None:
        assert refusal(create(Caller(), message("user", voice(), voice()))) == ("unsupported_value", "item.content")


class TestRetrieve:
    def test_shows_the_callers_audio(self) -> None:
        caller = Caller()
        create(caller, message("user", voice(500), id="a"))
        item = caller.item("a")
        assert item is not None
        assert said(item).content == (InputAudio(audio=pcm(500)),)

    def test_shows_the_assistants_audio(self) -> None:
        caller = Caller()
        caller.send("response.create")
        caller.answer("Yes.", 300)
        item = caller.item("item_1")
        assert item is not None
        assert said(item).content == (OutputAudio("Yes.", audio=pcm(300)),)

    def test_shows_what_was_said_so_far_of_an_answer_in_progress(self) -> None:
        caller = Caller()
        caller.send("response.create")
        caller.sound(100)
        caller.words("Yes.")
        item = caller.item("item_1")
        assert item is not None
        assert (item.status, said(item).content) == ("in_progress", (OutputAudio("Yes.", audio=pcm(100)),))

    def test_an_unknown_item_is_refused(self) -> None:
        body = error(Caller().send("conversation.item.retrieve", item_id="a", event_id="mine"))
        assert (body.code, body.param, body.event_id) == ("item_retrieve_invalid_item_id", "item_id", "mine")
        assert body.message == "Error retrieving item: the item with id 'a' does not exist."

    def test_the_oldest_audio_is_dropped_and_its_words_stay(self) -> None:
        caller = Caller()
        half = RETAINED_AUDIO_BYTES // 48 // 2
        caller.send("response.create")
        caller.answer("Old answer.", half)
        create(caller, message("user", voice(half + 1000), id="new"))
        answer, recording = caller.item("item_1"), caller.item("new")
        assert answer is not None
        assert recording is not None
        assert said(answer).content == (OutputAudio("Old answer."),)
        assert len(recording.content[0].audio) == 48 * (half + 1000)  # type: ignore[union-attr, arg-type]
        create(caller, message("user", voice(half), id="newer"))
        caller.tell(fx.TranscriptReady(item_id="new", text="Words.", seconds=1.0))
        recording = caller.item("new")
        assert recording is not None
        assert said(recording).content == (InputAudio("Words."),)


class TestDelete:
    def test_a_deleted_item_is_no_context(self) -> None:
        caller = Caller()
        for name in "ab":
            create(caller, text(name, id=name))
        caller.send("conversation.item.delete", item_id="a")
        assert order(caller) == ["b"]

    def test_an_unknown_item_is_refused(self) -> None:
        body = error(Caller().send("conversation.item.delete", item_id="a"))
        assert (body.code, body.param) == ("item_delete_invalid_item_id", "item_id")
        assert body.message == "Error deleting item: the item with id 'a' does not exist."
