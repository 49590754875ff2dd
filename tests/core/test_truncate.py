"""PROTOCOL.md 2.1 and 4.6: forgetting what the caller did not hear."""

from __future__ import annotations

import pytest
from tests.core.caller import Caller, error, pcm, refusal, said, show, started

from vivavoce.core import effects as fx
from vivavoce.protocol.items import OutputAudio


def answered(*clauses: tuple[str, int]) -> Caller:
    caller = Caller()
    caller.speak_turn()
    for words, ms in clauses or [("One two. ", 1000), ("Three four.", 1000)]:
        caller.words(words)
        caller.sound(ms)
    caller.finish()
    return caller


def truncate(caller: Caller, ms: int, item_id: str = "item_2", index: int = 0) -> list[fx.Output]:
    return caller.send("conversation.item.truncate", item_id=item_id, content_index=index, audio_end_ms=ms)


@pytest.mark.parametrize(
    ("ms", "words"),
    [
        (2000, "One two. Three four."),
        (1500, "One two. Three"),
        (1400, "One two. "),
        (1000, "One two. "),
        (500, "One"),
        (200, ""),
        (0, ""),
    ],
)
def test_what_lies_behind_the_cut_is_gone_from_audio_words_and_context(ms: int, words: str) -> None:
    caller = answered()
    assert show(truncate(caller, ms)) == [
        f"conversation.item.truncated item_id=item_2 content_index=0 audio_end_ms={ms}"
    ]
    item = caller.item("item_2")
    assert item is not None
    assert said(item).content == ((OutputAudio(words, audio=pcm(ms)) if ms else OutputAudio(words)),)
    context = started(caller.send("response.create")).context
    assert said(context.items[-1]).content == (OutputAudio(words),)


def test_words_that_were_never_sounded_are_not_heard() -> None:
    caller = Caller()
    caller.speak_turn()
    caller.words("Heard. ")
    caller.sound(1000)
    caller.words("Cut off")
    caller.hear(96, 0.9)
    truncate(caller, 1000)
    item = caller.item("item_2")
    assert item is not None
    assert said(item).content == (OutputAudio("Heard. ", audio=pcm(1000)),)


def test_words_without_audio_inside_the_cut_stay() -> None:
    caller = answered(("", 100), ("(laughs) ", 0), ("Yes.", 500))
    truncate(caller, 600)
    item = caller.item("item_2")
    assert item is not None
    assert said(item).content == (OutputAudio("(laughs) Yes.", audio=pcm(600)),)


def test_telephone_audio_is_cut_at_eight_bytes_a_millisecond() -> None:
    caller = Caller(audio={"output": {"format": {"type": "audio/pcmu"}}})
    caller.speak_turn()
    caller.words("Yes.")
    caller.tell(fx.AnswerAudio(response_id="resp_1", data=bytes(8000), samples=24_000))
    caller.finish()
    truncate(caller, 250)
    item = caller.item("item_2")
    assert item is not None
    assert said(item).content == (OutputAudio("", audio=bytes(2000)),)


def test_a_cut_can_be_moved_forward_but_not_back() -> None:
    caller = answered()
    truncate(caller, 1000)
    assert refusal(truncate(caller, 1001)) == ("invalid_value", "audio_end_ms")
    assert show(truncate(caller, 500))[0].endswith("audio_end_ms=500")


def test_an_unknown_item_is_refused() -> None:
    body = error(truncate(Caller(), 0, "nobody"))
    assert (body.code, body.param) == ("item_truncate_invalid_item_id", "item_id")
    assert body.message == "Error truncating item: the item with id 'nobody' does not exist."


def test_an_item_of_the_caller_is_refused() -> None:
    body = error(truncate(answered(), 0, "item_1"))
    assert (body.code, body.param, body.message) == (None, None, "Only model output audio messages can be truncated")


def test_an_answer_in_progress_is_refused() -> None:
    caller = Caller()
    caller.speak_turn()
    caller.words("Yes.")
    caller.sound(100)
    assert refusal(truncate(caller, 50)) == (None, None)


def test_a_written_answer_is_refused() -> None:
    caller = Caller(output_modalities=["text"])
    caller.send("response.create")
    caller.words("Yes.")
    caller.finish()
    assert refusal(truncate(caller, 0, "item_1")) == (None, None)


def test_another_content_index_is_refused() -> None:
    assert refusal(truncate(answered(), 0, index=1)) == ("invalid_value", "content_index")


def test_a_cut_behind_the_end_is_refused() -> None:
    body = error(truncate(answered(), 2001))
    assert (body.code, body.param) == ("invalid_value", "audio_end_ms")
    assert body.message == "Audio content of 2000ms is already shorter than 2001ms"
