"""The tones of a telephone's keys, found in its audio (ITU-T Q.23 and Q.24), for phones that send nothing better."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from vivavoce.audio.pcm import WIRE_RATE, Pcm

_LOW, _HIGH = (697, 770, 852, 941), (1209, 1336, 1477, 1633)
_KEYS = ("123A", "456B", "789C", "*0#D")
_WINDOW, _STEP = WIRE_RATE * 24 // 1000, WIRE_RATE * 8 // 1000
"""Samples. Within 40 ms of a tone, the shortest that must be heard (Q.24), two windows or more lie wholly."""
_BEGINS, _ENDS = 2, 6
"""Windows in a row with the same tone, or without it, before it is believed: a break of 10 ms ends nothing."""
_OFF = (0.988, 1.0, 1.012)
"""Where a tone is looked for: one that is 1.5 % out of tune must be heard, one that is 3.5 % out must not."""
_QUIETEST = 10 ** (-42 / 20)
"""Of full scale, each of the two: the weakest tones that must be heard are some 25 dB below the usual ones."""
_SHARE = 0.82
"""Of all that sounds, what the two must be: a voice spreads over many tones."""
_ABOVE = 10.0
"""How many times as strong as the next of its group each must be."""
_TWIST, _REVERSE = 10**0.4, 10**0.8
"""How many times as strong as the low tone the high one may be, and the other way round: 4 and 8 dB."""
_OVERTONE = 0.1
"""Of its strength, what a tone may have an octave higher: a voice has more there."""


class ToneDetector:
    """One caller's audio at 24 kHz. It tells of a key some 40 ms after it was pressed; 60 us for 20 ms."""

    def __init__(self) -> None:
        at = np.arange(_WINDOW) / WIRE_RATE
        tones = [each * off for each in (*_LOW, *_HIGH) for off in _OFF]
        tones += [2 * each for each in (*_LOW, *_HIGH)]
        self._waves = np.exp(-2j * np.pi * np.outer(tones, at)) * np.sqrt(2) / _WINDOW
        """A sine's power is what its wave has in common with the window, squared."""
        self._store = np.zeros(0, np.float64)
        self._sounds: str | None = None
        """The key that is held, as far as is believed."""
        self._candidate: str | None = None
        self._row = 0
        """Windows for which it has been the candidate."""

    def push(self, pcm: Pcm) -> list[str]:
        """The caller's next audio; the keys that it shows to have been pressed. `ValueError` at another rate."""
        if pcm.rate != WIRE_RATE:
            raise ValueError(f"keys are looked for at {WIRE_RATE} Hz, this audio is {pcm.rate} Hz")
        self._store = np.concatenate((self._store, pcm.samples / 32768))
        pressed: list[str] = []
        while len(self._store) >= _WINDOW:
            key = self._key(self._store[:_WINDOW])
            self._store = self._store[_STEP:]
            self._row = self._row + 1 if key == self._candidate else 1
            self._candidate = key
            if key != self._sounds and self._row == (_ENDS if key is None else _BEGINS):
                self._sounds = key
                pressed += [] if key is None else [key]
        return pressed

    def _key(self, window: NDArray[np.float64]) -> str | None:
        total = float(np.mean(window**2))
        if total < 2 * _QUIETEST**2 / 2:
            return None
        powers = np.abs(self._waves @ window) ** 2
        main, overtones = powers[:-8].reshape(8, len(_OFF)).max(axis=1), powers[-8:]
        low, high = main[:4], main[4:]
        row, column = int(np.argmax(low)), int(np.argmax(high))
        weak, strong = float(low[row]), float(high[column])
        pure = weak + strong >= _SHARE * total
        apart = _apart(low, row) and _apart(high, column)
        level = strong <= weak * _TWIST and weak <= strong * _REVERSE
        if not (pure and apart and level and min(weak, strong) >= _QUIETEST**2 / 2):
            return None
        if overtones[row] > _OVERTONE * weak or overtones[4 + column] > _OVERTONE * strong:
            return None
        return _KEYS[row][column]


def _apart(group: NDArray[np.float64], best: int) -> bool:
    return bool(np.delete(group, best).max() * _ABOVE <= group[best])
