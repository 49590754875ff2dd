"""What the tests of every voice measure: length, loudness, pitch, and the borders of a clause."""

from __future__ import annotations

import numpy as np

from vivavoce.audio.pcm import Pcm
from vivavoce.ports import MAX_CHUNK_MS, Tts, Voice


async def said(tts: Tts, text: str, voice: str = "marin", speed: float = 1.0) -> Pcm:
    chunks = [chunk async for chunk in tts.speak(text, Voice(voice, speed))]
    assert all(0 < chunk.ms <= MAX_CHUNK_MS for chunk in chunks)
    assert {chunk.rate for chunk in chunks} <= {24_000}
    return Pcm.join(chunks)


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
