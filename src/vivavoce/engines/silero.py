"""Voice activity detection with Silero VAD v6: 32 ms of audio in, the probability of speech out.

About 0.1 ms of CPU per frame, so it is synchronous. The model is loaded once; each caller carries the
recurrent state and the last 4 ms of audio, which the model wants before every frame.

It holds on to speech for a while: the first frame below 0.35 ends about 95 ms after the speech did, so that
frame and the two before it were silent already. Whoever measures a pause from its answers begins that much earlier.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnxruntime

from vivavoce.audio.pcm import Pcm
from vivavoce.engines import onnx
from vivavoce.ports import EngineError

RATE = 16_000
"""Hz."""
FRAME = 512
"""Samples per frame: 32 ms."""
_CONTEXT = 64
"""Samples of the frame before, which the model was trained to see first."""
_STATE = (2, 1, 128)
_SR = np.array(RATE, np.int64)


class SileroVad:
    """The `Vad` on a Silero ONNX file (`model`)."""

    def __init__(self, model: Path) -> None:
        self._model = model
        self._session: onnxruntime.InferenceSession | None = None

    @property
    def name(self) -> str:
        return "silero"

    @property
    def lag_ms(self) -> int:
        """Two frames: after 40 sentences the probability fell 84 to 130 ms late, counted to the end of a frame."""
        return 64

    @property
    def running(self) -> int:
        """Always 0: a call is over before anything else can look."""
        return 0

    @property
    def rate(self) -> int:
        return RATE

    @property
    def frame_samples(self) -> int:
        return FRAME

    async def start(self) -> None:
        """Load and warm up, in 0.1 s. Raises `EngineError` (`engine_unavailable`)."""
        self._session = onnx.load(self._model, "voice activity")
        self.open().probability(Pcm(np.zeros(FRAME, np.int16), RATE))

    async def aclose(self) -> None:
        self._session = None

    def open(self) -> SileroStream:
        """A new caller. Raises `EngineError` before `start` and after `aclose`."""
        if self._session is None:
            raise EngineError("engine_unavailable", "The engine silero is not started.")
        return SileroStream(self._session)


class SileroStream:
    """One caller's `VadStream`: what the model remembers of that caller."""

    def __init__(self, session: onnxruntime.InferenceSession) -> None:
        self._session = session
        self._state = np.zeros(_STATE, np.float32)
        self._input = np.zeros((1, _CONTEXT + FRAME), np.float32)

    def probability(self, frame: Pcm) -> float:
        """How likely speech is, 0 to 1, in `FRAME` samples at `RATE`; `EngineError` for any other shape."""
        if frame.rate != RATE or len(frame.samples) != FRAME:
            found = f"{len(frame.samples)} at {frame.rate} Hz"
            raise EngineError("engine_failed", f"A frame is {FRAME} samples at {RATE} Hz, not {found}.")
        self._input[0, :_CONTEXT] = self._input[0, FRAME:]
        self._input[0, _CONTEXT:] = frame.to_float()
        feed = {"input": self._input, "state": self._state, "sr": _SR}
        try:
            output, state = self._session.run(("output", "stateN"), feed)
        except Exception as error:  # onnxruntime's exceptions have no public base class
            raise EngineError("engine_failed", f"Voice activity detection failed: {error}") from error
        self._state = np.asarray(state)
        return float(np.asarray(output)[0, 0])
