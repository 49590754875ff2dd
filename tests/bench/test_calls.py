"""What counts as left behind."""

from __future__ import annotations

from vivavoce.bench.calls import CallsReport, growth
from vivavoce.bench.holdings import Holdings

BEFORE = Holdings(sessions=0, tasks=5, threads=10, fds=17, rss=100_000_000)


def left(after: Holdings) -> set[str]:
    return {each.name for each in growth(BEFORE, after) if not each.within}


def test_nothing_may_be_left_but_a_little_memory() -> None:
    assert left(BEFORE) == set()
    assert left(Holdings(sessions=0, tasks=4, threads=9, fds=16, rss=105_000_000)) == set()
    assert left(Holdings(sessions=1, tasks=6, threads=11, fds=18, rss=105_100_000)) == {
        "sessions",
        "tasks",
        "threads",
        "file descriptors",
        "memory, MB",
    }


def test_calls_that_failed_prove_nothing() -> None:
    def good(failed: int) -> bool:
        return CallsReport("instant", 10, 4, {}, growth(BEFORE, BEFORE), failed, {}, 1.0, {}).good

    assert good(0)
    assert not good(1)
