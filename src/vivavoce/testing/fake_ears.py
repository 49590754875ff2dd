"""Scripted fakes of the ports that hear; `vivavoce.testing.fakes` gives them all."""

from __future__ import annotations

from collections.abc import AsyncGenerator, AsyncIterator, Sequence
from contextlib import aclosing
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from vivavoce.audio.pcm import WIRE_RATE, Pcm
from vivavoce.engines.instant import SPEECH_RMS
from vivavoce.ports import (
    AsrFeature,
    AsrHint,
    EngineError,
    NoiseKind,
    Transcript,
)
from vivavoce.testing.script import Call, Scripted, Timing, UnexpectedCall


class ScriptedVad(Scripted[None, float]):
    """Each caller gets the next script: a probability a frame (see `hold`), then `after` or nothing more."""

    rate = 16_000
    frame_samples = 512
    lag_ms = 0

    def __init__(self, *scripts: Sequence[float], after: float | None = None) -> None:
        super().__init__([[float(probability) for probability in script] for script in scripts])
        self._after = after

    def open(self) -> ScriptedVadStream:
        """A new caller, on the next script."""
        call, script = self._call(None)
        return ScriptedVadStream(call, [step for step in script if isinstance(step, float)], self._after)

    def assert_finished(self, cancelled: int = 0) -> None:
        """Every script was opened, and all of its probabilities were asked for but in `cancelled` streams."""
        for call in self.calls:
            call.ended = True  # streams of a VAD are dropped, not closed
        super().assert_finished(cancelled)


class ScriptedVadStream:
    """One caller of a `ScriptedVad`. It takes frames of the right size only."""

    def __init__(self, call: Call[None], script: list[float], after: float | None) -> None:
        self._call = call
        self._script = script
        self._after = after

    def probability(self, frame: Pcm) -> float:
        """The script's next."""
        _check_frame(frame)
        if self._call.done < len(self._script):
            self._call.done += 1
            return self._script[self._call.done - 1]
        if self._after is None:
            raise UnexpectedCall(f"ScriptedVad: frame {len(self._script) + 1} was not expected")
        return self._after


class EnergyVad(Scripted[None, float]):
    """Any number of callers; 1.0 in sound and 0.0 in silence, by the loudness of the frame."""

    rate = 16_000
    frame_samples = 512
    lag_ms = 0

    def __init__(self, threshold: float = SPEECH_RMS) -> None:
        super().__init__(())
        self._threshold = threshold

    def open(self) -> EnergyVad:
        """A new caller; there is no state to keep."""
        return self

    def probability(self, frame: Pcm) -> float:
        """1.0 above the threshold, which is the root mean square of int16 samples."""
        _check_frame(frame)
        return float(np.sqrt(np.mean(np.square(frame.samples, dtype=np.float64))) > self._threshold)


def _check_frame(frame: Pcm) -> None:
    size = (len(frame.samples), frame.rate)
    assert size == (512, 16_000), f"a VAD frame is 512 samples at 16000 Hz, not {size[0]} at {size[1]} Hz"


class FadingReducer(Scripted[NoiseKind, None]):
    """Any number of callers: all of their sound fades by `strength`, and `HELD` samples are held back."""

    HELD = 500

    def __init__(self) -> None:
        super().__init__(())
        self.opened: list[NoiseKind] = []
        """What each caller asked for."""

    def open(self, kind: NoiseKind) -> FadingStream:
        """A new caller."""
        self.opened.append(kind)
        return FadingStream()


class FadingStream:
    """One caller of a `FadingReducer`."""

    def __init__(self) -> None:
        self._held = np.zeros(0, np.int16)

    async def push(self, pcm: Pcm, strength: float) -> Pcm:
        """Faded as asked when it comes out. Raises `EngineError` at a rate other than 24 kHz."""
        if pcm.rate != WIRE_RATE:
            raise EngineError("engine_failed", f"{WIRE_RATE} Hz are wanted, not {pcm.rate} Hz.")
        samples = np.concatenate([self._held, pcm.samples])
        ready = max(0, len(samples) - FadingReducer.HELD)
        self._held = samples[ready:]
        return self._faded(samples[:ready], strength)

    async def flush(self, strength: float) -> Pcm:
        """What was held back."""
        held, self._held = self._held, np.zeros(0, np.int16)
        return self._faded(held, strength)

    def _faded(self, samples: NDArray[np.int16], strength: float) -> Pcm:
        return Pcm((samples * (1 - strength)).astype(np.int16), WIRE_RATE)


class ScriptedTurnDetector(Scripted[Pcm, float]):
    """Each script is a likelihood, or steps before one: `0.9`, or `[Wait(0.1), 0.9]`."""

    def __init__(self, *scripts: float | Sequence[float | Timing]) -> None:
        super().__init__([[float(script)] if isinstance(script, int | float) else script for script in scripts])

    async def finished(self, turn: Pcm) -> float:
        """The script's likelihood."""
        result: float | None = None
        async for likelihood in self._play(*self._call(turn)):
            result = likelihood
        assert result is not None, "a ScriptedTurnDetector's script needs a likelihood"
        return result


@dataclass(frozen=True, slots=True)
class Hear:
    """For `ScriptedAsr`: read until `ms` of speech were heard in all, or the speech has ended."""

    ms: float


@dataclass(eq=False, slots=True)
class Listening:
    """A call of a `ScriptedAsr`: what it was given, and the pieces it has read."""

    speech: AsyncIterator[Pcm]
    hint: AsrHint
    heard: list[Pcm] = field(default_factory=list)

    @property
    def ms(self) -> float:
        """Milliseconds heard."""
        return sum(piece.ms for piece in self.heard)

    async def read(self, ms: float) -> None:
        """Until `ms` were heard in all, or the speech has ended."""
        while self.ms < ms:
            try:
                self.heard.append(await anext(self.speech))
            except StopAsyncIteration:
                return


class ScriptedAsr(Scripted[Listening, Transcript | Hear]):
    """Each script is the text of a final transcript, or steps that end in one.

    The speech is read where the script says `Hear`, and what is left of it before a final transcript.
    """

    features: tuple[AsrFeature, ...] = ("prompt", "keywords", "languages", "delay", "logprobs")
    languages: tuple[str, ...] = ()

    def __init__(self, *scripts: str | Sequence[Transcript | Hear | Timing]) -> None:
        super().__init__([[Transcript(script)] if isinstance(script, str) else script for script in scripts])

    def transcribe(self, speech: AsyncIterator[Pcm], hint: AsrHint) -> AsyncGenerator[Transcript, None]:
        """The next script's transcripts."""
        return self._transcripts(self._play(*self._call(Listening(speech, hint))))

    async def _transcripts(self, play: AsyncGenerator[Transcript | Hear, None]) -> AsyncGenerator[Transcript, None]:
        async with aclosing(play):
            async for part in play:
                assert isinstance(part, Transcript)  # `_prepare` keeps the others
                yield part

    async def _prepare(self, request: Listening, part: Transcript | Hear) -> bool:
        if isinstance(part, Hear):
            await request.read(part.ms)
            return False
        if part.final:
            await request.read(float("inf"))
        return True
