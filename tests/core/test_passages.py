"""How speech without end is cut into passages, and what happens when the translator cannot keep up."""

from __future__ import annotations

from array import array

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.core.caller import FRAME_MS, error, pcm, tags
from tests.core.speaker import Speaker, asked, passages

from vivavoce.core import effects as fx
from vivavoce.core.input_buffer import MAX_BUFFER_MS
from vivavoce.core.passages import BREATH_AFTER_MS, LONGEST_MS, quietest
from vivavoce.core.translating import JOINED_CHARS, MAX_WAITING, elapsed_ms
from vivavoce.languages import language_name, spaced

SECOND = fx.AudioIn(pcm=pcm(1000))
LOUD = array("h", [3000, -3000] * (FRAME_MS * fx.SAMPLES_PER_MS // 2)).tobytes()


def test_a_short_pause_ends_no_short_passage() -> None:
    speaker = Speaker()
    assert passages([*speaker.hear(960, 0.9), *speaker.hear(256, 0.0), *speaker.hear(320, 0.9)]) == []
    assert passages(speaker.hear(416, 0.0)) == [("item_1", 1920)]


def test_after_some_seconds_the_shortest_pause_ends_a_passage() -> None:
    speaker = Speaker()
    speaker.hear(BREATH_AFTER_MS, 0.9)
    assert passages(speaker.hear(96, 0.0)) == [("item_1", 5088)]
    assert passages(speaker.hear(960, 0.9)) == []
    assert passages(speaker.hear(416, 0.0)) == [("item_2", 1344)]


def test_the_silence_after_such_a_pause_is_no_passage() -> None:
    speaker = Speaker()
    speaker.hear(BREATH_AFTER_MS, 0.9)
    speaker.hear(96, 0.0)
    assert passages(speaker.hear(1600, 0.0)) == []


def test_speech_without_a_pause_is_cut_where_it_is_quietest() -> None:
    speaker = Speaker()
    outputs = [*speaker.hear(7968, 0.9, LOUD), *speaker.hear(64, 0.9), *speaker.hear(1984, 0.9, LOUD)]
    ((item, ms),) = passages(outputs)
    assert item == "item_1"
    assert 7968 <= ms <= 8032
    assert passages(speaker.hear(LONGEST_MS - 3000, 0.9, LOUD)) == []
    (rest,) = passages(speaker.close())
    assert ms + rest[1] == speaker.heard_ms  # nothing is lost, nothing is said twice


@given(st.integers(0, 196), st.integers(3, 30))
def test_the_quietest_place_lies_in_the_gap(at: int, steps: int) -> None:
    samples = array("h", [2000, -2000] * 48_000)
    gap = slice(at * 480, min(at + steps, 200) * 480)
    samples[gap] = array("h", bytes(2 * (gap.stop - gap.start)))
    assert gap.start <= quietest(samples.tobytes()) <= max(gap.stop, gap.start + 1440)


def test_only_two_passages_are_transcribed_at_a_time() -> None:
    speaker = Speaker()
    cut = [item for _ in range(4) for item, _ in passages(speaker.say())]
    assert cut == ["item_1", "item_2"]
    assert [item for item, _ in passages(speaker.understood("Eins."))] == ["item_3"]


def test_when_passages_wait_new_ones_join_the_last() -> None:
    speaker = Speaker()
    for number in range(1, MAX_WAITING + 4):
        speaker.say()
        speaker.understood(f"Satz {number}.", f"item_{number}")
    done = [asked(speaker.finish(f"resp_{number}")) for number in range(1, MAX_WAITING + 2)]
    assert done == [["Satz 2."], ["Satz 3."], ["Satz 4. Satz 5. Satz 6."], []]


def test_when_no_more_can_join_audio_waits_and_in_the_end_no_more_is_taken() -> None:
    speaker = Speaker()
    for number in range(1, MAX_WAITING + 2):
        speaker.say()
        speaker.understood("x" * JOINED_CHARS, f"item_{number}")
    assert passages(speaker.say()) == []
    answers = [speaker.tell(SECOND) for _ in range(MAX_BUFFER_MS // 1000)]
    assert tags(answers[-3]) == ["listen"]
    assert error(answers[-1]).code == "input_audio_buffer_full"
    assert "12 minutes behind" in error(answers[-1]).message
    assert [item for item, _ in passages(speaker.finish())] == [f"item_{MAX_WAITING + 2}"]
    assert tags(speaker.tell(SECOND)) == ["listen"]


def test_silence_is_not_kept() -> None:
    speaker = Speaker()
    assert {tag for _ in range(2 * MAX_BUFFER_MS // 1000) for tag in tags(speaker.tell(SECOND))} == {"listen"}


@pytest.mark.parametrize(("position", "ms"), [(0, 0), (1, 200), (4800, 200), (4801, 400)])
def test_elapsed_time_goes_in_frames(position: int, ms: int) -> None:
    assert elapsed_ms(position) == ms


def test_languages_have_names_and_spaces_of_their_own() -> None:
    assert (language_name("de"), language_name("xx")) == ("German", "xx")
    assert [spaced(text, first=False) for text in ("Ja.", " ja", "はい", "네")] == [" Ja.", " ja", "はい", " 네"]
    assert spaced("Ja.", first=True) == "Ja."
