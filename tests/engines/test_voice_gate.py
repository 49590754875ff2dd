"""The gate opens for the caller, and for nobody who is as quiet as the background or quieter than the caller."""

from __future__ import annotations

import math

import pytest

from vivavoce.engines.voice_gate import CLOSED_DB, FRAME_MS, Manner, VoiceGate

NEAR = Manner(14, 8, 9, 13)
FAR = Manner(14, math.inf, 9, math.inf)
SILENT, CALLER, OTHER, MURMUR = -80.0, -20.0, -35.0, -45.0
CLOSED = 10 ** (CLOSED_DB / 20)


def heard(gate: VoiceGate, dbfs: float, ms: float, manner: Manner = NEAR) -> list[float]:
    """The factors for so long a sound, all of which the model takes for speech."""
    power = 10 ** (dbfs / 10)
    return [gate.gain(power, power, manner) for _ in range(round(ms / FRAME_MS))]


def opened(gains: list[float]) -> float:
    """The share of the time that the gate was open."""
    return sum(gain == 1 for gain in gains) / len(gains)


@pytest.mark.parametrize("manner", [NEAR, FAR])
def test_on_a_silent_line_the_first_sound_opens_it_at_once(manner: Manner) -> None:
    gate = VoiceGate()
    assert opened(heard(gate, SILENT, 1000, manner)) == 0
    assert opened(heard(gate, CALLER, 1000, manner)) == 1


def test_it_stays_open_for_a_moment_and_then_closes_softly() -> None:
    gate = VoiceGate()
    heard(gate, CALLER, 500)
    after = heard(gate, SILENT, 2000)
    assert after[: 200 // FRAME_MS] == [1] * (200 // FRAME_MS)
    assert after[-1] == pytest.approx(CLOSED, rel=0.01)
    closing = [gain for gain in after if CLOSED * 1.01 < gain < 1]
    assert closing == sorted(closing, reverse=True)
    assert len(closing) > 5


@pytest.mark.parametrize("manner", [NEAR, FAR])
def test_what_goes_on_becomes_background_and_a_louder_voice_opens_it(manner: Manner) -> None:
    gate = VoiceGate()
    heard(gate, MURMUR, 15_000, manner)
    assert opened(heard(gate, MURMUR, 3000, manner)) == 0
    assert opened(heard(gate, CALLER, 500, manner)) > 0.8


def test_who_pauses_does_not_become_background() -> None:
    gate = VoiceGate()
    for _ in range(60):
        heard(gate, CALLER, 500)
        heard(gate, SILENT, 300)
    assert opened(heard(gate, CALLER, 500)) == 1


def test_loud_noise_that_the_model_removes_never_opens_it() -> None:
    gate = VoiceGate()
    gains = [gate.gain(10 ** (CALLER / 10), 10 ** (-60 / 10), NEAR) for _ in range(1000)]
    assert opened(gains) == 0


def test_near_field_shuts_out_who_is_quieter_than_the_caller_and_far_field_does_not() -> None:
    shares = {}
    for name, manner in (("near", NEAR), ("far", FAR)):
        gate = VoiceGate()
        for _ in range(3):
            heard(gate, CALLER, 1500, manner)
            heard(gate, SILENT, 500, manner)
        gains: list[float] = []
        for _ in range(8):
            gains += heard(gate, OTHER, 400, manner)
            heard(gate, SILENT, 200, manner)
        shares[name] = opened(gains[len(gains) // 2 :])
    assert shares == {"near": 0, "far": 1}


def test_a_quiet_beginning_of_a_word_is_let_through() -> None:
    gate = VoiceGate()
    heard(gate, CALLER, 1500)
    heard(gate, SILENT, 2000)
    assert opened(heard(gate, OTHER, 200)) == 1


def test_a_caller_who_goes_on_more_quietly_is_heard_again_in_time() -> None:
    gate = VoiceGate()
    heard(gate, CALLER, 2000)
    last: list[float] = []
    for _ in range(60):
        last = heard(gate, OTHER, 600)
        heard(gate, SILENT, 300)
    assert opened(last) == 1
