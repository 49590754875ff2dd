"""Noises to call in, made here: each the same every time, at any level, for as long as is asked."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray

Samples = NDArray[np.float64]
RATE = 24_000
_SEED = 7
_REVERB_S = 0.5
_BEHIND_DB = 6.0
"""How much louder the room is than the voice itself, for somebody at the other end of it."""


def white(count: int) -> Samples:
    """A hiss."""
    return _random().normal(0, 1, count)


def pink(count: int) -> Samples:
    """Wind, traffic, a fan: equal power in each octave."""
    spectrum = np.fft.rfft(white(count))
    return np.fft.irfft(spectrum / np.sqrt(np.arange(len(spectrum)) + 1), count)


def hum(count: int) -> Samples:
    """Mains: 50 Hz and ten harmonics, in a little hiss."""
    time = np.arange(count) / RATE
    tones = (np.sin(2 * np.pi * 50 * k * time + k) / k for k in range(1, 12))
    hummed: Samples = np.sum(list(tones), axis=0) + 0.05 * white(count)
    return hummed


def keys(count: int) -> Samples:
    """Somebody types: some five clicks a second, each a knock and a ring."""
    random, samples, at = _random(), np.zeros(count + RATE), 0
    while at < count:
        length = int(random.integers(200, 700))
        time = np.arange(length)
        ring = 2 * np.sin(2 * np.pi * random.uniform(800, 3500) * time / RATE)
        knock = (random.normal(0, 1, length) + ring) * np.exp(-5 * time / length)
        samples[at : at + length] += knock * random.uniform(0.4, 1)
        at += 800 + int(random.exponential(0.12) * RATE)
    return samples[:count]


def babble(count: int, voices: Sequence[Samples]) -> Samples:
    """All these people at once, at the other end of the room."""
    random = _random()
    said = np.sum([np.resize(np.roll(voice, int(random.integers(len(voice)))), count) for voice in voices], axis=0)
    return in_a_room(said)


def in_a_room(samples: Samples) -> Samples:
    """Heard from afar: more echo than voice."""
    length = int(_REVERB_S * RATE)
    echo = _random().normal(0, 1, length) * 10 ** (-3 * np.arange(length) / length)
    echo *= 10 ** (_BEHIND_DB / 20) / np.sqrt(np.sum(echo**2))
    echo[0] = 1
    size = len(samples) + length
    return np.fft.irfft(np.fft.rfft(samples, size) * np.fft.rfft(echo, size), size)[: len(samples)]


STEADY: dict[str, Callable[[int], Samples]] = {"white": white, "pink": pink, "hum": hum, "keys": keys}
"""Those that need no voices."""


def loud(samples: Samples, dbfs: float) -> Samples:
    """At this level, as the root mean square of all of it."""
    power = float(np.mean(np.square(samples)))
    return samples * (10 ** (dbfs / 20) / np.sqrt(power)) if power else samples


def _random() -> np.random.Generator:
    return np.random.default_rng(_SEED)
