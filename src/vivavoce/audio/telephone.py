"""G.711 as a stream at 24 kHz: resampling both ways, and what is heard of a packet that was lost (RFC 3551 4.5.14)."""

from __future__ import annotations

from typing import Literal

import numpy as np
from numpy.typing import NDArray

from vivavoce.audio.g711 import G711_RATE, alaw_decode, alaw_encode, ulaw_decode, ulaw_encode
from vivavoce.audio.pcm import WIRE_RATE, Pcm
from vivavoce.audio.resample import Resampler

Law = Literal["pcmu", "pcma"]

_LOWEST, _HIGHEST = G711_RATE // 66, G711_RATE // 400
"""Samples of the longest and the shortest period of a voice: 66 to 400 Hz."""
_COMPARED = G711_RATE // 50
_HISTORY = _LOWEST + _COMPARED
_JOIN = G711_RATE // 200
"""Samples over which one signal passes into another: 5 ms."""


class G711Decoder:
    """One stream to 24 kHz, every packet to exactly its own length, 2 ms late; about 35 us for 20 ms."""

    clock = G711_RATE

    def __init__(self, law: Law) -> None:
        self._expand = ulaw_decode if law == "pcmu" else alaw_decode
        self._up = _Exact(G711_RATE, WIRE_RATE)
        self._past = np.zeros(_HISTORY, np.int16)
        self._period: NDArray[np.float64] | None = None
        """While concealing: what is repeated."""
        self._at = 0
        """While concealing: how many samples were made up."""
        self._step = 0.0

    def ticks(self, payload: bytes) -> int:
        """How long `payload` lasts: a byte each."""
        return len(payload)

    def decode(self, payload: bytes) -> Pcm:
        """The audio of a packet; after a loss the one passes into the other."""
        samples = self._expand(payload).samples
        if self._period is not None:
            join = min(_JOIN, len(samples))
            made_up, rise = self._made_up(join), np.linspace(0, 1, join, endpoint=False)
            joined = samples.astype(np.float64)
            joined[:join] = made_up * (1 - rise) + joined[:join] * rise
            samples, self._period = np.rint(joined).astype(np.int16), None
        return self._give(samples)

    def recover(self, following: bytes, ticks: int) -> Pcm | None:
        """None: a packet of G.711 knows nothing of the one before."""
        return None

    def conceal(self, ticks: int) -> Pcm:
        """The last period of the voice, again and again (as ITU-T G.711 Appendix I does, more simply)."""
        if self._period is None:
            self._begin()
        return self._give(np.rint(self._made_up(ticks)).astype(np.int16))

    def _begin(self) -> None:
        past = self._past.astype(np.float64)
        lag = _pitch(past)
        period = past[-lag:].copy()
        # Its end is made to lead to its beginning, by what led to the beginning the first time.
        join = lag // 4
        rise = np.linspace(0, 1, join, endpoint=False)
        period[-join:] = period[-join:] * (1 - rise) + past[-lag - join : -lag] * rise
        self._period, self._at, self._step = period, 0, past[-1] - past[-lag - 1]

    def _made_up(self, count: int) -> NDArray[np.float64]:
        """The next samples of the repetition, from the real sample before it on without a step."""
        assert self._period is not None
        at = np.arange(self._at, self._at + count)
        self._at += count
        bridge = self._step * np.maximum(0.0, 1 - (at + 1) / _JOIN)
        return np.clip(self._period[at % len(self._period)] + bridge, -32768, 32767)

    def _give(self, samples: NDArray[np.int16]) -> Pcm:
        self._past = np.concatenate((self._past, samples))[-_HISTORY:]
        return self._up.convert(Pcm(samples, G711_RATE))


class G711Encoder:
    """One stream of packets from 24 kHz audio, every piece to exactly its own length, 2 ms late."""

    clock = G711_RATE

    def __init__(self, law: Law) -> None:
        self._compress = ulaw_encode if law == "pcmu" else alaw_encode
        self._down = _Exact(WIRE_RATE, G711_RATE)

    def encode(self, frame: Pcm) -> bytes:
        """A byte for every 3 samples at 24 kHz; `ValueError` at another rate or when the samples do not divide."""
        if len(frame.samples) % 3:
            raise ValueError("a frame at 24 kHz is a multiple of 3 samples")
        return self._compress(self._down.convert(frame))


class _Exact:
    """A resampler that gives for each piece what it is worth at once.

    Its filter holds 2 ms back, so it begins with silence in it; 4 ms are what it needs before it gives anything.
    """

    def __init__(self, source: int, target: int) -> None:
        self._stream = Resampler(source, target)
        self._stream.push(Pcm.silence(20, source))
        self._store = np.zeros(0, np.int16)

    def convert(self, pcm: Pcm) -> Pcm:
        wanted = len(pcm.samples) * self._stream.target // self._stream.source
        self._store = np.concatenate((self._store, self._stream.push(pcm).samples))
        given, self._store = self._store[:wanted], self._store[wanted:]
        return Pcm(given, self._stream.target)


def _pitch(past: NDArray[np.float64]) -> int:
    """The lag at which the last 20 ms are most like what came before them."""
    recent = past[-_COMPARED:]
    earlier = np.lib.stride_tricks.sliding_window_view(past[:-_HIGHEST], _COMPARED)[::-1]
    energy = np.einsum("ij,ij->i", earlier, earlier)
    likeness = (earlier @ recent) / np.sqrt(energy + 1.0)
    return _HIGHEST + int(np.argmax(likeness))
