"""From what was heard in noise to figures: whose turn a turn is, and which words count."""

from __future__ import annotations

from vivavoce.audio.pcm import Pcm
from vivavoce.bench.noise import Heard, Place, Said, Scene, Turn
from vivavoce.bench.noise_report import NoiseFigures, noise_figures

SCENE = Scene(
    Pcm.silence(60_000),
    (Said("turn off the lights", Pcm.silence(2000)), Said("stop", Pcm.silence(1000))),
    (Place(10_000, 12_000), Place(30_000, 31_000)),
)
FIRST, SECOND = Turn(10_000, 12_200, "Turn off the lights."), Turn(30_000, 31_200, "Stop!")


def figures(*turns: Turn, by_hand: tuple[str, str] = ("turn off the lights", "stop")) -> NoiseFigures:
    return noise_figures("pink", "off", SCENE, Heard(turns, by_hand))


def test_the_caller_s_own_turns_are_nobody_s_fault() -> None:
    found = figures(FIRST, SECOND)
    assert (found.false_starts, found.false_speech, found.good_turns, found.turns) == (0, 0, 2, 2)
    assert (found.turn_errors, found.hand_errors, found.words) == (0, 0, 5)
    assert found.noise_minutes == round((60_000 - 3300 - 2300) / 60_000, 3)


def test_speech_where_nobody_spoke_is_false_and_its_words_are_errors() -> None:
    found = figures(FIRST, Turn(20_000, 25_440, "the train is late"), SECOND)
    assert (found.false_starts, found.false_speech, found.good_turns) == (1, 0.1, 2)
    assert found.turn_errors == 4


def test_one_turn_over_everything_is_one_false_start_all_of_the_time() -> None:
    found = figures(Turn(0, 60_000, "turn off the lights stop"))
    assert (found.false_starts, found.false_speech, found.good_turns, found.turn_errors) == (1, 1, 0, 0)


def test_a_turn_that_does_not_end_in_time_is_not_the_caller_s_own() -> None:
    late = figures(FIRST, Turn(30_000, 33_000, "Stop!"))
    assert (late.false_starts, late.good_turns) == (0, 1)
    assert late.false_speech > 0


def test_a_turn_that_nobody_noticed_costs_its_words() -> None:
    found = figures(FIRST)
    assert (found.good_turns, found.turn_errors, found.hand_errors) == (1, 1, 0)


def test_recognition_alone_is_counted_for_each_thing_said() -> None:
    assert figures(FIRST, SECOND, by_hand=("turn of the light", "")).hand_errors == 3
