"""Noise reduction with GTCRN (Rong et al., 2024), a small recurrent network over short-time spectra.

The model is made for 16 kHz: 257 bins, 31.25 Hz apart, every 16 ms. A window of 32 ms at 24 kHz has the same bins in
its lower two thirds, so the model is given those, and no audio is resampled (the result differs by less than -36 dB
from resampling). What lies above 8 kHz follows the loss of the octave below it.

What the model would remove is not all taken out of speech, for that costs words. With six voices in a room, 5 dB below
the caller, Whisper got 27 % of the words of a synthetic caller and 10 % of a human one's wrong; 66 and 48 % in what
the model left, and 26 and 10 % in that with as much of the original beside it. So while the caller speaks, noise sinks
by 6 dB at most; while not, a gate (`voice_gate`) takes 20 dB more. Where the gate errs, it costs words too.

near_field: the caller is close to the microphone, so voices that are quieter than the caller's are pushed down.
far_field: the caller may be anywhere in the room and as quiet as others; only what goes on steadily is background.

A frame of 16 ms costs about 1.3 ms of CPU, 8 % of a core for each caller: too much for the event loop, which it would
fill with a dozen callers, so it runs in threads. The model is loaded once; each caller carries its own state.
"""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import onnxruntime
from numpy.typing import NDArray

from vivavoce.audio.pcm import WIRE_RATE, Pcm
from vivavoce.engines import onnx
from vivavoce.engines.bridge import Worker
from vivavoce.engines.voice_gate import Manner, VoiceGate
from vivavoce.ports import EngineError, NoiseKind

WINDOW = 768
"""Samples at 24 kHz: 32 ms, the longest that anything is held back."""
HOP = WINDOW // 2
_BINS = 257
"""Up to 8 kHz: all that the model knows."""
_SCALE = np.float32(512 / WINDOW)
"""The model's spectra are sums over windows of 512 samples."""
_OCTAVE = slice(129, 257)
_VOICE = slice(4, 200)
"""125 Hz to 6.2 kHz: where the gate listens."""
_ORIGINAL = 0.5
"""How much of the original stays beside what the model keeps."""
_CACHES = {"conv_cache": (2, 1, 16, 16, 33), "tra_cache": (2, 3, 1, 1, 16), "inter_cache": (2, 1, 33, 16)}
_OUTPUTS = ("enh", *(f"{name}_out" for name in _CACHES))
_ANALYSIS = np.sqrt(np.hanning(WINDOW + 1)[:-1])
_POWER = 2 / (WINDOW * float(np.sum(_ANALYSIS**2)))
"""From the sum of squared bins to the mean square of the samples."""
_MANNERS: dict[NoiseKind, Manner] = {
    "near_field": Manner(14, 8, 9, 13),
    "far_field": Manner(14, math.inf, 9, math.inf),
}
_Spectrum = NDArray[np.complex128]


class GtcrnNoiseReducer:
    """The `NoiseReducer` on GTCRN's streaming ONNX file (`model`); `workers` callers at a time, a core each."""

    def __init__(self, model: Path, workers: int = 2) -> None:
        self._model = model
        self._worker = Worker("gtcrn", workers)
        self._session: onnxruntime.InferenceSession | None = None

    @property
    def name(self) -> str:
        return "gtcrn"

    @property
    def running(self) -> int:
        return self._worker.running

    async def start(self) -> None:
        """Load and warm up, in 0.1 s. Raises `EngineError` (`engine_unavailable`)."""
        self._session = await self._worker.run(onnx.load, self._model, "noise reduction")
        await self.open("near_field").push(Pcm.silence(100), 1.0)

    async def aclose(self) -> None:
        await self._worker.aclose()
        self._session = None

    def open(self, kind: NoiseKind) -> GtcrnStream:
        """A new caller. Raises `EngineError` before `start` and after `aclose`."""
        if self._session is None:
            raise EngineError("engine_unavailable", "The engine gtcrn is not started.")
        return GtcrnStream(self._session, self._worker, _MANNERS[kind])


