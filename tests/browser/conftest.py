"""One browser for all tests of this folder, and what its microphone hears."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pytest
from tests.browser.chromium import Chromium, chromium

from vivavoce.audio.pcm import Pcm
from vivavoce.audio.wav import write_wav

RATE = 48_000
BEFORE_MS, SPOKEN_MS, BETWEEN_MS = 500, 800, 2200
"""What the microphone hears: a pause, somebody speaking, a pause in which they are answered, somebody speaking."""


def voice(ms: int) -> Pcm:
    """Like speech in what browsers do to it: a steady tone would be taken for noise, and removed."""
    time = np.arange(RATE * ms // 1000) / RATE
    sound = sum(np.sin(2 * np.pi * 150 * harmonic * time + harmonic) / harmonic for harmonic in range(1, 12))
    syllables = np.clip(np.abs(np.sin(2 * np.pi * 2.5 * time)), 0.05, 1)
    shaped = np.asarray(sound * syllables)
    return Pcm((shaped / np.abs(shaped).max() * 16_000).astype(np.int16), RATE)


@pytest.fixture(scope="session")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Chromium]:
    """Its microphone hears two utterances, from the moment on that a page opens it."""
    folder = tmp_path_factory.mktemp("browser")
    pauses = [Pcm.silence(ms, RATE) for ms in (BEFORE_MS, BETWEEN_MS, 60_000)]
    heard = [pauses[0], voice(SPOKEN_MS), pauses[1], voice(SPOKEN_MS), pauses[2]]
    write_wav(folder / "microphone.wav", Pcm.join(heard))
    with chromium(folder, folder / "microphone.wav") as running:
        yield running
