"""What a page in a browser said and heard, on one clock: `ears.js` records, this reads.

async with browser.page(url, script=EARS) as page:
    ...
    sound = Sound.read(await page.evaluate("ears.take()"))
"""

from __future__ import annotations

import base64
from dataclasses import dataclass
from importlib.resources import files

import numpy as np
from numpy.typing import NDArray

from vivavoce.audio.pcm import Pcm

EARS = files("vivavoce.testing").joinpath("ears.js").read_text()
"""To be run in the page before its own scripts."""
RATE = 48_000
WINDOW_MS = 5
"""Loudness is looked at in pieces of this length."""


@dataclass(frozen=True, slots=True)
class Sound:
    """Of one rate (a browser's is 48 kHz), equally long; the same sample of either is the same moment at the caller."""

    said: Pcm
    """What the microphone gave to the page, or a telephone to its codec."""
    heard: Pcm
    """What the peer sent, as it is played; by a telephone, at once."""

    @staticmethod
    def read(taken: str) -> Sound:
        """What `ears.take()` gives."""
        both = np.frombuffer(base64.b64decode(taken), "<i2").reshape(-1, 2)
        return Sound(Pcm(both[:, 0].copy(), RATE), Pcm(both[:, 1].copy(), RATE))


def loud(pcm: Pcm, above_db: float = -45.0) -> NDArray[np.bool_]:
    """Whether each `WINDOW_MS` is louder than this (RMS, in dBFS)."""
    window = pcm.rate * WINDOW_MS // 1000
    pieces = pcm.samples[: len(pcm.samples) // window * window].reshape(-1, window).astype(np.float64)
    powers = np.mean((pieces / 32768) ** 2, axis=1)
    return np.asarray(powers > 10 ** (above_db / 10))


def stretches(sounding: NDArray[np.bool_], pause_ms: int) -> list[tuple[int, int]]:
    """Begin and end, in ms, of everything that sounds; pauses shorter than `pause_ms` belong to it."""
    found: list[tuple[int, int]] = []
    for at in np.flatnonzero(sounding).tolist():
        begin, end = at * WINDOW_MS, (at + 1) * WINDOW_MS
        if found and begin - found[-1][1] < pause_ms:
            found[-1] = (found[-1][0], end)
        else:
            found.append((begin, end))
    return found
