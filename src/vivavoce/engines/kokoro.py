"""Speech from Kokoro-82M: the natural voices, at the price of a busy core.

Source: Kokoro-82M v1.0 (Apache-2.0) as an int8 ONNX graph with one style file a voice, and for English the G2P of the
hibari-tts package (Apache-2.0), which writes the phonemes that Kokoro was trained on; what `phonemes` has rules for is
read by those. The voices of other languages are not offered: nobody would read for them.
"""

from __future__ import annotations

import json
from collections.abc import AsyncGenerator, Mapping
from contextlib import aclosing
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import onnxruntime
from numpy.typing import NDArray

from vivavoce.audio.pcm import Pcm
from vivavoce.engines.bridge import Worker
from vivavoce.engines.clause import Finished, finished, pause_ms
from vivavoce.engines.kokoro_languages import WRITTEN, readable, speaker, spoken
from vivavoce.engines.kokoro_voices import OPENAI_VOICES, gain, info
from vivavoce.engines.onnx_tap import tapped
from vivavoce.engines.phonemes import written
from vivavoce.engines.reading import Sentence, read, word_times
from vivavoce.ports import MAX_CHUNK_MS, EngineError, Voice, VoiceCloner, VoiceInfo, WordTimes

if TYPE_CHECKING:
    from hibari.g2p import G2P

RATE = 24_000
SPEEDS = (0.5, 1.5)
"""Slower than that, it drawls syllables twice."""
MAX_TOKENS = 510
"""Phonemes in one call, the two marks at the ends not counted: a style file has a row for each length up to it."""

_DURATIONS = "/encoder/Clip_output_0"  # the tensor inside the model: how long it will speak each phoneme
_STYLE = 256  # numbers in one row of a style file


@dataclass(frozen=True, slots=True, eq=False)
class _Loaded:
    session: onnxruntime.InferenceSession
    vocabulary: Mapping[str, int]
    american: G2P
    british: G2P


