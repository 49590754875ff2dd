"""From rounds to what a call costs."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from vivavoce.bench.echo import PATHS, Path
from vivavoce.bench.report import STARVED_MS, Spread, machine
from vivavoce.bench.webrtc import Round

MOST_SHARE = 0.6
"""Of stock aiortc's CPU that a call of ours may take."""
KEPT_UP_PERCENT = 98.0
"""Of what an echo was sent must come back: one that is overloaded does less than its work."""
AUDIBLE_DB = -45.0


class PathCost(msgspec.Struct, frozen=True):
    """One path, its rounds together."""

    cpu_percent: float
    """Of one core for each call: the median of the rounds ..."""
    least: float
    most: float
    """... and their range."""
    threads_one: int
    threads_all: int
    came_back_percent: float
    lost: int
    late: int
    packets: int
    """That callers sent; `lost` and `late` are of those that came back."""
    level_db: float
    """dBFS, of the quietest round."""

    @property
    def served_percent(self) -> float:
        """Of one core, for each call whose sound comes back whole; 0 when none did."""
        return 100 * self.cpu_percent / self.came_back_percent if self.came_back_percent else 0.0

    @property
    def kept_up(self) -> bool:
        """It did its whole work."""
        return self.came_back_percent >= KEPT_UP_PERCENT and self.level_db >= AUDIBLE_DB


class WebRtcReport(msgspec.Struct, frozen=True):
    """All of it; as JSON this is the file that `--json` writes."""

    calls: int
    seconds: float
    paths: dict[Path, PathCost]
    share: float
    """Our CPU for a call, of stock aiortc's."""
    others_cores: float
    """What other programs took of the machine meanwhile."""
    lag: Spread | None
    """The callers' own lateness."""
    trustworthy: bool
    machine: dict[str, str]
    rounds: list[Round]

    @property
    def good(self) -> bool:
        """Our path does its work, cheaply enough, and without a thread more for more calls."""
        ours = self.paths["ours"]
        frugal = self.share <= MOST_SHARE and ours.threads_all <= ours.threads_one
        return ours.kept_up and frugal and self.trustworthy


def webrtc_report(calls: int, seconds: float, rounds: Sequence[Round]) -> WebRtcReport:
    """The figures of one measurement; each path has a round at least."""
    paths: dict[Path, PathCost] = {path: _cost([each for each in rounds if each.path == path]) for path in PATHS}
    lag = Spread.of([late * 1000 for each in rounds for late in each.lags])
    return WebRtcReport(
        calls=calls,
        seconds=seconds,
        paths=paths,
        share=round(paths["ours"].cpu_percent / paths["aiortc"].cpu_percent, 3),
        others_cores=round(sum(each.others_cores for each in rounds) / len(rounds), 2),
        lag=lag,
        trustworthy=lag is not None and lag.p95 <= STARVED_MS,
        machine=machine(),
        rounds=[msgspec.structs.replace(each, lags=[]) for each in rounds],  # as a spread they say as much
    )


def _cost(rounds: Sequence[Round]) -> PathCost:
    cpu = sorted(each.cpu_percent for each in rounds)
    sent = sum(each.sent for each in rounds)
    middle = (cpu[(len(cpu) - 1) // 2] + cpu[len(cpu) // 2]) / 2
    return PathCost(
        cpu_percent=round(middle, 2),
        least=round(cpu[0], 2),
        most=round(cpu[-1], 2),
        threads_one=max(each.threads_one for each in rounds),
        threads_all=max(each.threads_all for each in rounds),
        came_back_percent=round(100 * sum(each.received for each in rounds) / sent, 1) if sent else 0.0,
        lost=sum(each.lost for each in rounds),
        late=sum(each.late for each in rounds),
        packets=sent,
        level_db=min(each.level_db for each in rounds),
    )
