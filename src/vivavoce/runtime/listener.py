"""Runs the VAD over one caller's audio, on the session's sample clock."""

from __future__ import annotations

import time

import numpy as np

from vivavoce.audio.pcm import WIRE_RATE, Pcm
from vivavoce.audio.resample import Resampler
from vivavoce.core.effects import Listen, SpeechLikelihood
from vivavoce.ports import Account, Vad, Work

CHARGED_NS = 2_000_000
"""CPU nanoseconds that are charged at once: about a second of audio. Each frame by itself would cost more to charge."""


class Listener:
    """One caller's VAD. It runs in place: a frame costs far less than handing it to a thread (0.1 ms)."""

    def __init__(self, vad: Vad, account: Account | None = None) -> None:
        self._account = account
        self._cpu_ns = 0
        """Not charged yet."""
        self._vad = vad
        self._stream = vad.open()
        self._frame = vad.frame_samples * WIRE_RATE // vad.rate
        """Samples of a frame on the session's clock."""
        self._lag = vad.lag_ms * WIRE_RATE // 1000
        self._resampler = Resampler(WIRE_RATE, vad.rate)
        self._rest = np.zeros(0, dtype=np.int16)
        self._position = 0
        """Where the next frame begins, on the session's clock."""
        self._expected = 0

    def hear(self, heard: Listen) -> list[SpeechLikelihood]:
        """One likelihood for each frame that is complete."""
        if heard.start != self._expected:
            self._skip_to(heard.start)
        pcm = Pcm.from_bytes(heard.pcm)
        self._expected += len(pcm.samples)
        samples = np.concatenate([self._rest, self._resampler.push(pcm).samples])
        size = self._vad.frame_samples
        whole = len(samples) // size * size
        self._rest = samples[whole:]
        if not whole:
            return []
        began = time.thread_time_ns()
        found = [self._likelihood(samples[i : i + size]) for i in range(0, whole, size)]
        self._cpu_ns += time.thread_time_ns() - began
        if self._cpu_ns >= CHARGED_NS:
            self.charge()
        return found

    def charge(self) -> None:
        """Charge what was done since the last time: there is enough of it, or the session ends."""
        if self._account is not None and self._cpu_ns:
            self._account.charge("vad", Work(cpu_ns=self._cpu_ns))
        self._cpu_ns = 0

    def _likelihood(self, frame: np.ndarray[tuple[int], np.dtype[np.int16]]) -> SpeechLikelihood:
        self._position += self._frame
        probability = self._stream.probability(Pcm(frame, self._vad.rate))
        return SpeechLikelihood(probability=probability, end=self._position, samples=self._frame, lag=self._lag)

    def _skip_to(self, position: int) -> None:
        """Audio was left out, because the VAD was switched off meanwhile."""
        self._resampler = Resampler(WIRE_RATE, self._vad.rate)
        self._rest = np.zeros(0, dtype=np.int16)
        self._position = self._expected = position
