"""Noise reducers that break their contract, each in one way."""

from __future__ import annotations

import numpy as np

from vivavoce.audio.pcm import WIRE_RATE, Pcm
from vivavoce.ports import NoiseKind
from vivavoce.testing.fakes import FadingReducer, FadingStream


class LossyStream(FadingStream):
    async def flush(self, strength: float) -> Pcm:
        await super().flush(strength)
        return Pcm.silence(0)


class LossyReducer(FadingReducer):
    def open(self, kind: NoiseKind) -> FadingStream:
        return LossyStream()


class HoardingStream(FadingStream):
    async def push(self, pcm: Pcm, strength: float) -> Pcm:
        self._held = np.concatenate([self._held, pcm.samples])
        return Pcm.silence(0)


class HoardingReducer(FadingReducer):
    def open(self, kind: NoiseKind) -> FadingStream:
        return HoardingStream()


class ChoppyStream(FadingStream):
    async def push(self, pcm: Pcm, strength: float) -> Pcm:
        samples = pcm.samples.copy()
        samples[:1] += 100
        return await super().push(Pcm(samples, pcm.rate), strength / 2)


class ChoppyReducer(FadingReducer):
    def open(self, kind: NoiseKind) -> FadingStream:
        return ChoppyStream()


class HeavyHandedStream(FadingStream):
    async def push(self, pcm: Pcm, strength: float) -> Pcm:
        return await super().push(pcm, max(strength, 0.1))


class HeavyHandedReducer(FadingReducer):
    def open(self, kind: NoiseKind) -> FadingStream:
        return HeavyHandedStream()


class LazyStream(FadingStream):
    async def push(self, pcm: Pcm, strength: float) -> Pcm:
        return await super().push(pcm, 0.3 * strength)


class LazyReducer(FadingReducer):
    def open(self, kind: NoiseKind) -> FadingStream:
        return LazyStream()


class CarriedOverReducer(FadingReducer):
    """Callers in turns get what was held back of one another."""

    def __init__(self) -> None:
        super().__init__()
        self._shared = CarriedOverStream()

    def open(self, kind: NoiseKind) -> FadingStream:
        return self._shared


class CarriedOverStream(FadingStream):
    async def push(self, pcm: Pcm, strength: float) -> Pcm:
        return await super().push(pcm, strength * 0.8)

    async def flush(self, strength: float) -> Pcm:
        return await super().flush(strength * 0.8)


class AnyRateStream(FadingStream):
    async def push(self, pcm: Pcm, strength: float) -> Pcm:
        return await super().push(Pcm(pcm.samples, WIRE_RATE), strength)


class AnyRateReducer(FadingReducer):
    def open(self, kind: NoiseKind) -> FadingStream:
        return AnyRateStream()
