"""What is left of speech after a bad network."""

from __future__ import annotations

import asyncio

import numpy as np
import pytest

from vivavoce.audio.pcm import WIRE_RATE, Pcm
from vivavoce.bench.network import CONDITIONS, Heard, Passage, delays, speak
from vivavoce.bench.network_report import Through, monologue, network_report, through
from vivavoce.bench.noise import Said
from vivavoce.engines.instant import ASR_TEXT, InstantAsr


def talk(seconds: float) -> Pcm:
    """Bursts of noise, no two alike, as the loudness of speech is."""
    chance = np.random.default_rng(1)
    loud = np.repeat(chance.uniform(0, 8000, int(seconds * 20)), WIRE_RATE // 20)
    return Pcm((loud * chance.uniform(-1, 1, len(loud))).astype(np.int16), WIRE_RATE)


def hear(pcm: Pcm, began: float, late: float) -> Heard:
    """As it comes: 20 ms pieces, each `late` seconds after its end was spoken."""
    ends = [(number * WIRE_RATE // 50, began + number * 0.02 + late) for number in range(1, len(pcm.chunks(20)) + 1)]
    return Heard(pcm.chunks(20), ends)


def test_a_steady_delay() -> None:
    said = talk(25)
    assert delays(hear(said, 5.0, 0.08), 0, said, 5.0) == (80.0, 80.0)


def test_a_delay_that_grows_inside_the_stream() -> None:
    """200 ms of silence come in between: what follows is late although every piece comes in time."""
    said = talk(25)
    cut = 12 * WIRE_RATE
    stretched = Pcm(np.insert(said.samples, cut, np.zeros(WIRE_RATE // 5, np.int16)), WIRE_RATE)
    early, late = delays(hear(stretched, 5.0, 0.08), 0, said, 5.0)
    assert early == pytest.approx(80, abs=2)
    assert late == pytest.approx(280, abs=2)


def test_what_was_heard_before_does_not_count() -> None:
    said = talk(12)
    before = Pcm.silence(500)
    ear = hear(Pcm.join([before, said]), 5.0, 0.03)
    assert delays(ear, len(before.samples), said, 5.5) == (30.0, 30.0)


def test_a_monologue_says_where_its_words_are() -> None:
    said = [Said("one", talk(1)), Said("two", talk(2))]
    pcm, places = monologue(said, 8)
    assert [words for _, _, words in places] == ["one", "two", "one", "two"]
    for (start, end, _), each in zip(places, [*said, *said], strict=True):
        assert np.array_equal(pcm.samples[start:end], each.audio.samples)


def test_words_are_compared_place_by_place() -> None:
    pcm, places = monologue([Said(ASR_TEXT, talk(1))], 2)
    passage = Passage("clean", pcm, 200, 10, 20.0, 25.0)
    wrong = [(start, end, "nothing") for start, end, _ in places]
    (right,) = asyncio.run(through([passage], places, InstantAsr(), lambda each: None))
    assert (right.errors, right.lost_percent, right.growth_ms) == (0, 5.0, 5.0)
    (bad,) = asyncio.run(through([passage], wrong, InstantAsr(), lambda each: None))
    assert bad.errors >= bad.words


@pytest.mark.parametrize(("errors", "end_ms", "good"), [(17, 120.0, True), (18, 20.0, False), (0, 121.0, False)])
def test_what_a_network_may_cost(errors: int, end_ms: float, good: bool) -> None:
    clean = Through("clean", 0.0, 100, 2, 20.0, 20.0)
    assert network_report(60, [clean, Through("5 % lost", 5.0, 100, errors, 20.0, end_ms)]).good is good


def test_calls_over_bad_networks() -> None:
    """The real transport over real sockets: sound comes out at the other end, as long as it was."""
    said = talk(2)
    clean, lossy = asyncio.run(speak(said, ["clean", "20 % lost"]))
    assert (clean.lost, lossy.lost > 0) == (0, True)
    for passage in (clean, lossy):
        assert passage.condition in CONDITIONS
        assert passage.sent >= 150
        assert len(passage.heard.samples) > 2 * WIRE_RATE
        assert np.abs(passage.heard.samples).max() > 2000
