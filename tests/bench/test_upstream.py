"""Pairs of interruptions become figures, and whether they are within the limits."""

from __future__ import annotations

import pytest

from vivavoce.bench.barge_in import Interruption
from vivavoce.bench.upstream import UpstreamReport, upstream_report


def found(number: int, silent: float, *, caught: bool = True, late: int = 0, problem: str = "") -> Interruption:
    """One interruption."""
    return Interruption(number, silent, silent, caught, late, problem=problem)


def report(later: float, *others: tuple[Interruption, Interruption], lag: float = 0.001) -> UpstreamReport:
    """Of three pairs, each later by so much, and others."""
    pairs = [(found(number, 100.0 + number), found(number, 100.0 + number + later)) for number in range(3)]
    return upstream_report("local", [*pairs, *others], [lag])


@pytest.mark.parametrize(("later", "good"), [(-3, True), (50, True), (51, False)])
def test_the_limit_is_between_the_medians(later: float, good: bool) -> None:
    figures = report(later)
    assert (figures.later, figures.good) == (later, good)
    assert figures.direct is not None
    assert figures.direct.median == 101


def test_whatever_went_wrong_is_not_good() -> None:
    failed = found(9, 0, problem="No answer came.")
    assert report(0).good
    assert report(0, (failed, failed)).problems == ["No answer came."] * 2
    assert not report(0, (failed, failed)).good
    assert not report(0, (found(9, 100), found(9, 100, late=1))).good
    assert not report(0, lag=0.03).good
    assert not upstream_report("local", [(found(0, 1, caught=False),) * 2], [0.001]).good


def test_nothing_measured_is_no_figure() -> None:
    nothing = Interruption(0, problem="The server did not notice the interruption.")
    figures = upstream_report("local", [(nothing, nothing)], [])
    assert (figures.direct, figures.later, figures.good) == (None, None, False)
