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
    """Median fundamental frequency in Hz, by autocorrelation over 40 ms of what is loud."""
    low = np.hanning(73) / np.hanning(73).sum()  # without the formants, which are periodic too
    x, step = np.convolve(pcm.to_float(), low, mode="same"), 960
    frames = x[: len(x) // step * step].reshape(-1, step)
    loud = frames[np.square(frames).mean(axis=1) > np.square(frames).mean()]
    found = []
    for frame in loud:
        correlation = np.correlate(frame, frame, "full")[step - 1 :] / np.arange(step, 0, -1)
        lags = correlation[60:400]
        if lags.max() > 0.5 * correlation[0]:
            # the shortest lag that is nearly the best: twice the period fits as well
            lag = 60 + int(np.flatnonzero(lags > 0.95 * lags.max())[0])
            while lag < 459 and correlation[lag + 1] > correlation[lag]:
                lag += 1
            found.append(24_000 / lag)
    return float(np.median(found))
