"""Log-mel spectrograms as Whisper hears them, which smart-turn shares.

25 ms windows every 10 ms of 16 kHz audio, 80 triangular filters on Slaney's mel scale (Radford et al. 2022,
2.2; Slaney 1998, Auditory Toolbox).
"""

from __future__ import annotations

from functools import cache

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray

MEL_RATE = 16_000
"""Hz of the audio."""
MEL_BINS = 80
HOP = 160
"""Samples from one frame to the next: 10 ms."""
_WINDOW = 400
_HALF = _WINDOW // 2
_FLOOR = 1e-10
"""The power below which a filter counts as silent."""
_RANGE = 8.0
"""Decades below the loudest filter that are kept."""


def log_mel(samples: NDArray[np.float32], frames: int) -> NDArray[np.float32]:
    """Whisper's features of `samples` followed by silence, or cut, to `frames` frames.

    `samples` has shape (n,), float in [-1, 1] at `MEL_RATE`; the result (MEL_BINS, frames), about -1 to 2.
    """
    samples = samples[: frames * HOP]
    # Frames that lie wholly in the silence are known without computing them.
    heard = min(frames, (len(samples) + _HALF) // HOP + 1)
    power = np.full((MEL_BINS, frames), _FLOOR, np.float32)
    power[:, :heard] = _mel_power(samples, heard, last=heard == frames)
    log = np.log10(np.maximum(power, _FLOOR))
    return np.asarray((np.maximum(log, log.max() - _RANGE) + 4.0) / 4.0, np.float32)


def smart_turn_mel(samples: NDArray[np.float32], seconds: int = 8) -> NDArray[np.float32]:
    """smart-turn's features of the last `seconds` of `samples`, which silence precedes when they are fewer.

    Unlike Whisper it scales the padded audio to zero mean and unit variance first. Shapes as in `log_mel`:
    (MEL_BINS, 100 * seconds).
    """
    length = seconds * MEL_RATE
    padded = np.zeros(length, np.float32)
    tail = samples[-length:]
    padded[length - len(tail) :] = tail
    return log_mel((padded - padded.mean()) / np.sqrt(padded.var() + 1e-7), length // HOP)


def _mel_power(samples: NDArray[np.float32], frames: int, last: bool) -> NDArray[np.float32]:
    """Shape (MEL_BINS, frames). Mirrored at its ends, so that frame i is centred on sample i * HOP."""
    length = frames * HOP
    audio = np.zeros(length, np.float32)
    audio[: len(samples)] = samples[:length]
    right = audio[-2 : -_HALF - 2 : -1] if last else np.zeros(_HALF, np.float32)
    padded = np.concatenate((audio[_HALF:0:-1], audio, right))
    windows = sliding_window_view(padded, _WINDOW)[::HOP][:frames]
    spectrum = np.fft.rfft(windows * _hann(), axis=-1)
    power = spectrum.real**2 + spectrum.imag**2
    return np.asarray(mel_filters(MEL_BINS, _WINDOW) @ power.T, np.float32)


@cache
def _hann() -> NDArray[np.float32]:
    """The periodic form: one period is the window's length."""
    return np.asarray(np.hanning(_WINDOW + 1)[:-1], np.float32)


@cache
def mel_filters(bands: int, size: int) -> NDArray[np.float32]:
    """Shape (bands, size // 2 + 1): triangles of equal area, evenly spaced in mel, for spectra of `size` samples."""
    edges = _mel_to_hz(np.linspace(0.0, _hz_to_mel(MEL_RATE / 2), bands + 2))
    bins = np.fft.rfftfreq(size, 1 / MEL_RATE)
    low, centre, high = (edges[i : i + bands, None] for i in range(3))
    rising = (bins - low) / (centre - low)
    falling = (high - bins) / (high - centre)
    triangles = np.maximum(0.0, np.minimum(rising, falling))
    return np.asarray(triangles * 2.0 / (high - low), np.float32)


# Slaney's scale: linear to 1 kHz, 3 mel per 200 Hz, and from there 27 steps for each factor of 6.4.
_KNEE_HZ, _KNEE_MEL = 1000.0, 15.0
_STEP = np.log(6.4) / 27.0


def _hz_to_mel(hz: float) -> float:
    return hz * 3.0 / 200.0 if hz < _KNEE_HZ else float(_KNEE_MEL + np.log(hz / _KNEE_HZ) / _STEP)


def _mel_to_hz(mel: NDArray[np.float64]) -> NDArray[np.float64]:
    bent = _KNEE_HZ * np.exp(_STEP * (mel - _KNEE_MEL))
    return np.where(mel < _KNEE_MEL, mel * 200.0 / 3.0, bent)
