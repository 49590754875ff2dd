"""From single utterances to figures."""

from __future__ import annotations

import pytest

from vivavoce.bench.transcription import Dictated, Dictation, transcription_url
from vivavoce.bench.transcription_report import transcription_report
from vivavoce.bench.word_errors import word_errors


@pytest.mark.parametrize(
    ("spoken", "heard", "expected"),
    [
        ("Go forward ten meters.", "go forward 10 meters", (0, 4)),
        ("It's late, isn't it?", "It is late", (4, 4)),
        ("", "Thank you.", (2, 0)),
        ("one two three", "", (3, 3)),
    ],
)
def test_words_that_were_heard_wrong(spoken: str, heard: str, expected: tuple[int, int]) -> None:
    assert word_errors(spoken, heard) == expected


def test_what_failed_counts_as_failed_only() -> None:
    good = Dictated(0, first_delta=500.0, final=700.0, early=3, told=6, revised=1, errors=1, words=6)
    slow = Dictated(1, first_delta=701.0, final=900.0, early=0, told=6, words=6)
    failed = Dictated(2, first_delta=100.0, told=9, revised=9, errors=9, words=9, problem="It broke.")
    found = transcription_report("local", "minimal", Dictation([good, slow, failed], [0.001] * 100), 0.5)
    assert found.first_delta is not None
    assert (found.first_delta.max, found.slow) == (701.0, 1)
    assert (found.told, found.revised, found.words, found.errors) == (12, 1, 12, 1)
    assert found.early_percent == 25.0
    assert (found.failed, found.problems) == (1, {"It broke.": 1})


def test_where_a_server_transcribes() -> None:
    assert transcription_url("127.0.0.1:8700") == "ws://127.0.0.1:8700/v1/realtime?intent=transcription"
    assert transcription_url("https://h/v1/realtime?model=x") == "wss://h/v1/realtime?intent=transcription"