class GtcrnStream:
    """One caller's `NoiseReducerStream`."""

    def __init__(self, session: onnxruntime.InferenceSession, worker: Worker, manner: Manner) -> None:
        self._session = session
        self._worker = worker
        self._manner = manner
        self._caches = {name: np.zeros(shape, np.float32) for name, shape in _CACHES.items()}
        self._gate = VoiceGate()
        self._input: NDArray[np.float64]
        """What no frame has been taken from yet."""
        self._overlap: NDArray[np.float64]
        """Sums of windows; the first half is complete but for the next frame."""
        self._taken: int
        self._given: int
        """Samples, in all."""
        self._begin()

    async def push(self, pcm: Pcm, strength: float) -> Pcm:
        """What `pcm` completes: in all, 16 to 32 ms less than was given. Raises `EngineError` at another rate."""
        if pcm.rate != WIRE_RATE:
            raise EngineError("engine_failed", f"Noise reduction takes {WIRE_RATE} Hz, not {pcm.rate} Hz.")
        self._taken += len(pcm.samples)
        self._input = np.concatenate([self._input, pcm.samples / 32768])
        if len(self._input) < WINDOW:
            return Pcm.silence(0)
        return await self._worker.run(self._frames, strength)

    async def flush(self, strength: float) -> Pcm:
        """What is held back: after it, as much has come out as went in. The next `push` begins anew."""
        left = self._taken - max(self._given, 0)
        rest = await self.push(Pcm(np.zeros(WINDOW, np.int16), WIRE_RATE), strength)
        self._begin()
        return Pcm(rest.samples[:left], WIRE_RATE)

    def _begin(self) -> None:
        # Half a window of silence before the first sample, so that two windows cover it like every other.
        self._input = np.zeros(HOP)
        self._overlap = np.zeros(WINDOW)
        self._taken = 0
        self._given = -HOP  # that half is not given out

    def _frames(self, strength: float) -> Pcm:
        """Every whole frame of the input, in a thread."""
        done = []
        while len(self._input) >= WINDOW:
            self._overlap += self._frame(self._input[:WINDOW], strength)
            done.append(self._overlap[:HOP])
            self._overlap = np.concatenate([self._overlap[HOP:], np.zeros(HOP)])
            self._input = self._input[HOP:]
        samples = np.concatenate(done)
        lead = min(max(-self._given, 0), len(samples))
        self._given += len(samples)
        whole = np.rint(np.clip(samples[lead:], -1, 32767 / 32768) * 32768)
        return Pcm(whole.astype(np.int16), WIRE_RATE)

    def _frame(self, samples: NDArray[np.float64], strength: float) -> NDArray[np.float64]:
        raw: _Spectrum = np.fft.rfft(samples * _ANALYSIS)
        kept = self._cleaned(raw)
        gain = self._gate.gain(_power(raw), _power(kept), self._manner)
        wet = gain * (_ORIGINAL * raw + (1 - _ORIGINAL) * kept)
        mixed = (1 - strength) * raw + strength * wet
        return np.fft.irfft(mixed, WINDOW) * _ANALYSIS

    def _cleaned(self, raw: _Spectrum) -> _Spectrum:
        """What the model keeps."""
        known = raw[:_BINS]
        mix = np.stack([known.real, known.imag], -1, dtype=np.float32)[None, :, None, :] * _SCALE
        try:
            enhanced, *caches = self._session.run(_OUTPUTS, {"mix": mix, **self._caches})
        except Exception as error:  # onnxruntime's exceptions have no public base class
            raise EngineError("engine_failed", f"Noise reduction failed: {error}") from error
        self._caches = dict(zip(_CACHES, caches, strict=True))
        low = (enhanced[0, :, 0, 0] + 1j * enhanced[0, :, 0, 1]) / _SCALE
        loss = min(1.0, math.sqrt(_power(low, _OCTAVE) / (_power(raw, _OCTAVE) + 1e-12)))
        return np.concatenate([low, raw[_BINS:] * loss])


def _power(spectrum: _Spectrum, bins: slice = _VOICE) -> float:
    """Of a frame of samples in [-1, 1], as far as it lies in these bins."""
    part = spectrum[bins]
    return float(np.sum(part.real**2 + part.imag**2)) * _POWER
