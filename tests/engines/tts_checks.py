"""What the tests of every voice measure: length, loudness, pitch, and the borders of a clause."""

from __future__ import annotations

from itertools import pairwise

import numpy as np

from vivavoce.audio.pcm import Pcm
from vivavoce.ports import MAX_CHUNK_MS, Tts, Voice, WordTimes
from vivavoce.testing.probes import check_speech


async def said(tts: Tts, text: str, voice: str = "marin", speed: float = 1.0) -> Pcm:
    parts = [part async for part in tts.speak(text, Voice(voice, speed))]
    check_speech(parts, text)
    chunks = [part for part in parts if isinstance(part, Pcm)]
    assert all(0 < chunk.ms <= MAX_CHUNK_MS for chunk in chunks)
    assert {chunk.rate for chunk in chunks} <= {24_000}
    return Pcm.join(chunks)


async def word_ends(tts: Tts, text: str, voice: str = "marin", speed: float = 1.0) -> dict[str, float]:
    """The milliseconds at which each word ends, by the text up to there."""
    parts = [part async for part in tts.speak(text, Voice(voice, speed))]
    check_speech(parts, text)
    return {text[:chars]: ms for part in parts if isinstance(part, WordTimes) for chars, ms in part.ends}


def pauses(pcm: Pcm) -> list[float]:
    """The milliseconds at which pauses of 60 ms and more begin, the one at the end included."""
    frames = pcm.to_float()[: len(pcm.samples) // 240 * 240].reshape(-1, 240).astype(np.float64)  # 10 ms
    level = np.sqrt(np.square(frames).mean(axis=1))
    heard = np.flatnonzero(level > level.max() / 50)  # -34 dB
    return [float(10 * (at + 1)) for at, later in pairwise([*heard, len(level) + 6]) if later - at > 6]


def loudness(pcm: Pcm) -> float:
    """RMS in dBFS from the first to the last sound."""
    x = pcm.to_float().astype(np.float64)
    heard = np.flatnonzero(np.abs(x) > 0.003)
    return float(10 * np.log10(np.square(x[heard[0] : heard[-1]]).mean()))


def peak(pcm: Pcm) -> float:
    """dBFS."""
    return float(20 * np.log10(np.abs(pcm.to_float()).max()))


def silence_ms(pcm: Pcm) -> tuple[float, float]:
    """How long it takes to the first sound, and from the last."""
    heard = np.flatnonzero(np.abs(pcm.samples) > 100)
    return heard[0] / 24, (len(pcm.samples) - heard[-1]) / 24


def edges(pcm: Pcm) -> float:
    """The largest sample within 0.2 ms of either end, 0 to 1: a click if it is not small."""
    return float(max(np.abs(pcm.to_float()[:5]).max(), np.abs(pcm.to_float()[-5:]).max()))


def pitch(pcm: Pcm) -> float:
    """Median fundamental frequency in Hz, 75 to 400, where it is loud: the one whose first harmonics are strongest."""
    size, per_hz = 1920, 0.5  # frames of 80 ms; the spectrum's bins are 2 Hz apart
    x = pcm.to_float().astype(np.float64)
    frames = np.lib.stride_tricks.sliding_window_view(x, size)[:: size // 2] * np.hanning(size)
    loud = frames[np.square(frames).mean(axis=1) > np.square(frames).mean()]
    spectra = np.log(np.abs(np.fft.rfft(loud, int(24_000 * per_hz))) + 1e-3)
    candidates = np.arange(75, 400, 2)
    scores = []
    for hz in candidates:
        harmonics = (np.arange(1, 7) * hz * per_hz).astype(int)
        between = (np.arange(0.5, 6) * hz * per_hz).astype(int)
        scores.append(spectra[:, harmonics].mean(axis=1) - spectra[:, between].mean(axis=1))
    return float(np.median(candidates[np.argmax(scores, axis=0)]))
