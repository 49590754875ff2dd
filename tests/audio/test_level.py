"""Levels in dBFS, and cuts that fall into pauses."""

import numpy as np
import pytest

from vivavoce.audio.level import SILENCE_DB, levels, quiet_point
from vivavoce.audio.pcm import Pcm


def test_full_scale_is_zero_and_silence_the_floor() -> None:
    square = np.tile(np.array([32767, -32768], np.int16), 160)
    assert levels(Pcm(square, 16_000)) == pytest.approx([0.0], abs=0.01)
    assert levels(Pcm.silence(40)).tolist() == [SILENCE_DB] * 2
    assert len(levels(Pcm.silence(19))) == 0


@pytest.mark.parametrize("rate", [8_000, 16_000, 24_000])
def test_the_cut_falls_into_the_longest_pause(rate: int) -> None:
    noise = np.random.default_rng(0).normal(0, 3000, rate * 10).astype(np.int16)
    noise[rate * 4 : rate * 4 + rate // 20] = 0  # 50 ms: the stop inside a word
    noise[rate * 6 : rate * 6 + rate // 4] = 0
    cut = quiet_point(Pcm(noise, rate), 3000, 9000)
    assert rate * 6 < cut < rate * 6 + rate // 4


def test_without_room_for_a_pause_the_cut_is_at_the_latest_point() -> None:
    assert quiet_point(Pcm.silence(1000, 16_000), 450, 500) == 8_000
    assert quiet_point(Pcm.silence(100, 16_000), 400, 500) == 1_600
