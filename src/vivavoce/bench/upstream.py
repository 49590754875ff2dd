"""Interruptions of one server, and of a second one whose engine is the first: how much later is there silence?"""

from __future__ import annotations

from collections.abc import Callable
from statistics import median

import msgspec

from vivavoce.bench.barge_in import Interruption, Plan, interrupt
from vivavoce.bench.report import STARVED_MS, Spread, machine

LATER_LIMIT_MS = 50.0
"""What a second server may add, in the median."""


class UpstreamReport(msgspec.Struct, frozen=True):
    """All of it; as JSON this is the file that `--json` writes. Times in ms."""

    engines: str
    times: int
    direct: Spread | None
    """From the caller's first sound to silence, at the client of the first server."""
    through: Spread | None
    """The same at the client of the second."""
    later: float | None
    """Between the medians."""
    caught: int
    """Interruptions of the second server's answers while they were still being made."""
    late: int
    """Pieces of interrupted answers that came after `speech_started`, of either."""
    problems: list[str]
    lag: Spread | None
    """The caller's own lateness."""
    trustworthy: bool
    machine: dict[str, str]
    results: list[tuple[Interruption, Interruption]]

    @property
    def good(self) -> bool:
        """Within the limit, with nothing that went wrong."""
        within = self.later is not None and self.later <= LATER_LIMIT_MS
        return within and self.caught > 0 and not self.late and not self.problems and self.trustworthy


async def compare(
    direct: Plan, through: Plan, told: Callable[[Interruption], None]
) -> tuple[list[tuple[Interruption, Interruption]], list[float]]:
    """The same interruption of each in turn, so that what the machine does meanwhile befalls both; and the caller's own
    lateness in seconds."""
    lags: list[float] = []
    pairs: list[tuple[Interruption, Interruption]] = []
    for number in range(direct.times):
        one = await interrupt(direct, number, None, lags)
        told(one)
        other = await interrupt(through, number, None, lags)
        told(other)
        pairs.append((one, other))
    return pairs, lags


def upstream_report(engines: str, pairs: list[tuple[Interruption, Interruption]], lags: list[float]) -> UpstreamReport:
    """The figures of one measurement."""
    silent = [[each.silent for each in column if each.silent is not None] for column in zip(*pairs, strict=True)]
    both = [each for pair in pairs for each in pair]
    lag = Spread.of([late * 1000 for late in lags])
    return UpstreamReport(
        engines=engines,
        times=len(pairs),
        direct=Spread.of(silent[0]),
        through=Spread.of(silent[1]),
        later=median(silent[1]) - median(silent[0]) if all(silent) else None,
        caught=sum(other.caught for _, other in pairs),
        late=sum(each.late for each in both),
        problems=[each.problem for each in both if each.problem],
        lag=lag,
        trustworthy=lag is not None and lag.p95 <= STARVED_MS,
        machine=machine(),
        results=pairs,
    )
