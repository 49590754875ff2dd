"""The turn's time line."""

from __future__ import annotations

import pytest

from vivavoce.runtime.observer import Observer, Timeline, Unobserved


def test_stages_are_given_from_the_end_of_speech_and_only_those_reached() -> None:
    timeline = Timeline(5.0, turn_decided=5.2, first_audio=5.9)
    assert timeline.since_speech_end() == pytest.approx({"turn_decided": 0.2, "first_audio": 0.9})


def test_nobody_may_watch() -> None:
    observer: Observer = Unobserved()
    observer.session_started("sess_1")
    observer.event_sent("session.created")
    observer.error("invalid_value")
    observer.response_done("completed", None)
    observer.call_ended("function", "completed")
    observer.turn(Timeline(0.0))
    observer.session_ended("sess_1")
