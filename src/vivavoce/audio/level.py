"""How loud audio is over time, and where it is quiet enough to be cut."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from vivavoce.audio.pcm import Pcm

FRAME_MS = 20
SILENCE_DB = -100.0
"""What digital silence counts as, dBFS."""
_PAUSE_FRAMES = 10
"""A cut wants 200 ms of quiet around it: less may be the stop inside a word."""


def levels(pcm: Pcm) -> NDArray[np.float64]:
    """The RMS level of each whole `FRAME_MS` in dBFS, shape (frames,); `SILENCE_DB` at least."""
    step = pcm.rate * FRAME_MS // 1000
    frames = pcm.samples[: len(pcm.samples) // step * step].reshape(-1, step).astype(np.float64)
    power = np.square(frames / 32768).mean(axis=1)
    return np.asarray(10 * np.log10(np.maximum(power, 10 ** (SILENCE_DB / 10))), np.float64)


def quiet_point(pcm: Pcm, earliest_ms: float, latest_ms: float) -> int:
    """The sample in the middle of the quietest 200 ms between two times, or the latter in less than that."""
    first, last = int(earliest_ms // FRAME_MS), int(latest_ms // FRAME_MS)
    loudness = levels(pcm)[first:last]
    if len(loudness) < _PAUSE_FRAMES:
        return min(len(pcm.samples), int(latest_ms * pcm.rate / 1000))
    around = np.convolve(loudness, np.ones(_PAUSE_FRAMES), mode="valid")
    middle = first + int(np.argmin(around)) + _PAUSE_FRAMES // 2
    return middle * pcm.rate * FRAME_MS // 1000