class KokoroTts:
    """Port `Tts`, with the voices of the languages in `kokoro_languages`.

    `folder` holds `model.onnx`, `vocab.json` and `voices/*.bin`.

    About 0.5 s of work for a second of speech on one core: `threads` cores work on one clause, one after another.
    """

    cloner: VoiceCloner | None = None

    def __init__(self, folder: Path, *, name: str = "kokoro", threads: int = 2) -> None:
        self._name = name
        self._folder = folder
        self._threads = threads
        self._worker = Worker(name, 1)
        self._loaded: _Loaded | None = None
        found = sorted(path.stem for path in (folder / "voices").glob("*.bin"))
        own = readable(found)
        self._files = {voice: voice for voice in own}
        self._files |= {alias: voice for alias, voice in OPENAI_VOICES.items() if voice in own}
        self._styles: dict[str, NDArray[np.float32]] = {}

    @property
    def name(self) -> str:
        return self._name

    @property
    def running(self) -> int:
        return self._worker.running

    @property
    def voices(self) -> tuple[str, ...]:
        return tuple(self._files)

    @property
    def catalogue(self) -> tuple[VoiceInfo, ...]:
        return tuple(info(name, voice) for name, voice in self._files.items())

    @property
    def speeds(self) -> tuple[float, float]:
        return SPEEDS

    @property
    def languages(self) -> tuple[str, ...]:
        return spoken(self._files.values()) or ("en",)

    async def start(self) -> None:
        """Load the model and both dictionaries, and say a word. Raises `EngineError` (`engine_unavailable`)."""
        if self._loaded is not None:
            return
        missing = sorted(voice for voice in OPENAI_VOICES.values() if voice not in self._files)
        if missing:
            raise EngineError("engine_unavailable", f"Kokoro's voice files are missing: {', '.join(missing)}.")
        try:
            with self._worker.crew.hiring():
                self._loaded = await self._worker.run(self._load)
            async with aclosing(self.speak("Hello.", Voice("marin"))) as audio:
                async for _ in audio:
                    pass
        except EngineError:
            raise
        except Exception as failure:
            message = "The speech model Kokoro could not be loaded."
            raise EngineError("engine_unavailable", message) from failure

    async def aclose(self) -> None:
        """Stop what runs and free the model."""
        await self._worker.aclose()
        self._loaded = None

    async def speak(self, text: str, voice: Voice) -> AsyncGenerator[Pcm | WordTimes, None]:
        """24 kHz audio, sentence by sentence, the times of its words before it; text without words gives none.

        Raises `EngineError`: `unknown_voice`, `unsupported_language`, `engine_unavailable`, `engine_failed`.
        """
        if voice.name not in self._files:
            message = f"There is no voice {voice.name!r}. There are: {', '.join(self._files)}."
            raise EngineError("unknown_voice", message)
        if voice.language not in (None, *self.languages):
            message = f"No voice speaks {voice.language!r}. Languages: {', '.join(self.languages)}."
            raise EngineError("unsupported_language", message)
        if (loaded := self._loaded) is None:
            raise EngineError("engine_unavailable", "The speech model Kokoro is not loaded.")
        file = speaker(self._files[voice.name], voice.language)
        speed = min(max(voice.speed, SPEEDS[0]), SPEEDS[1])
        stop = onnxruntime.RunOptions()
        try:
            said_ms = 0.0
            for sentence in await self._worker.run(_read, loaded, file, text):
                said = await self._worker.run(self._say, loaded, sentence, file, speed, stop)
                if said is None:
                    continue
                clause, durations = said
                yield word_times(sentence, loaded.vocabulary, durations, clause, said_ms)
                for chunk in clause.audio.chunks(MAX_CHUNK_MS):
                    yield chunk
                said_ms += clause.audio.ms
        except EngineError:
            raise
        except Exception as failure:
            raise EngineError("engine_failed", "The speech model Kokoro failed.") from failure
        finally:
            stop.terminate = True  # ends the model's run at its next operator, in its thread

    def _load(self) -> _Loaded:
        from hibari.g2p import G2P

        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = self._threads
        options.inter_op_num_threads = 1
        options.log_severity_level = 3
        # Threads that spin between two calls take the cores from the language model.
        options.add_session_config_entry("session.intra_op.allow_spinning", "0")
        with tapped(self._folder / "model.onnx", _DURATIONS) as model:
            session = onnxruntime.InferenceSession(str(model), options, providers=["CPUExecutionProvider"])
        vocabulary = json.loads((self._folder / "vocab.json").read_text(encoding="utf-8"))
        american, british = G2P(), G2P(british=True)
        for g2p in (american, british):
            g2p("Vivavoce.")  # loads the net for unknown words
        return _Loaded(session, vocabulary.get("vocab", vocabulary), american, british)

    def _say(
        self, loaded: _Loaded, sentence: Sentence, file: str, speed: float, stop: onnxruntime.RunOptions
    ) -> tuple[Finished, NDArray[np.float32]] | None:
        """A sentence, and how long each of its phonemes lasts; None when there is nothing to hear."""
        ids = [loaded.vocabulary[c] for c in sentence.phonemes if c in loaded.vocabulary]
        if not ids:
            return None
        inputs = {
            "tokens": np.asarray([[0, *ids, 0]], np.int64),
            "style": self._style(file)[len(ids) - 1][None],
            "speed": np.asarray([speed], np.float32),
        }
        raw, durations = loaded.session.run(None, inputs, stop)
        pause = pause_ms(sentence.phonemes) / speed
        clause = finished(np.asarray(raw, np.float32).reshape(-1), RATE, pause, gain(file))
        return (clause, durations[0]) if clause.audio.ms else None

    def _style(self, file: str) -> NDArray[np.float32]:
        """The style of a voice for each number of phonemes, shape (510, 256)."""
        if file not in self._styles:
            data = np.fromfile(self._folder / "voices" / f"{file}.bin", dtype="<f4")
            self._styles[file] = data.reshape(-1, _STYLE).astype(np.float32)
        return self._styles[file]


def _read(loaded: _Loaded, file: str, text: str) -> list[Sentence]:
    """What a voice reads."""
    if language := WRITTEN.get(file[0]):
        return written.read(language, text, MAX_TOKENS)
    return read(loaded.british if file[0] == "b" else loaded.american, text, MAX_TOKENS)
