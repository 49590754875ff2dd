"""What the caller heard, to the word, when the voice tells where each of them ends (PROTOCOL.md 4.1)."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.core.caller import Caller, said, started, tags

from vivavoce.core import effects as fx
from vivavoce.core.spoken import Spoken
from vivavoce.protocol.items import OutputAudio
from vivavoce.protocol.session import AudioPcm

PRICE = "It costs $12.50, today."
PRICE_ENDS = ((2, 100), (8, 400), (16, 1900), (23, 2400))


def kept(caller: Caller, ms: int) -> str:
    """The words that a model will know after a cut."""
    outputs = caller.send("conversation.item.truncate", item_id="item_2", content_index=0, audio_end_ms=ms)
    assert tags(outputs) == ["conversation.item.truncated"]
    item = caller.item("item_2")
    assert item is not None
    (part,) = said(item).content
    assert isinstance(part, OutputAudio)
    return part.transcript


def priced(caller: Caller | None = None) -> Caller:
    caller = caller or Caller()
    caller.speak_turn()
    caller.words(PRICE)
    assert caller.times(*PRICE_ENDS) == []
    caller.sound(2600)
    return caller


@pytest.mark.parametrize(
    ("ms", "words"),
    [
        (2600, PRICE),
        (2400, PRICE),  # exactly where the last word ends: its pause is not needed
        (2399, "It costs $12.50,"),
        (1900, "It costs $12.50,"),
        (1899, "It costs"),  # inside a number that is shown as one word
        (400, "It costs"),
        (99, ""),
        (0, ""),
    ],
)
def test_a_word_is_remembered_once_it_was_heard_to_its_end(ms: int, words: str) -> None:
    caller = priced()
    caller.finish()
    assert kept(caller, ms) == words
    assert said(started(caller.send("response.create")).context.items[-1]).content == (OutputAudio(words),)


def test_truncating_twice_is_like_truncating_once() -> None:
    caller = priced()
    caller.finish()
    assert kept(caller, 2000) == "It costs $12.50,"
    assert kept(caller, 1000) == "It costs"


def test_words_of_an_interrupted_answer_whose_audio_was_never_sent_are_forgotten() -> None:
    caller = Caller()
    caller.speak_turn()
    caller.words(PRICE)
    caller.times(*PRICE_ENDS)
    caller.sound(500)
    caller.hear(96, 0.9)
    item = caller.item("item_2")
    assert item is not None
    (part,) = said(item).content
    assert isinstance(part, OutputAudio)
    assert part.transcript == PRICE  # what was sent, until the client says what was heard
    assert kept(caller, 500) == "It costs"


def test_times_may_come_after_their_audio_and_in_pieces() -> None:
    caller = Caller()
    caller.speak_turn()
    caller.words("One. Two.")
    caller.times((4, 300))
    caller.sound(1000)
    caller.times((9, 800))
    caller.words(" Three.")
    caller.sound(1000)
    caller.times((7, 900))
    caller.finish()
    assert kept(caller, 1900) == "One. Two. Three."
    assert kept(caller, 1899) == "One. Two."
    assert kept(caller, 799) == "One."


def test_times_without_words_mean_nothing() -> None:
    caller = Caller()
    caller.speak_turn()
    caller.times((4, 300))
    caller.answer("Yes.", 500)
    assert kept(caller, 400) == ""


def test_times_of_an_answer_that_is_over_are_dropped() -> None:
    caller = priced()
    caller.finish()
    assert caller.times((23, 10)) == []
    assert kept(caller, 10) == ""


def test_on_a_telephone_the_clock_is_the_same() -> None:
    caller = Caller(audio={"output": {"format": {"type": "audio/pcmu"}}})
    caller.speak_turn()
    caller.words(PRICE)
    caller.times(*PRICE_ENDS)
    caller.tell(fx.AnswerAudio(response_id="resp_1", data=bytes(2600 * 8), samples=2600 * fx.SAMPLES_PER_MS))
    caller.finish()
    assert kept(caller, 1950) == "It costs $12.50,"


def test_without_times_an_interrupted_clause_is_measured_by_the_pace_of_those_before() -> None:
    caller = Caller()
    caller.speak_turn()
    caller.words("One two. ")
    caller.sound(900)
    caller.words("Three four five six.")
    caller.sound(1000)
    caller.hear(96, 0.9)
    assert kept(caller, 1900) == "One two. Three four"
    assert kept(caller, 1500) == "One two. Three"
    assert kept(caller, 500) == "One"


def test_without_times_and_pace_a_clause_is_as_long_as_its_audio() -> None:
    caller = Caller()
    caller.speak_turn()
    caller.words("Three four")
    caller.sound(1000)
    caller.hear(96, 0.9)
    assert kept(caller, 1000) == "Three four"
    assert kept(caller, 500) == "Three"


def test_scripts_without_gaps_are_cut_between_characters() -> None:
    caller = Caller()
    caller.speak_turn()
    caller.answer("你好。我是小明, OK?", 1300)
    assert kept(caller, 1299) == "你好。我是小明,"
    assert kept(caller, 600) == "你好。我是"
    assert kept(caller, 200) == "你"


CLAUSES = st.lists(
    st.tuples(st.text("ab 1好。", max_size=8), st.lists(st.integers(0, 2000), max_size=4), st.integers(0, 80)),
    min_size=1,
    max_size=4,
)


def spoken(clauses: list[tuple[str, list[int], int]], whole: bool) -> Spoken:
    answer = Spoken(AudioPcm(rate=24_000))
    for text, ends, ms in clauses:
        answer.say(text)
        chars = [len(text) * (number + 1) // len(ends) for number in range(len(ends))]
        answer.time(zip(chars, sorted(ends), strict=True))
        answer.sound(bytes(ms * 48), ms * fx.SAMPLES_PER_MS)
    answer.whole = whole
    return answer


@given(CLAUSES, st.booleans(), st.data())
def test_any_two_cuts_are_the_shorter_one(
    clauses: list[tuple[str, list[int], int]], whole: bool, data: st.DataObject
) -> None:
    twice, once = spoken(clauses, whole), spoken(clauses, whole)
    text, length = once.text, once.ms
    first = data.draw(st.integers(0, length))
    second = data.draw(st.integers(0, first))
    twice.cut(first)
    longer = twice.text
    twice.cut(second)
    once.cut(second)
    assert (twice.text, twice.ms, twice.data) == (once.text, once.ms, once.data)
    assert once.ms == second
    assert len(once.data) == 48 * second
    assert text.startswith(longer)
    assert longer.startswith(once.text)
    assert second or not once.text
