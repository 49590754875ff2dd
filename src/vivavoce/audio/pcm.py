"""Mono 16-bit PCM: the one shape in which audio travels inside the server."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

WIRE_RATE = 24_000
"""Hz of `audio/pcm` on the wire, and of every position the core counts in (PROTOCOL.md 3.2)."""


@dataclass(frozen=True, slots=True, eq=False)
class Pcm:
    """A piece of mono audio.

    `samples` has shape (n,), dtype int16; `rate` is in Hz.
    """

    samples: NDArray[np.int16]
    rate: int

    @property
    def ms(self) -> float:
        """Length in milliseconds."""
        return len(self.samples) * 1000 / self.rate

    def to_float(self) -> NDArray[np.float32]:
        """The samples as float32 in [-1, 1)."""
        return self.samples.astype(np.float32) / np.float32(32768)

    def to_bytes(self) -> bytes:
        """Little-endian 16-bit samples, as `audio/pcm` carries them."""
        return self.samples.astype("<i2", copy=False).tobytes()

    def chunks(self, ms: int) -> list[Pcm]:
        """The same audio cut into pieces of at most `ms` milliseconds."""
        step = self.rate * ms // 1000
        return [Pcm(self.samples[i : i + step], self.rate) for i in range(0, len(self.samples), step)]

    @staticmethod
    def from_bytes(data: bytes, rate: int = WIRE_RATE) -> Pcm:
        """From little-endian 16-bit samples; an odd trailing byte is dropped."""
        return Pcm(np.frombuffer(data[: len(data) & ~1], dtype="<i2").astype(np.int16, copy=False), rate)

    @staticmethod
    def from_float(samples: NDArray[np.float32], rate: int) -> Pcm:
        """From float32 in [-1, 1]; louder samples are clipped, not wrapped."""
        return Pcm((np.clip(samples, -1.0, 32767 / 32768) * 32768).astype(np.int16), rate)

    @staticmethod
    def silence(ms: float, rate: int = WIRE_RATE) -> Pcm:
        """`ms` milliseconds of digital silence."""
        return Pcm(np.zeros(round(rate * ms / 1000), dtype=np.int16), rate)

    @staticmethod
    def join(pieces: list[Pcm], rate: int = WIRE_RATE) -> Pcm:
        """Pieces of one rate, one after another; no pieces give empty audio at `rate`."""
        if not pieces:
            return Pcm.silence(0, rate)
        return Pcm(np.concatenate([p.samples for p in pieces]), pieces[0].rate)
