"""Scripts for fakes: their steps, the parts they are made of, and the machinery that plays them.

A script is a list of steps: a part to yield, `Wait(seconds)`, an `EngineError` to raise, or `STALL` (until
somebody cancels). `vivavoce.testing.fakes` has the fakes.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncGenerator, Sequence
from dataclasses import dataclass
from enum import Enum
from typing import Generic, TypeVar

import numpy as np

from vivavoce.audio.pcm import WIRE_RATE, Pcm
from vivavoce.ports import (
    MAX_CHUNK_MS,
    Began,
    CallArguments,
    CallBegan,
    CallEnded,
    CallPart,
    EngineError,
    Finished,
    ResponsePart,
    SpokenAudio,
    SpokenText,
    TextDelta,
    TokenUsage,
)

FRAME_MS = 32
"""Milliseconds of a frame of the scripted VADs: 512 samples at 16 kHz."""

Part = TypeVar("Part")
Request = TypeVar("Request")


class UnexpectedCall(AssertionError):
    """A fake was called, or fed, beyond its script."""


@dataclass(frozen=True, slots=True)
class Wait:
    """Let `seconds` pass."""

    seconds: float


class Stall(Enum):
    """The type of `STALL`."""

    FOR_EVER = "for ever"


STALL = Stall.FOR_EVER
"""Wait until the call is cancelled."""

Timing = Wait | EngineError | Stall


# --- what scripts are made of -------------------------------------------------------------------------------


def says(text: str, usage: TokenUsage | None = None) -> list[TextDelta | Finished]:
    """A whole answer of a language model, a word at a time."""
    words = text.split(" ")
    deltas = [TextDelta(word if i == 0 else f" {word}") for i, word in enumerate(words)]
    return [*deltas, Finished("stop", usage or TokenUsage(output_tokens=len(words)))]


def sound(ms: float, rate: int = WIRE_RATE, level: int = 3000) -> list[Pcm]:
    """A buzz of `ms` milliseconds in chunks of the contract's length; `level` is its loudness, 0 to 32767."""
    period = max(2, rate // 200)
    samples = np.where(np.arange(round(rate * ms / 1000)) % period < period // 2, level, -level)
    return Pcm(samples.astype(np.int16), rate).chunks(MAX_CHUNK_MS)


def speaks(text: str, ms: float = 500) -> list[ResponsePart]:
    """One clause of a spoken answer with its audio."""
    return [SpokenText(text), *(SpokenAudio(piece) for piece in sound(ms))]


def answers(text: str, ms: float = 500, usage: TokenUsage | None = None) -> list[ResponsePart]:
    """A whole spoken answer of one clause."""
    return [Began(), *speaks(text, ms), Finished("stop", usage or TokenUsage())]


def calls(name: str, **arguments: object) -> list[CallPart]:
    """One call of a tool, its arguments in two pieces. It may stand anywhere in an answer."""
    text = json.dumps(arguments)
    return [CallBegan(name), CallArguments(text[:1]), CallArguments(text[1:]), CallEnded()]


def hold(probability: float, ms: float) -> list[float]:
    """One probability for as many VAD frames as fill `ms`."""
    return [float(probability)] * round(ms / FRAME_MS)


# --- the machinery ------------------------------------------------------------------------------------------


@dataclass(eq=False)
class Call(Generic[Request]):
    """One call of a fake: what it was given, and how far its script went."""

    request: Request
    steps: int
    done: int = 0
    """Steps that are over. A part counts from the moment it is yielded, a wait from its end."""
    ended: bool = False

    @property
    def cancelled(self) -> bool:
        """It was closed before its script ended."""
        return self.ended and self.done < self.steps


class Scripted(Generic[Request, Part]):
    """What all scripted engines share. `calls` holds every call, in order."""

    def __init__(self, scripts: Sequence[Sequence[Part | Timing]]) -> None:
        self._scripts = [list(script) for script in scripts]
        self.calls: list[Call[Request]] = []
        self.started = 0
        """How often `start` was called."""
        self.freed = 0
        """How often `aclose` of the engine was called."""
        self._running = 0

    @property
    def name(self) -> str:
        """`scripted`."""
        return "scripted"

    @property
    def running(self) -> int:
        """Calls that have begun and not ended."""
        return self._running

    @property
    def closed(self) -> int:
        """Calls that have ended, however they did."""
        return sum(call.ended for call in self.calls)

    @property
    def cancelled(self) -> int:
        """Calls that were closed before their script ended."""
        return sum(call.cancelled for call in self.calls)

    async def start(self) -> None:
        """Recorded in `started`."""
        self.started += 1

    async def aclose(self) -> None:
        """Recorded in `freed`."""
        self.freed += 1

    def assert_finished(self, cancelled: int = 0) -> None:
        """Every script was called for and played to its end, but for exactly `cancelled` calls cut short."""
        name = type(self).__name__
        missing = len(self._scripts) - len(self.calls)
        assert missing == 0, f"{name}: {missing} of {len(self._scripts)} scripts were never called for"
        waiting = [number for number, call in enumerate(self.calls, 1) if not call.ended]
        assert not waiting, f"{name}: calls {waiting} have not ended"
        short = [
            f"call {number} after {call.done} of {call.steps} steps"
            for number, call in enumerate(self.calls, 1)
            if call.cancelled
        ]
        assert len(short) == cancelled, f"{name}: {cancelled} calls cut short expected, but {short or 'none'} were"

    def _call(self, request: Request) -> tuple[Call[Request], list[Part | Timing]]:
        """Record a call and give it its script."""
        if len(self.calls) == len(self._scripts):
            raise UnexpectedCall(f"{type(self).__name__}: call {len(self.calls) + 1} was not expected: {request!r}")
        script = self._scripts[len(self.calls)]
        call = Call(request, len(script))
        self.calls.append(call)
        return call, script

    async def _prepare(self, request: Request, part: Part) -> bool:
        """What has to happen before a part is due. False: the part is not for the caller."""
        return True

    async def _play(self, call: Call[Request], script: list[Part | Timing]) -> AsyncGenerator[Part, None]:
        self._running += 1
        try:
            for step in script:
                if isinstance(step, EngineError):
                    call.done += 1
                    raise step
                if isinstance(step, Wait):
                    await asyncio.sleep(step.seconds)
                    call.done += 1
                elif isinstance(step, Stall):
                    await asyncio.get_running_loop().create_future()
                else:
                    wanted = await self._prepare(call.request, step)
                    call.done += 1
                    if wanted:
                        yield step
        finally:
            self._running -= 1
            call.ended = True
