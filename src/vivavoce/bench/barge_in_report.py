"""From single interruptions to figures, and whether they are within the limits."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

import msgspec

from vivavoce.bench.barge_in import Interruption, Interruptions
from vivavoce.bench.counters import ROLES
from vivavoce.bench.report import STARVED_MS, Spread, machine

ONSET_LIMIT_MS = 200.0
STOP_LIMIT_MS = 100.0


class Figure(msgspec.Struct, frozen=True):
    """One of the times, in ms."""

    name: str
    spread: Spread
    limit: float
    over: int
    """How many were longer than `limit`."""


class BargeInReport(msgspec.Struct, frozen=True):
    """All of it; as JSON this is the file that `--json` writes."""

    engines: str
    times: int
    caught: int
    """Interruptions of an answer that was still being made."""
    figures: list[Figure]
    late: int
    """Pieces of interrupted answers that came after `speech_started`."""
    never_stopped: int
    """Engines that were still at work long after an interruption."""
    at_work: dict[str, int] | None
    """In how many interruptions that caught an answer each engine was at work on it; None: not known."""
    no_counters: str
    failed: int
    problems: dict[str, int]
    others_cores: float | None
    """What other programs took of the machine meanwhile."""
    lag: Spread | None
    """The caller's own lateness."""
    trustworthy: bool
    machine: dict[str, str]
    results: list[Interruption]


def barge_in_report(engines: str, found: Interruptions, others_cores: float | None) -> BargeInReport:
    """The figures of one measurement."""
    good = [each for each in found.results if not each.problem]
    caught = [each for each in good if each.caught]
    lag = Spread.of([late * 1000 for late in found.lags])
    known = [] if found.no_counters else caught
    return BargeInReport(
        engines=engines,
        times=len(found.results),
        caught=len(caught),
        figures=list(_figures(good, known)),
        # Of those that failed too: late audio is late however the call went on.
        late=sum(each.late for each in found.results),
        never_stopped=sum(len(ROLES) - len(each.stopped) for each in known),
        at_work={role: sum(each.busy.get(role, 0) > 0 for each in known) for role in ROLES} if known else None,
        no_counters=found.no_counters,
        failed=len(found.results) - len(good),
        problems=dict(Counter(each.problem for each in found.results if each.problem)),
        others_cores=None if others_cores is None else round(others_cores, 2),
        lag=lag,
        trustworthy=lag is not None and lag.p95 <= STARVED_MS,
        machine=machine(),
        results=found.results,
    )


def _figures(good: Sequence[Interruption], known: Sequence[Interruption]) -> list[Figure]:
    """Engines are only timed where they were cut off in an answer."""
    times = {"onset": ([each.onset for each in good if each.onset is not None], ONSET_LIMIT_MS)}
    for role in ROLES:
        times[role] = ([each.stopped[role] for each in known if role in each.stopped], STOP_LIMIT_MS)
    return [
        Figure(name, spread, limit, sum(value > limit for value in values))
        for name, (values, limit) in times.items()
        if (spread := Spread.of(values))
    ]
