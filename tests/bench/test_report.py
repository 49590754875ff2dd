"""From single turns to figures."""

from __future__ import annotations

from vivavoce.bench.callers import SessionResult, TurnResult
from vivavoce.bench.report import Settings, Spread, report
from vivavoce.bench.usage import Usage

SETTINGS = Settings("instant", sessions=1, turns=10, silence_ms=200, question_ms=1000)


def session(*first_audio: float, lag: float = 0.001) -> SessionResult:
    turns = [TurnResult(0, number, {"first_audio": at}) for number, at in enumerate(first_audio)]
    return SessionResult(turns, [lag] * 100, seconds=10.0)


def test_a_percentile_is_a_value_that_occurred() -> None:
    values = [float(each) for each in range(1, 11)]
    assert Spread.of(values) == Spread(min=1, median=5.5, p95=10, max=10)
    assert Spread.of([]) is None


def test_the_first_turn_is_compared_with_the_tenth() -> None:
    found = report(SETTINGS, [session(330, *[300] * 10)], None).first_turn
    assert found
    assert (found.first_ms, found.later_ms, found.later, found.ratio) == (330, 300, 10, 1.1)
    assert report(SETTINGS, [session(300)], None).first_turn is None


def test_failed_turns_are_counted_and_give_no_figures() -> None:
    failing = session(250, 260)
    failing.turns.append(TurnResult(0, 2, {"first_audio": 9999}, "The answer ended as failed."))
    found = report(SETTINGS, [failing], None)
    assert (found.turns, found.failed) == (3, 1)
    assert found.problems == {"The answer ended as failed.": 1}
    assert found.stages["first_audio"].max == 260


def test_callers_that_were_late_are_not_trusted() -> None:
    assert report(SETTINGS, [session(250)], None).trustworthy
    assert not report(SETTINGS, [session(250, lag=0.03)], None).trustworthy
    assert not report(SETTINGS, [SessionResult()], None).trustworthy


def test_what_a_session_costs() -> None:
    usage = Usage(cpu_s=2.0, idle_bytes=100_000_000, peak_bytes=106_000_000, others_cores=0.123)
    found = report(SETTINGS, [session(250), session(250)], usage).server
    assert found
    assert (found.cpu_per_session, found.idle_mb, found.mb_per_session, found.others_cores) == (0.1, 100, 3, 0.12)
