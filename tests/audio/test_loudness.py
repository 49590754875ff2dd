"""Loudness by ITU-R BS.1770: the standard's own reference tone, its weighting and its gates."""

from __future__ import annotations

import numpy as np
import pytest

from vivavoce.audio.loudness import SILENCE_LUFS, loudness
from vivavoce.audio.pcm import Pcm


def tone(hertz: float, dbfs: float, seconds: float = 2.0, rate: int = 48_000) -> Pcm:
    """A sine whose peak is at `dbfs`."""
    at = np.arange(int(seconds * rate)) / rate
    return Pcm.from_float((10 ** (dbfs / 20) * np.sin(2 * np.pi * hertz * at)).astype(np.float32), rate)


@pytest.mark.parametrize("rate", [48_000, 24_000])
def test_the_reference_tone(rate: int) -> None:
    # BS.1770-5, Annex 1: a full-scale sine of 997 Hz in one channel reads -3.01 LKFS.
    assert loudness(tone(997, -20, rate=rate)) == pytest.approx(-23.01, abs=0.1)


def test_a_low_tone_counts_less_and_a_high_one_more() -> None:
    low, middle, high = (loudness(tone(hertz, -20)) for hertz in (40, 997, 4000))
    assert low < middle - 4
    assert high == pytest.approx(middle + 3.3, abs=0.3)


def test_pauses_do_not_count() -> None:
    spoken = tone(300, -20, 8)
    with_pauses = Pcm.join([spoken, Pcm.silence(4000, 48_000), spoken])
    assert loudness(with_pauses) == pytest.approx(loudness(spoken), abs=0.3)


@pytest.mark.parametrize("clip", [Pcm.silence(0), Pcm.silence(2000), tone(997, -90)])
def test_silence(clip: Pcm) -> None:
    assert loudness(clip) == SILENCE_LUFS


def test_a_short_clip_is_heard() -> None:
    assert loudness(tone(997, -20, 0.2)) == pytest.approx(-26, abs=0.5)
