"""What a page said and heard, read and looked at."""

from __future__ import annotations

import base64

import numpy as np

from vivavoce.audio.pcm import Pcm
from vivavoce.testing.ears import RATE, Sound, loud, stretches


def test_the_left_channel_is_what_was_said_and_the_right_one_what_was_heard() -> None:
    both = np.array([[1, -2], [3, -4], [5, -6]], "<i2")
    sound = Sound.read(base64.b64encode(both.tobytes()).decode())
    assert sound.said.samples.tolist() == [1, 3, 5]
    assert sound.heard.samples.tolist() == [-2, -4, -6]
    assert (sound.said.rate, sound.heard.rate) == (RATE, RATE)


def test_loud_is_what_is_above_a_level() -> None:
    full, soft = np.full(240, 32767), np.full(240, 328)  # 0 and -40 dBFS, 5 ms each
    pcm = Pcm(np.concatenate([full, soft, np.zeros(240), np.full(100, 32767)]).astype(np.int16), RATE)
    assert loud(pcm, -45).tolist() == [True, True, False]  # what is no whole window does not count
    assert loud(pcm, -35).tolist() == [True, False, False]


def test_a_short_pause_belongs_to_what_sounds() -> None:
    sounding = np.array([0, 1, 1, 0, 1, 0, 0, 0, 1, 0], np.bool_)
    assert stretches(sounding, pause_ms=10) == [(5, 25), (40, 45)]
    assert stretches(sounding, pause_ms=20) == [(5, 45)]
    assert stretches(sounding, pause_ms=5) == [(5, 15), (20, 25), (40, 45)]
    assert stretches(np.zeros(4, np.bool_), pause_ms=10) == []
