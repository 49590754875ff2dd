"""How loud speech is to the ear: loudness of one channel by ITU-R BS.1770-5."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from vivavoce.audio.pcm import Pcm
from vivavoce.audio.resample import resample

SILENCE_LUFS = -70.0
"""What is softer does not count: the absolute gate of BS.1770."""
_RATE = 48_000
_BLOCK = _RATE * 400 // 1000
_STEP = _BLOCK // 4
_RELATIVE_LU = -10.0
_OFFSET = -0.691
# The K-weighting's two stages at 48 kHz, numerator and denominator (BS.1770-5, Annex 1, tables 1 and 2): the head,
# which lifts what is above 2 kHz, and a high pass at 38 Hz.
_HEAD = (1.53512485958697, -2.69169618940638, 1.19839281085285), (1.0, -1.69065929318241, 0.73248077421585)
_HIGH_PASS = (1.0, -2.0, 1.0), (1.0, -1.99004745483398, 0.99007225036621)


def loudness(pcm: Pcm) -> float:
    """LUFS of what is not silence, gated as BS.1770 says; `SILENCE_LUFS` where nothing is louder.

    400 ms at least are needed; a shorter clip counts as if silence followed it.
    """
    weighted = _weighted(resample(pcm, _RATE).to_float().astype(np.float64))
    padded = np.pad(weighted, (0, max(0, _BLOCK - len(weighted))))
    steps = padded[: len(padded) // _STEP * _STEP].reshape(-1, _STEP)
    energy = np.einsum("ij,ij->i", steps, steps)
    power = np.convolve(energy, np.ones(_BLOCK // _STEP), mode="valid") / _BLOCK
    heard = power[power > _power(SILENCE_LUFS)]
    if not len(heard):
        return SILENCE_LUFS
    loud = heard[heard > heard.mean() * 10 ** (_RELATIVE_LU / 10)]
    return float(_OFFSET + 10 * np.log10(loud.mean()))


def _power(lufs: float) -> float:
    return float(10 ** ((lufs - _OFFSET) / 10))


def _weighted(samples: NDArray[np.float64]) -> NDArray[np.float64]:
    """K-weighted, through the spectrum: a second of silence behind it takes what the high pass rings."""
    size = len(samples) + _RATE
    spectrum = np.fft.rfft(samples, size)
    turn = np.exp(-2j * np.pi * np.arange(len(spectrum)) / size)
    for above, below in (_HEAD, _HIGH_PASS):
        spectrum *= np.polyval(above[::-1], turn) / np.polyval(below[::-1], turn)
    return np.asarray(np.fft.irfft(spectrum, size)[: len(samples)], np.float64)
