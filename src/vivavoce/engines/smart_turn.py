"""End of turn from the voice itself, with smart-turn v3: has the caller finished, or only paused?

It hears the melody and pace of the last 8 seconds, not the words: a complete-sounding half sentence fools it,
so the caller of this engine weighs it with the length of the pause and the transcript.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnxruntime

from vivavoce.audio.mel import MEL_RATE, smart_turn_mel
from vivavoce.audio.pcm import Pcm
from vivavoce.audio.resample import resample
from vivavoce.engines import onnx
from vivavoce.engines.bridge import Worker
from vivavoce.ports import EngineError

SECONDS = 8
"""How much of the end of a turn the model hears."""


class SmartTurn:
    """The `TurnDetector` on a smart-turn ONNX file (`model`), with `threads` threads per call."""

    def __init__(self, model: Path, threads: int = 1) -> None:
        self._model = model
        self._threads = threads
        # One at a time: two would only make each other late, and lateness is what this answer must not have.
        self._worker = Worker("smart_turn", 1)
        self._session: onnxruntime.InferenceSession | None = None

    @property
    def name(self) -> str:
        return "smart-turn"

    @property
    def running(self) -> int:
        return self._worker.running

    async def start(self) -> None:
        """Load and warm up, in about 0.3 s. Raises `EngineError` (`engine_unavailable`)."""
        with self._worker.crew.hiring():
            self._session = await self._worker.run(onnx.load, self._model, "end-of-turn", self._threads)
        await self.finished(Pcm.silence(1000, MEL_RATE))

    async def aclose(self) -> None:
        await self._worker.aclose()
        self._session = None

    async def finished(self, turn: Pcm) -> float:
        """How likely it is, 0 to 1, that the turn is over, by its last `SECONDS`. Raises `EngineError`.

        The model was trained on turns that end in about 200 ms of silence.
        """
        if self._session is None:
            raise EngineError("engine_unavailable", "The engine smart_turn is not started.")
        tail = Pcm(turn.samples[-SECONDS * turn.rate :], turn.rate)
        return await self._worker.run(_infer, self._session, tail)


def _infer(session: onnxruntime.InferenceSession, turn: Pcm) -> float:
    features = smart_turn_mel(resample(turn, MEL_RATE).to_float(), SECONDS)
    try:
        (probability,) = session.run(None, {"input_features": features[None]})
    except Exception as error:  # onnxruntime's exceptions have no public base class
        raise EngineError("engine_failed", f"End-of-turn detection failed: {error}") from error
    return float(np.asarray(probability)[0, 0])
