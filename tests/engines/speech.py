"""Speech for the tests of hearing: synthetic voices, human clips, noises, and how many words were heard wrong."""

import re
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import numpy as np
import pytest
from hibari import Hibari
from numpy.typing import NDArray

from vivavoce.audio.g711 import G711_RATE, ulaw_decode, ulaw_encode
from vivavoce.audio.pcm import Pcm
from vivavoce.audio.resample import resample
from vivavoce.audio.wav import read_wav

RATE = 16_000
CLIPS = Path("/usr/share/pocketsphinx/test/data")


@dataclass(frozen=True, eq=False)
class Clip:
    """A human voice at 16 kHz and its words."""

    name: str
    words: str
    audio: Pcm


@cache
def human_clips() -> tuple[Clip, ...]:
    """The eleven clips of Debian's pocketsphinx-testdata; skips where it is not installed."""
    if not CLIPS.is_dir():
        pytest.skip("the human clips of Debian's package pocketsphinx-testdata are not installed")
    clips = []
    for transcription in (CLIPS / "cards/cards.transcription", CLIPS / "librivox/transcription"):
        for words, name in re.findall(r"<s> (.*?)\s*</s> \((.*)\)", transcription.read_text()):
            clips.append(Clip(name[-4:], words, read_wav(transcription.parent / f"{name}.wav")))
    forward = Pcm.from_bytes((CLIPS / "goforward.raw").read_bytes(), RATE)
    return (*clips, Clip("goforward", "go forward ten meters", forward))


@cache
def synthetic(text: str) -> Pcm:
    """`text` in the default synthetic voice, 24 kHz."""
    return Pcm.from_float(np.asarray(_hibari()(text), np.float32), 24_000)


@cache
def _hibari() -> Hibari:
    return Hibari()


def over_the_telephone(pcm: Pcm) -> Pcm:
    """What is left of it after 8 kHz and mu-law."""
    return ulaw_decode(ulaw_encode(resample(pcm, G711_RATE)))


def noises(seconds: float) -> dict[str, Pcm]:
    """What a line carries when nobody speaks."""
    samples = int(seconds * RATE)
    time = np.arange(samples) / RATE
    random = np.random.default_rng(7)
    white = random.normal(0, 1, samples)
    spectrum = np.fft.rfft(white) / np.sqrt(np.arange(samples // 2 + 1) + 1)
    pink = np.fft.irfft(spectrum, samples)
    kinds = {
        "silence": np.zeros(samples),
        "hiss": white * 20,
        "noise": white * 500,
        "loud noise": white * 4000,
        "pink noise": pink / pink.std() * 800,
        "tone": 8000 * np.sin(2 * np.pi * 440 * time),
        "hum": 2000 * np.sin(2 * np.pi * 50 * time) + 800 * np.sin(2 * np.pi * 150 * time) + white * 20,
        "keys": np.where(time % 0.4 < 0.01, white * 6000, white * 20),
        "dial tone": 5000 * (np.sin(2 * np.pi * 350 * time) + np.sin(2 * np.pi * 440 * time)),
    }
    return {name: Pcm(np.clip(x, -32767, 32767).astype(np.int16), RATE) for name, x in kinds.items()}


def speech_bounds(pcm: Pcm, below_peak_db: float = 35) -> tuple[int, int]:
    """First and last sample of the speech itself, by level, to 10 ms."""
    step = pcm.rate // 100
    frames = pcm.samples[: len(pcm.samples) // step * step].reshape(-1, step).astype(np.float64)
    level: NDArray[np.float64] = 10 * np.log10(np.square(frames).mean(axis=1) + 1e-9)
    heard = np.flatnonzero(level > level.max() - below_peak_db)
    return int(heard[0]) * step, (int(heard[-1]) + 1) * step
