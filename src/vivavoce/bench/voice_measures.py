"""What a voice is like: its pitch, and a print that is alike for the same speaker and unlike for others."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from vivavoce.audio.mel import mel_filters
from vivavoce.audio.pcm import Pcm
from vivavoce.audio.resample import resample
from vivavoce.engines.onnx import load

Print = NDArray[np.float32]
"""256 numbers of length 1: the likeness of two is their product, 1 for the same."""

_RATE = 16_000
_PITCH_RATE = 8_000  # six harmonics of the highest pitch
_FRAME = _PITCH_RATE * 80 // 1000
_HZ = np.arange(60, 421)
_SOFTEST = 0.1  # of the mean power
_CLEAR = 6.0  # nepers, in six harmonics together: they stand out by 9 dB each, or there is no voice


def median_pitch(pcm: Pcm) -> float:
    """The median fundamental frequency of speech in Hz, 60 to 420; 0 where nothing is voiced.

    Of each 80 ms, the pitch whose first six harmonics stand out most above what is between them.
    """
    samples = resample(pcm, _PITCH_RATE).to_float().astype(np.float64)
    if len(samples) < _FRAME or not samples.any():
        return 0.0
    frames = np.lib.stride_tricks.sliding_window_view(samples, _FRAME)[:: _FRAME // 4]
    power = np.square(frames).mean(axis=1)
    heard = frames[power > power.mean() * _SOFTEST] * np.hanning(_FRAME)
    level = np.log(np.abs(np.fft.rfft(heard, _PITCH_RATE, axis=1)) + 1e-3)  # bins of 1 Hz
    harmonics = sum(level[:, number * _HZ] for number in range(1, 7))
    between = sum(level[:, (2 * number + 1) * _HZ // 2] for number in range(6))
    clear = np.max(harmonics - between, axis=1) > _CLEAR
    return float(np.median(_HZ[np.argmax(harmonics - between, axis=1)[clear]])) if clear.any() else 0.0


class Embedder:
    """Speaker prints by a GE2E d-vector network (Wan et al. 2018; Wang et al. 2019, "VoiceFilter").

    `model`: the catalogue's `speaker-embedder`. Its features are 40 log mel bands, 25 ms every 10 ms; the print of a
    clip is the mean of those of 0.8 s windows. Raises `EngineError` (`engine_unavailable`).
    """

    _MELS, _FFT, _WINDOW, _HOP = 40, 512, 400, 160
    _FRAMES, _STRIDE = 80, 40

    def __init__(self, model: Path) -> None:
        self._session = load(model, "speaker-embedder")

    def print(self, pcm: Pcm) -> Print:
        """Of a clip of any length and rate; it is better the longer it is."""
        bands = self._bands(resample(pcm, _RATE).to_float())
        bands = np.pad(bands, ((0, max(0, self._FRAMES - len(bands))), (0, 0)))
        windows = np.lib.stride_tricks.sliding_window_view(bands, self._FRAMES, axis=0)[:: self._STRIDE]
        (found,) = self._session.run(None, {"mel_window": np.ascontiguousarray(windows.transpose(0, 2, 1))})
        return joined(*found)

    def _bands(self, samples: NDArray[np.float32]) -> NDArray[np.float32]:
        """Shape (frames, 40)."""
        room = (self._FFT - self._WINDOW) // 2
        window = np.pad(np.hamming(self._WINDOW + 1)[:-1], room).astype(np.float32)
        samples = np.pad(samples, (0, max(0, self._FFT - len(samples))))
        frames = np.lib.stride_tricks.sliding_window_view(samples, self._FFT)[:: self._HOP]
        power = np.square(np.abs(np.fft.rfft(frames * window, axis=1)))
        return np.asarray(np.log10(power @ mel_filters(self._MELS, self._FFT).T + 1e-10), np.float32)


def joined(*prints: Print) -> Print:
    """The print of several clips of one speaker."""
    mean = np.mean([each / np.linalg.norm(each) for each in prints], axis=0)
    return np.asarray(mean / np.linalg.norm(mean), np.float32)
