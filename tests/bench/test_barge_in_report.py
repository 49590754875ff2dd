"""From single interruptions to figures."""

from __future__ import annotations

from vivavoce.bench.barge_in import Interruption, Interruptions
from vivavoce.bench.barge_in_report import BargeInReport, barge_in_report


def caught(number: int, onset: float, llm: float, *, late: int = 0) -> Interruption:
    stopped = {"llm": llm, "tts": 8.0}
    return Interruption(number, onset, caught=True, late=late, busy={"llm": 1, "tts": 0}, stopped=stopped)


def reported(*results: Interruption, no_counters: str = "") -> BargeInReport:
    return barge_in_report("local", Interruptions(list(results), [0.001] * 100, no_counters), 0.5)


def test_the_limits_are_200_and_100_ms() -> None:
    found = reported(caught(0, 100, 50), caught(1, 201, 101), caught(2, 200, 100))
    assert {figure.name: (figure.spread.max, figure.limit, figure.over) for figure in found.figures} == {
        "onset": (201, 200, 1),
        "llm": (101, 100, 1),
        "tts": (8, 100, 0),
    }
    assert (found.caught, found.failed, found.late, found.never_stopped) == (3, 0, 0, 0)
    assert found.at_work == {"llm": 3, "tts": 0}


def test_an_answer_that_was_complete_says_nothing_of_the_engines() -> None:
    found = reported(caught(0, 100, 50), Interruption(1, 90.0, stopped={"llm": 3.0, "tts": 3.0}))
    assert found.caught == 1
    assert [(figure.name, figure.spread.min) for figure in found.figures] == [("onset", 90), ("llm", 50), ("tts", 8)]


def test_an_engine_that_goes_on_is_counted() -> None:
    going_on = Interruption(0, 100.0, caught=True, stopped={"tts": 8.0})
    assert reported(going_on).never_stopped == 1
    unseen = reported(going_on, no_counters="There are none.")
    assert unseen.never_stopped == 0
    assert [figure.name for figure in unseen.figures] == ["onset"]


def test_late_audio_counts_whatever_else_went_wrong() -> None:
    failed = caught(0, 100, 50, late=2)
    failed.problem = "The answer ended as failed."
    found = reported(failed, caught(1, 100, 50))
    assert (found.late, found.failed, found.caught) == (2, 1, 1)
    assert found.problems == {"The answer ended as failed.": 1}
