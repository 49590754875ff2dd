"""What a synthesiser's raw clause still needs: no long silence around it, the agreed loudness, clean borders."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from vivavoce.audio.pcm import Pcm

SPEECH_DBFS = -20.0
"""RMS level of the spoken part, the same for every voice."""
PEAK_DBFS = -1.5
"""No sample is louder: peaks above `_KNEE_DBFS` are rounded off. Deep voices need it, whose few strong pulses a
second would otherwise leave them 3 dB softer than the rest."""
LEAD_MS = 20
"""Silence before the first sound: models put 200 to 350 ms there, which the caller would have to wait for."""

_FRAME_MS = 5
_AUDIBLE_DB = 45.0  # below the loudest frame; softer ends of words go down to about -40
_SPEECH_DB = 40.0  # below the loudest frame: frames that count for the loudness
_SMOOTH_FRAMES = 8
_FLOOR = 1e-5  # -100 dBFS
_KNEE_DBFS = -7.0
_FADE_IN_MS, _FADE_OUT_MS = 5, 20


@dataclass(frozen=True, slots=True, eq=False)
class Finished:
    """A clause as it is heard, and where it lies in what it was made from."""

    audio: Pcm
    start: int
    """Samples of the raw clause that come before `audio`; below 0, it begins with so many samples of silence."""
    sounds: NDArray[np.intp]
    """Where in `audio` each 5 ms that can be heard end, in samples."""

    def last_sound(self, raw: int) -> int:
        """Where in `audio` the last sound ends that is over at this sample of the raw clause; 0 when there is none."""
        before = int(np.searchsorted(self.sounds, raw - self.start, side="right"))
        return int(self.sounds[before - 1]) if before else 0


def pause_ms(text: str) -> float:
    """The pause that belongs behind a clause, from its last mark, at speed 1.0."""
    last = text.rstrip(" \t\n\"')]”’")[-1:]
    if last in ".!?…":
        return 200.0
    return 120.0 if last in ",;:—–" else 60.0


def finished(raw: NDArray[np.float32], rate: int, pause: float, gain: float = 0.0) -> Finished:
    """Trimmed to `LEAD_MS` before and `pause` milliseconds after the speech, at `SPEECH_DBFS`, faded at both ends.

    `raw` has shape (n,), any level. Silence gives empty audio. `gain` is in dB: by how much a voice
    of this RMS is softer to the ear than others.
    """
    step = rate * _FRAME_MS // 1000
    frames = raw[: len(raw) // step * step].reshape(-1, step).astype(np.float64)
    level = np.sqrt(np.square(frames).mean(axis=1)) if len(frames) else np.zeros(0)
    loudest = float(level.max(initial=0.0))
    if loudest < _FLOOR:
        return Finished(Pcm.silence(0, rate), 0, np.zeros(0, np.intp))
    audible = np.flatnonzero(level > loudest * _ratio(-_AUDIBLE_DB))
    first, last = int(audible[0]) * step, (int(audible[-1]) + 1) * step
    start = first - rate * LEAD_MS // 1000
    kept = _window(raw, start, last + round(rate * pause / 1000))
    louder = _limited(kept * np.float32(_ratio(SPEECH_DBFS + gain) / _loudness(level)))
    return Finished(Pcm.from_float(_faded(louder, rate), rate), start, (audible + 1) * step - start)


def _loudness(level: NDArray[np.float64]) -> float:
    """RMS of the spoken part, from the RMS of each frame. Smoothed, since a deep voice has 10 ms between pulses."""
    width = min(_SMOOTH_FRAMES, len(level))
    power = np.convolve(np.square(level), np.ones(width) / width, mode="same")
    spoken = power[power > power.max() * _ratio(-_SPEECH_DB) ** 2]
    return float(np.sqrt(spoken.mean()))


def _window(raw: NDArray[np.float32], start: int, end: int) -> NDArray[np.float32]:
    """`raw[start:end]`, with zeros where it does not reach."""
    inside = raw[max(start, 0) : min(end, len(raw))]
    return np.pad(inside, (max(-start, 0), max(end - len(raw), 0)))


def _limited(samples: NDArray[np.float32]) -> NDArray[np.float32]:
    """Unchanged below the knee, and smoothly up to the highest peak above it."""
    knee, span = _ratio(_KNEE_DBFS), _ratio(PEAK_DBFS) - _ratio(_KNEE_DBFS)
    size = np.abs(samples)
    limited = np.copysign(knee + span * np.tanh((size - knee) / span), samples)
    return np.where(size > knee, limited, samples).astype(np.float32)


def _faded(samples: NDArray[np.float32], rate: int) -> NDArray[np.float32]:
    rise, fall = rate * _FADE_IN_MS // 1000, rate * _FADE_OUT_MS // 1000
    samples[:rise] *= np.linspace(0, 1, rise, dtype=np.float32)[: len(samples)]
    samples[-fall:] *= np.linspace(1, 0, fall, dtype=np.float32)[-len(samples) :]
    return samples


def _ratio(db: float) -> float:
    return float(10 ** (db / 20))
