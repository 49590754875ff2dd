"""From what a browser said and heard to figures."""

from __future__ import annotations

import numpy as np
import pytest

from vivavoce.audio.pcm import Pcm
from vivavoce.bench.browser import BURST_LEVEL, BURST_MS
from vivavoce.bench.browser_report import Echoes, Silences, browser_report, echoes, silences
from vivavoce.bench.report import Spread
from vivavoce.testing.ears import RATE, Sound

MS = RATE // 1000


def sounding(length_ms: int, *places: tuple[int, int]) -> Pcm:
    """As loud as a burst at these places (begin and end, in ms), and silent elsewhere."""
    samples = np.zeros(length_ms * MS, np.int16)
    for begin, end in places:
        samples[begin * MS : end * MS] = BURST_LEVEL
    return Pcm(samples, RATE)


def burst(at: int) -> tuple[int, int]:
    return at, at + BURST_MS


def test_an_interruption_lasts_until_the_answer_is_silent() -> None:
    said = sounding(10_000, (1000, 2000), (4000, 5000), (7000, 8000))
    heard = sounding(10_000, (2500, 4220), (5500, 7305), (8500, 10_000))
    assert silences(Sound(said, heard)) == Silences(2, 0, [220, 305], Spread(220, 262.5, 305, 305))


def test_an_interruption_without_an_answer_is_missed_and_so_is_one_that_the_answer_outlives() -> None:
    said = sounding(10_000, (1000, 2000), (3000, 3500), (5000, 6000))
    assert silences(Sound(said, sounding(10_000, (4000, 9000)))) == Silences(2, 2, [], None)
    assert silences(Sound(sounding(2000), sounding(2000))) == Silences(0, 0, [], None)


def test_pauses_between_words_are_no_interruptions() -> None:
    said = sounding(8000, (1000, 1500), (1900, 2500), (4000, 4300), (4800, 5200))
    assert silences(Sound(said, sounding(8000, (2700, 4150)))).ms == [150]


def test_an_echo_is_timed_from_begin_to_begin() -> None:
    said = sounding(3000, burst(500), burst(1500))
    heard = sounding(3000, burst(571), burst(1590))
    assert echoes(Sound(said, heard)) == Echoes(0.0, 0, 2, 2, [71, 90], Spread(71, 80.5, 90, 90))


def test_a_burst_of_which_too_little_comes_back_is_not_heard() -> None:
    said = sounding(4000, burst(500), burst(1500), burst(2500))
    heard = sounding(4000, (580, 655), (1580, 1665), (3200, 3300))
    found = echoes(Sound(said, heard), 0.05, 31)
    assert (found.loss, found.lost, found.sent, found.heard, found.ms) == (0.05, 31, 3, 1, [80])


SPREADS = {each: Spread(each, each, each, each) for each in (100.0, 101.0, 250.0, 251.0)}
STOPPED = Silences(20, 0, [250.0] * 20, SPREADS[250.0])
ECHO = Echoes(0.0, 9, 20, 20, [100.0] * 20, SPREADS[100.0])
LOSSY = Echoes(0.05, 9, 20, 18, [251.0] * 18, SPREADS[251.0])


def test_all_limits_are_kept() -> None:
    assert browser_report(20, STOPPED, ECHO, LOSSY).problems == []


@pytest.mark.parametrize(
    ("stopped", "echo", "lossy", "problem"),
    [
        (Silences(20, 1, [200.0] * 19, SPREADS[100.0]), ECHO, LOSSY, "1 of 20 interruptions caught no answer"),
        (Silences(20, 0, [251.0] * 20, SPREADS[251.0]), ECHO, LOSSY, "the median to silence is over 250 ms"),
        (STOPPED, Echoes(0.0, 9, 20, 20, [], SPREADS[101.0]), LOSSY, "is over 100 ms"),
        (STOPPED, Echoes(0.0, 9, 20, 19, [], SPREADS[100.0]), LOSSY, "a burst was not heard"),
        (STOPPED, ECHO, Echoes(0.05, 9, 20, 17, [], None), "at 5% loss less than 90% of the bursts were heard"),
    ],
)
def test_each_limit_is_told_when_it_is_not_kept(stopped: Silences, echo: Echoes, lossy: Echoes, problem: str) -> None:
    (told,) = browser_report(20, stopped, echo, lossy).problems
    assert problem in told
