"""Timers on a told time."""

from __future__ import annotations

import pytest

from vivavoce.transports.sip.timers import CLUTTER, Timers


def test_they_run_in_order_and_what_they_set_for_the_past_too() -> None:
    timers, ran = Timers(), list[str]()

    def first(now: float) -> None:
        ran.append(f"first at {now:g}")
        timers.at(1.5, lambda now: ran.append("nested"))

    timers.at(2.0, lambda now: ran.append("second"))
    timers.at(1.0, first)
    timers.at(9.0, lambda now: ran.append("never"))
    timers.run(3.0)
    assert ran == ["first at 3", "nested", "second"]
    assert timers.deadline() == 9.0


def test_one_that_fails_is_logged_and_keeps_back_no_other(caplog: pytest.LogCaptureFixture) -> None:
    timers, ran = Timers(), list[str]()

    def broken(now: float) -> None:
        raise RuntimeError("a bug")

    timers.at(1.0, broken)
    timers.at(2.0, lambda now: ran.append("second"))
    timers.run(3.0)
    assert ran == ["second"]
    assert "RuntimeError: a bug" in caplog.text


def test_a_cancelled_one_does_not_run_and_is_swept_up() -> None:
    timers, ran = Timers(), list[str]()
    kept = timers.at(5.0, lambda now: ran.append("kept"))
    for _ in range(CLUTTER + 1):
        timer = timers.at(1.0, lambda now: ran.append("cancelled"))
        timer.cancel()
        timer.cancel()
    assert len(timers) == 1
    assert len(timers._heap) == 1
    timers.at(2.0, lambda now: None).cancel()
    assert timers.deadline() == 5.0
    timers.run(5.0)
    assert ran == ["kept"]
    kept.cancel()
    assert (len(timers), timers.deadline()) == (0, None)
