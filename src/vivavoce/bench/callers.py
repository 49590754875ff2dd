"""The load: callers that ask the same question again and again, each on its own connection, in real time."""

from __future__ import annotations

import asyncio
import multiprocessing
import random
import time
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, field, replace

import uvloop

from vivavoce.testing.call import CALM_S, Line
from vivavoce.testing.client import Client, ClientError, connect
from vivavoce.testing.microphone import Microphone, Speech
from vivavoce.testing.turns import Stage, Turn, Turns

PAUSE_S = (0.5, 1.5)
"""From the end of an answer to the next question; drawn for each turn, so that callers do not fall into step."""


@dataclass(frozen=True, slots=True)
class Load:
    """Who calls, and what each of them does."""

    line: Line
    speech: Speech
    sessions: Sequence[int]
    turns: int
    spread_s: float
    """The callers begin at random within this time."""


@dataclass(frozen=True, slots=True)
class TurnResult:
    """One turn as its caller saw it."""

    session: int
    number: int
    stages: dict[Stage, float]
    """ms after the end of the caller's speech."""
    problem: str = ""
    """Empty: the turn counts."""


@dataclass(slots=True)
class SessionResult:
    """One caller's whole conversation."""

    turns: list[TurnResult] = field(default_factory=list)
    lags: list[float] = field(default_factory=list)
    """How late the caller itself was with each frame, in seconds."""
    seconds: float = 0.0
    """How long it was connected."""


def run_callers(load: Load, processes: int) -> list[SessionResult]:
    """All callers, spread over this many processes, to their ends."""
    shares = [replace(load, sessions=load.sessions[i::processes]) for i in range(processes)]
    if processes == 1:
        return _run_share(shares[0])
    # Not forked: this process may hold an event loop and a model.
    with ProcessPoolExecutor(processes, multiprocessing.get_context("spawn")) as pool:
        return [result for share in pool.map(_run_share, shares) for result in share]


def check_connection(line: Line) -> None:
    """Connect and hang up. Raises `ClientError`."""

    async def check() -> None:
        async with connect(line.url, key=line.key, model=line.model) as client:
            await client.update(line.session())

    uvloop.run(check())


def _run_share(load: Load) -> list[SessionResult]:
    async def together() -> list[SessionResult]:
        return await asyncio.gather(*(_Caller(load, session).run() for session in load.sessions))

    return uvloop.run(together())


class _Caller:
    """One of them. Its chances come from its number, so that two runs are alike."""

    def __init__(self, load: Load, session: int) -> None:
        self._load = load
        self._session = session
        self._chance = random.Random(session)
        self._result = SessionResult()

    async def run(self) -> SessionResult:
        """Never raises: what goes wrong is a problem of the turns that it cost."""
        await asyncio.sleep(self._chance.uniform(0, self._load.spread_s) if self._session else 0)
        started = time.monotonic()
        line = self._load.line
        try:
            async with connect(line.url, key=line.key, model=line.model) as client:
                await client.update(line.session())
                await self._converse(client)
        except ClientError as error:
            for number in range(len(self._result.turns), self._load.turns):
                self._result.turns.append(TurnResult(self._session, number, {}, str(error)))
        self._result.seconds = time.monotonic() - started
        return self._result

    async def _converse(self, client: Client) -> None:
        microphone = Microphone(client, self._load.line.wire, lags=self._result.lags)
        turns = Turns()
        client.listeners.append(turns.take)
        speaking = asyncio.create_task(microphone.run())
        try:
            await asyncio.sleep(CALM_S)
            for number in range(self._load.turns):
                if number:
                    await asyncio.sleep(self._chance.uniform(*PAUSE_S))
                self._result.turns.append(await self._ask(client, microphone, turns, number))
                client.arrivals.clear()
        finally:
            speaking.cancel()
            await asyncio.wait([speaking])

    async def _ask(self, client: Client, microphone: Microphone, turns: Turns, number: int) -> TurnResult:
        errors = len(turns.errors)
        turn = turns.begin(microphone.say(self._load.speech))
        patience = self._load.line.timeout + self._load.speech.ms / 1000
        try:
            await client.until(lambda: turn.finished and "transcript" in turn.reached, patience, "a whole answer")
        except ClientError as error:
            if client.ended is not None:
                raise
            turn.problem = turn.problem or str(error)
        problem = _problem(turn) or "; ".join(turns.errors[errors:])
        return TurnResult(self._session, number, turn.after_speech(), problem)


def _problem(turn: Turn) -> str:
    """Why a turn does not count."""
    if turn.problem:
        return turn.problem
    if turn.early_answers or turn.commits > 1:
        return "The server took a pause in the question for its end."
    if turn.status != "completed":
        return f"The answer ended as {turn.status}."
    return "" if "first_audio" in turn.reached else "The answer holds no audio."
