"""A telephone call of the bench's own: what it says and is sent, and what becomes of the figures."""

from __future__ import annotations

import asyncio
from dataclasses import replace

import numpy as np
import pytest
from tests.live import tone

from vivavoce.audio.pcm import Pcm
from vivavoce.bench.browser import humming
from vivavoce.bench.phone import CONFIG, Recording, recorded
from vivavoce.bench.phone_report import phone_report
from vivavoce.bench.report import Spread
from vivavoce.config import Config
from vivavoce.config.phone import Rule
from vivavoce.config.sip import Sip
from vivavoce.engines.instant import InstantVad
from vivavoce.testing.client import ClientError
from vivavoce.testing.ears import Sound
from vivavoce.transports.rtp.codecs import Codec

RATE = 8_000
SAID = Pcm.join([Pcm.silence(300), tone(600), Pcm.silence(1500), tone(600), Pcm.silence(300)])


def recording(*answers: tuple[int, int], lag: float = 0.001) -> Recording:
    """A question at 1 s and interruptions at 4 s and 7 s; of the answers begin and end, in ms."""
    return Recording(Sound(_sounding((1000, 2000), (4000, 5000), (7000, 8000)), _sounding(*answers)), [lag] * 20)


def _sounding(*places: tuple[int, int]) -> Pcm:
    samples = np.zeros(10 * RATE, np.int16)
    for begin, end in places:
        samples[begin * RATE // 1000 : end * RATE // 1000] = 8_000
    return Pcm(samples, RATE)


@pytest.mark.parametrize("codec", ["pcmu", "pcma", "opus"])
def test_a_call_is_made_answered_and_interrupted(codec: Codec) -> None:
    found = phone_report(codec, 1, asyncio.run(recorded(humming(InstantVad(), CONFIG), SAID, codec)))
    assert (found.codec, found.silences.times) == (codec, 1)
    assert found.lag is not None
    # A machine too busy to call in real time is said to be one.
    if not any("not trustworthy" in each for each in found.problems):
        assert found.silences.missed == 0
        assert found.silences.ms[0] > 0  # how soon is what the bench is for


def test_a_call_that_is_refused_is_no_measurement() -> None:
    config = Config(sip=Sip(listen=CONFIG.sip.listen, rules=(Rule(then="reject", status=486),)))
    with pytest.raises(ClientError, match="The call was refused: 486"):
        asyncio.run(recorded(humming(InstantVad(), config), SAID, "pcmu"))


def test_both_interruptions_are_timed() -> None:
    found = phone_report("pcmu", 2, recording((2500, 4120), (5500, 7180)))
    assert found.silences.ms == [120, 180]
    assert found.lag == Spread(1, 1, 1, 1)
    assert found.problems == []


@pytest.mark.parametrize(
    ("call", "problem"),
    [
        (recording((2500, 4120)), "1 of 2 interruptions caught no answer"),
        (recording((2500, 4210), (5500, 7210)), "the median to silence is over 200 ms"),
        (recording((2500, 4120), (5500, 7180), lag=0.03), "the caller itself was late by more than 20 ms"),
        (replace(recording((2500, 4120), (5500, 7180)), lags=[]), "the caller itself was late"),
    ],
)
def test_each_limit_is_told_when_it_is_not_kept(call: Recording, problem: str) -> None:
    (told,) = phone_report("pcmu", 2, call).problems
    assert problem in told
