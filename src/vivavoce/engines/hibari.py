"""Speech from hibari: one small model, and eleven voices made from it.

Source: the hibari-tts package (Apache-2.0), a 24 kHz vocoder-style model distilled from Kokoro's voice af_heart. Its
network predicts, every 12.5 ms, a pitch and the spectra that colour it, and plain arithmetic turns them into sound.
Between the two we scale the pitch, stretch the spectra along the frequency axis (a longer or shorter vocal tract)
and choose the pace: enough for clearly different people, and every word stays understandable.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from vivavoce.audio.pcm import Pcm
from vivavoce.engines.bridge import Worker
from vivavoce.engines.clause import Finished, finished, pause_ms
from vivavoce.engines.onnx_tap import tapped
from vivavoce.engines.reading import Sentence, read, word_times
from vivavoce.ports import MAX_CHUNK_MS, EngineError, Voice, VoiceCloner, VoiceInfo, WordTimes

if TYPE_CHECKING:
    from hibari import Hibari

RATE = 24_000
SPEEDS = (0.25, 1.5)
"""The model's own pace input does all of it: the transcript of a test sentence is right at both ends."""

LONGEST = 400
"""Phonemes in one call."""

_DURATIONS = "/Clip_output_0"  # the tensor inside the model: how long it will speak each phoneme
_VOICED_HZ = 40.0  # the model's pitch is below it where there is no voice
_BREATH_BIN = 150  # 3 kHz: a bin is 20 Hz
_QUIETER = 2.5  # nepers: 22 dB
_SEED = 1  # of the breath's noise: the same words always sound the same, so what was tested is what is heard


@dataclass(frozen=True, slots=True)
class Variant:
    """One voice: factors on the model's own pitch (about 187 Hz), formants (below 1: a bigger person) and pace."""

    pitch: float
    formants: float
    pace: float
    description: str
    gain: float = 0.0
    """dB: what makes it as loud as the others by ITU-R BS.1770 (`vivavoce bench voices`)."""


VARIANTS = {
    "heart": Variant(1.00, 1.00, 1.00, "woman, the model's own voice", -0.7),
    "alloy": Variant(0.75, 0.91, 1.00, "between a man's and a woman's voice, low", -0.1),
    "ash": Variant(0.59, 0.93, 1.04, "man, bright and brisk"),
    "ballad": Variant(0.66, 0.89, 0.94, "man, unhurried", 0.1),
    "coral": Variant(1.16, 1.01, 1.05, "woman, high and lively", -0.4),
    "echo": Variant(0.53, 0.87, 1.00, "man, low", 0.2),
    "sage": Variant(0.95, 0.95, 0.95, "woman, dark and calm", -0.7),
    "shimmer": Variant(1.16, 1.09, 1.00, "young woman, high and bright", -0.8),
    "verse": Variant(0.75, 0.97, 1.03, "young man, light", -0.1),
    "marin": Variant(0.90, 1.03, 1.03, "woman, clear", -0.7),
    "cedar": Variant(0.56, 0.81, 0.96, "big man, dark and slow", 0.2),
}
"""OpenAI's ten names, and `heart`."""


class HibariTts:
    """Port `Tts`. American English; 15 ms for a short clause on one core. `threads` clauses at a time."""

    cloner: VoiceCloner | None = None

    def __init__(self, *, name: str = "hibari", threads: int = 1) -> None:
        self._name = name
        self._worker = Worker(name, threads)
        self._model: Hibari | None = None

    @property
    def name(self) -> str:
        return self._name

    @property
    def running(self) -> int:
        return self._worker.running

    @property
    def voices(self) -> tuple[str, ...]:
        return tuple(VARIANTS)

    @property
    def catalogue(self) -> tuple[VoiceInfo, ...]:
        return tuple(VoiceInfo(name, self.languages, variant.description) for name, variant in VARIANTS.items())

    @property
    def speeds(self) -> tuple[float, float]:
        return SPEEDS

    @property
    def languages(self) -> tuple[str, ...]:
        return ("en",)

    async def start(self) -> None:
        """Load the model and its dictionaries, and say a sentence. Raises `EngineError` (`engine_unavailable`)."""
        if self._model is not None:
            return
        try:
            self._model = await self._worker.run(_load)
        except EngineError:
            raise
        except Exception as failure:
            message = "The speech model hibari could not be loaded."
            raise EngineError("engine_unavailable", message) from failure

    async def aclose(self) -> None:
        """Stop what runs and free the model."""
        await self._worker.aclose()
        self._model = None

    async def speak(self, text: str, voice: Voice) -> AsyncGenerator[Pcm | WordTimes, None]:
        """24 kHz audio, sentence by sentence, the times of its words before it; text without words gives none.

        Raises `EngineError`: `unknown_voice`, `engine_unavailable`, `engine_failed`.
        """
        variant = _variant(voice.name)
        speed = min(max(voice.speed, SPEEDS[0]), SPEEDS[1]) * variant.pace
        model = self._model
        if model is None:
            raise EngineError("engine_unavailable", "The speech model hibari is not loaded.")
        try:
            said_ms = 0.0
            for sentence in await self._worker.run(read, model.g2p, text, LONGEST):
                said = await self._worker.run(_say, model, sentence, variant, speed)
                if said is None:
                    continue
                clause, durations = said
                yield word_times(sentence, model.vocab, durations, clause, said_ms)
                for chunk in clause.audio.chunks(MAX_CHUNK_MS):
                    yield chunk
                said_ms += clause.audio.ms
        except EngineError:
            raise
        except Exception as failure:
            raise EngineError("engine_failed", "The speech model hibari failed.") from failure


