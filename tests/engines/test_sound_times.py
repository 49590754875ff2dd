"""When words were probably said, for a voice that does not tell."""

from __future__ import annotations

import pytest

from vivavoce.audio.pcm import Pcm
from vivavoce.engines.sound_times import estimated
from vivavoce.testing.script import sound


def test_the_pauses_belong_to_no_word() -> None:
    audio = Pcm.join([Pcm.silence(200), *sound(400), Pcm.silence(300), *sound(400), Pcm.silence(500)])
    times = estimated("once, then more", audio).ends
    assert [chars for chars, _ in times] == [5, 10, 15]
    # 12 letters in 800 ms of sound, in frames of 20 ms
    assert [ms for _, ms in times] == pytest.approx([480, 1040, 1300], abs=20)


def test_digits_take_longer_than_letters() -> None:
    (_, first), (_, second) = estimated("25 eight888", Pcm.join(sound(1000))).ends
    assert first == pytest.approx(1000 * 8 / 25, abs=20)
    assert second == 1000


@pytest.mark.parametrize("text", ["", "...", "—"])
def test_a_text_without_words_has_no_times(text: str) -> None:
    assert estimated(text, Pcm.join(sound(100))).ends == ()


def test_audio_that_is_too_short_to_measure_has_no_times() -> None:
    assert estimated("Yes.", Pcm.silence(10)).ends == ()


def test_silence_is_shared_like_sound() -> None:
    assert estimated("Yes.", Pcm.silence(100)).ends == ((4, 100.0),)
