"""Callers that interrupt: how soon the server notices, and how soon everything that made the answer has stopped."""

from __future__ import annotations

import asyncio
import random
from collections.abc import AsyncGenerator, Callable, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass

import msgspec

from vivavoce.bench.counters import Counters, NoCounters, Stopping, counters
from vivavoce.testing.call import CALM_S, Call, Line
from vivavoce.testing.client import Arrival, Client, ClientError, connect, text
from vivavoce.testing.microphone import Speech
from vivavoce.testing.turns import Turn

QUESTION = "Please tell me a long story about a dog and a cat."
INTERRUPTIONS = (
    "Wait, what is the capital of France?",
    "Stop, what is the capital of Italy?",
    "No, what is the capital of Spain?",
    "Hold on, what is the capital of Greece?",
)
"""Some words begin softly, and are heard later than others."""
INSTRUCTIONS = "You are a storyteller. You tell long stories of at least thirty sentences."
MOMENT_S = (0.3, 1.5)
"""From the first audio of the answer to the interruption; drawn for each."""


@dataclass(frozen=True, slots=True)
class Plan:
    """Who is interrupted with what, and how often."""

    line: Line
    question: Speech
    interruptions: Sequence[Speech]
    times: int


class Interruption(msgspec.Struct):
    """One interruption as its caller saw it; times in ms."""

    number: int
    onset: float | None = None
    """From the caller's first sound to `speech_started`."""
    silent: float | None = None
    """From the caller's first sound until nothing more of the old answer was to be heard: its client drops what it has
    at `speech_started`, and what comes after that is heard."""
    caught: bool = False
    """The answer was still being made, and was cancelled."""
    late: int = 0
    """Pieces of the interrupted answer's audio that came after `speech_started`."""
    busy: dict[str, float] = {}
    """For each engine, its calls just before `speech_started`; empty: not known."""
    stopped: dict[str, float] = {}
    """For each engine, from `speech_started` until it was seen to have stopped; one that is not here did not."""
    problem: str = ""
    """Empty: the interruption counts."""


@dataclass(frozen=True, slots=True)
class Interruptions:
    """All of them."""

    results: list[Interruption]
    lags: list[float]
    """How late the caller itself was with each frame, in seconds."""
    no_counters: str
    """Why there are no figures of the engines; empty: there are."""


async def interrupt_all(plan: Plan, told: Callable[[Interruption], None]) -> Interruptions:
    """One after the other, each on a connection of its own. `told` hears of each at its end."""
    results: list[Interruption] = []
    lags: list[float] = []
    async with counters(plan.line.url) as seen:
        why = await _unavailable(seen)
        for number in range(plan.times):
            results.append(await interrupt(plan, number, None if why else seen, lags))
            told(results[-1])
    return Interruptions(results, lags, why)


async def interrupt(plan: Plan, number: int, seen: Counters | None, lags: list[float]) -> Interruption:
    """One of them; `lags` gets how late the caller itself was with each frame, in seconds."""
    found = Interruption(number)
    try:
        async with _call(plan.line, lags) as (client, call):
            await _Scene(plan, client, call, seen, found).play()
    except (ClientError, NoCounters) as error:
        found.problem = str(error)
    return found


async def _unavailable(seen: Counters) -> str:
    try:
        await seen.busy()
    except NoCounters as error:
        return str(error)
    return ""


@asynccontextmanager
async def _call(line: Line, lags: list[float]) -> AsyncGenerator[tuple[Client, Call]]:
    async with connect(line.url, key=line.key, model=line.model) as client:
        await client.update(line.session())
        call = Call(client, line)
        call.microphone.lags = lags
        speaking = asyncio.create_task(call.microphone.run())
        try:
            await asyncio.sleep(CALM_S)
            yield client, call
        finally:
            speaking.cancel()
            await asyncio.wait([speaking])


class _Scene:
    """One call: a question, the begin of an answer, an interruption, the begin of the next answer."""

    def __init__(self, plan: Plan, client: Client, call: Call, seen: Counters | None, found: Interruption) -> None:
        self._plan = plan
        self._client = client
        self._call = call
        self._stopping = Stopping(seen) if seen else None
        self._found = found
        self._chance = random.Random(found.number)  # so that two runs are alike
        self._answer: Turn | None = None
        """The turn whose answer is interrupted."""
        self._response_id = ""
        self._noticed = False
        self._went_on = 0.0
        """Seconds of the old answer's audio after the interruption was noticed."""
        self._noticed_at = 0.0

    async def play(self) -> None:
        """Raises `ClientError` and `NoCounters` for what goes wrong."""
        call, plan, found = self._call, self._plan, self._found
        first = await call.ask(plan.question)
        await call.answer_begins(first)
        _check(first)
        await asyncio.sleep(self._chance.uniform(*MOMENT_S))
        self._answer, self._response_id = first, first.response_id
        self._client.listeners.append(self._take)
        watching = asyncio.create_task(self._stopping.run()) if self._stopping else None
        try:
            second = await call.ask(plan.interruptions[found.number % len(plan.interruptions)])
            await call.answer_begins(second)
            _check(second)
            if watching and self._noticed:
                await watching
        finally:
            if watching:
                watching.cancel()
                with suppress(asyncio.CancelledError, NoCounters):
                    await watching
        self._sum_up(second)

    def _take(self, arrival: Arrival) -> None:
        now, event = arrival
        kind = text(event, "type")
        mine = self._response_id in (text(event, "response_id"), text(event, "response", "id"))
        if kind == "input_audio_buffer.speech_started" and not self._noticed:
            self._noticed, self._noticed_at = True, now
            # The answer's own turn still takes its end: `Turns` has sorted this event in before us.
            self._found.caught = self._answer is not None and not self._answer.ended
            if self._stopping:
                self._stopping.cut(now)
        elif mine and self._noticed and kind == "response.output_audio.delta":
            self._found.late += 1
            self._went_on = now - self._noticed_at
        elif mine and kind == "response.done":
            self._found.caught &= text(event, "response", "status") == "cancelled"

    def _sum_up(self, second: Turn) -> None:
        found = self._found
        found.onset = second.noticed_after_ms
        if not self._noticed or found.onset is None:
            found.problem = "The server did not notice the interruption."
            return
        found.silent = found.onset + self._went_on * 1000
        if self._stopping:
            found.busy = self._stopping.busy
            found.stopped = {role: seconds * 1000 for role, seconds in self._stopping.after.items()}


def _check(turn: Turn) -> None:
    """Raises `ClientError` unless an answer to this turn has begun to sound."""
    if turn.problem:
        raise ClientError(turn.problem)
    if "first_audio" not in turn.reached:
        raise ClientError("The answer holds no audio.")