def _variant(name: str) -> Variant:
    if name not in VARIANTS:
        message = f"There is no voice {name!r}. There are: {', '.join(VARIANTS)}."
        raise EngineError("unknown_voice", message)
    return VARIANTS[name]


def _load() -> Hibari:
    from hibari import Hibari
    from hibari.voices import DEFAULT, voice_path

    with tapped(Path(voice_path(DEFAULT)), _DURATIONS) as path:
        model = Hibari(model=str(path))
    # The first call loads dictionaries, the net for unknown words and numpy's tables: 0.3 s once.
    _say(model, read(model.g2p, "Hello, Vivavoce is warming up.", LONGEST)[0], VARIANTS["echo"], 1.0)
    return model


def _say(
    model: Hibari, sentence: Sentence, variant: Variant, speed: float
) -> tuple[Finished, NDArray[np.float32]] | None:
    """A sentence, and how long each of its phonemes lasts; None when there is nothing to hear."""
    from hibari import dsp

    ids = model.ids(sentence.phonemes)
    if len(ids) < 3:  # only the two marks at its ends
        return None
    inputs = {"ids": np.asarray([ids], np.int64), "speed": np.asarray([speed], np.float32)}
    *spectra, durations = model.sess.run(None, inputs)
    harmonic, phase, noise, free, free_phase, f0 = (output[0] for output in spectra)
    random = np.random.default_rng(_SEED)
    if variant.formants != 1.0:
        harmonic, phase, noise, free = (_stretched(x, variant.formants) for x in (harmonic, phase, noise, free))
    if variant.pitch != 1.0:
        free, free_phase = _unpitched(free, free_phase, f0 > _VOICED_HZ, random)
    raw = dsp.synth(harmonic, phase, noise, free, free_phase, f0 * np.float32(variant.pitch), random)
    clause = finished(raw, RATE, pause_ms(sentence.phonemes) / speed, variant.gain)
    return (clause, durations) if clause.audio.ms else None


def _unpitched(
    free: NDArray[np.float32], phase: NDArray[np.float32], voiced: NDArray[np.bool_], random: np.random.Generator
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Log magnitudes and phases of the free part, shape (bins, frames), without the model's own pitch.

    The free part holds what pulses and noise do not explain, and in vowels that is a faint voice at the pitch that
    we are about to change: it would be heard beside the new one. Its low half goes; its high half is only breath.
    """
    random_phase = random.uniform(-np.pi, np.pi, phase.shape).astype(np.float32)
    low = np.arange(len(free))[:, None] < _BREATH_BIN
    return np.where(voiced & low, free - _QUIETER, free), np.where(voiced, random_phase, phase)


def _stretched(spectra: NDArray[np.float32], factor: float) -> NDArray[np.float32]:
    """Spectra of shape (bins, frames), moved along the frequency axis: what was at f is then at `factor * f`."""
    bins = len(spectra)
    wanted = np.minimum(np.arange(bins) / factor, bins - 1)
    below = np.minimum(wanted.astype(np.intp), bins - 2)
    share = (wanted - below).astype(np.float32)[:, None]
    stretched: NDArray[np.float32] = spectra[below] * (1 - share) + spectra[below + 1] * share
    return stretched
