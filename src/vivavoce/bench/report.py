"""From what each caller saw to figures: percentiles, and what they can be trusted for."""

from __future__ import annotations

import os
import platform
from collections import Counter
from collections.abc import Sequence

import msgspec
import numpy as np

from vivavoce import __version__
from vivavoce.bench.callers import SessionResult, TurnResult
from vivavoce.bench.usage import Usage
from vivavoce.testing.turns import STAGES, Stage

STARVED_MS = 20.0
"""A caller whose own frames are later than this (p95) measures itself, not the server."""
_TENTH = 10


class Spread(msgspec.Struct, frozen=True):
    """Milliseconds. A percentile is a value that occurred, the next higher one."""

    min: float
    median: float
    p95: float
    max: float

    @staticmethod
    def of(values: Sequence[float]) -> Spread | None:
        """None for no values."""
        if not values:
            return None
        p95 = float(np.percentile(values, 95, method="higher"))
        return Spread(*(round(each, 2) for each in (min(values), float(np.median(values)), p95, max(values))))


class FirstTurn(msgspec.Struct, frozen=True):
    """The first turn after the start of the server, or of each session, beside a later one: medians in ms."""

    first_ms: float
    later_ms: float
    later: int
    """Which turn that is, counted from 1."""
    ratio: float


class ServerUsage(msgspec.Struct, frozen=True):
    """What the server's process took."""

    cpu_per_session: float
    """CPU seconds per second of a session, as a share of one core."""
    idle_mb: float
    mb_per_session: float
    others_cores: float | None
    """What other programs took of the machine meanwhile."""


class Settings(msgspec.Struct, frozen=True):
    """What was measured."""

    engines: str
    sessions: int
    turns: int
    silence_ms: int
    question_ms: float


class Report(msgspec.Struct, frozen=True):
    """All of it; as JSON this is the file that `--json` writes."""

    settings: Settings
    stages: dict[Stage, Spread]
    """From the end of the caller's speech. `first_audio` is the figure."""
    turns: int
    failed: int
    problems: dict[str, int]
    first_turn: FirstTurn | None
    server: ServerUsage | None
    lag: Spread | None
    """The callers' own lateness."""
    trustworthy: bool
    machine: dict[str, str]
    results: list[TurnResult]


def report(settings: Settings, sessions: Sequence[SessionResult], usage: Usage | None) -> Report:
    """The figures of one measurement."""
    results = [turn for session in sessions for turn in session.turns]
    good = [turn for turn in results if not turn.problem]
    lag = Spread.of([late * 1000 for session in sessions for late in session.lags])
    spreads = {stage: Spread.of([t.stages[stage] for t in good if stage in t.stages]) for stage in STAGES}
    return Report(
        settings=settings,
        stages={stage: spread for stage, spread in spreads.items() if spread},
        turns=len(results),
        failed=len(results) - len(good),
        problems=dict(Counter(turn.problem for turn in results if turn.problem)),
        first_turn=_first_turn(good),
        server=_server_usage(usage, sessions),
        lag=lag,
        trustworthy=lag is not None and lag.p95 <= STARVED_MS,
        machine=machine(),
        results=results,
    )


def _first_turn(good: Sequence[TurnResult]) -> FirstTurn | None:
    later = min(_TENTH - 1, max((turn.number for turn in good), default=0))
    first_ms, later_ms = (
        [turn.stages["first_audio"] for turn in good if turn.number == number] for number in (0, later)
    )
    if not later or not first_ms or not later_ms:
        return None
    first, tenth = float(np.median(first_ms)), float(np.median(later_ms))
    return FirstTurn(round(first, 2), round(tenth, 2), later + 1, round(first / tenth, 3))


def _server_usage(usage: Usage | None, sessions: Sequence[SessionResult]) -> ServerUsage | None:
    seconds = sum(session.seconds for session in sessions)
    if usage is None or not seconds:
        return None
    grown = (usage.peak_bytes - usage.idle_bytes) / len(sessions)
    others = None if usage.others_cores is None else round(usage.others_cores, 2)
    return ServerUsage(round(usage.cpu_s / seconds, 4), round(usage.idle_bytes / 1e6, 1), round(grown / 1e6, 2), others)


def machine() -> dict[str, str]:
    """Where a measurement was made."""
    return {
        "vivavoce": __version__,
        "python": platform.python_version(),
        "system": f"{platform.system()} {platform.machine()}",
        "cores": str(os.cpu_count()),
    }
