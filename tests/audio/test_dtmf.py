"""Keys heard in the audio: each once, through a telephone's codec, and none in a voice."""

from __future__ import annotations

import numpy as np
import pytest
from tests.audio.network import voice

from vivavoce.audio.dtmf import ToneDetector
from vivavoce.audio.pcm import WIRE_RATE, Pcm
from vivavoce.audio.telephone import G711Decoder, G711Encoder, Law

LOW, HIGH = (697, 770, 852, 941), (1209, 1336, 1477, 1633)
TONES = {
    key: (LOW[row], HIGH[column])
    for row, keys in enumerate(("123A", "456B", "789C", "*0#D"))
    for column, key in enumerate(keys)
}


def tone(key: str, ms: float, *, level: float = -10.0, twist: float = 0.0, off: float = 0.0) -> Pcm:
    """`level` in dB of full scale for each tone, the high one `twist` dB louder, both `off` percent too high."""
    at = np.arange(round(WIRE_RATE * ms / 1000)) / WIRE_RATE
    low, high = (2 * np.pi * each * (1 + off / 100) for each in TONES[key])
    strengths = 10 ** (level / 20), 10 ** ((level + twist) / 20)
    return Pcm(
        (32767 * (strengths[0] * np.sin(low * at) + strengths[1] * np.sin(high * at))).astype(np.int16), WIRE_RATE
    )


def heard(*pieces: Pcm) -> str:
    """In frames of 20 ms, as they come."""
    detector, audio = ToneDetector(), Pcm.join([*pieces, Pcm.silence(100)])
    return "".join(key for frame in audio.chunks(20) for key in detector.push(frame))


def dialled(keys: str, ms: float = 60, pause_ms: float = 60) -> list[Pcm]:
    return [piece for key in keys for piece in (Pcm.silence(pause_ms), tone(key, ms))]


def with_noise(pcm: Pcm, level: float) -> Pcm:
    noise = np.random.default_rng(0).normal(0, 32767 * 10 ** (level / 20), len(pcm.samples))
    return Pcm(np.clip(pcm.samples + noise, -32768, 32767).astype(np.int16), pcm.rate)


def test_every_key() -> None:
    assert heard(*dialled("0123456789*#ABCD")) == "0123456789*#ABCD"


@pytest.mark.parametrize("start_ms", [0, 1, 3, 5, 7.5])
def test_as_short_as_they_may_be_wherever_they_begin(start_ms: float) -> None:
    assert heard(Pcm.silence(start_ms), *dialled("11223*3", 41, 41)) == "11223*3"


def test_a_key_that_is_held_is_one_key_even_with_a_break_of_10_ms() -> None:
    assert heard(tone("5", 2_000)) == "5"
    assert heard(tone("5", 500), Pcm.silence(10), tone("5", 500)) == "5"


@pytest.mark.parametrize("law", ["pcmu", "pcma"])
def test_through_a_telephone(law: Law) -> None:
    encoder, decoder = G711Encoder(law), G711Decoder(law)
    audio = Pcm.join([*dialled("8675309#", 50, 50), Pcm.silence(40)])
    frames = [frame for frame in audio.chunks(20) if len(frame.samples) == 480]
    assert heard(*(decoder.decode(encoder.encode(frame)) for frame in frames)) == "8675309#"


@pytest.mark.parametrize(
    ("level", "twist", "off"),
    [(-35.0, 0, 0), (-6.0, 0, 0), (-20.0, 3.5, 0), (-14.0, -7.5, 0), (-20.0, 0, 1.4), (-20, 0, -1.4)],
)
def test_weak_loud_uneven_and_out_of_tune(level: float, twist: float, off: float) -> None:
    assert heard(*(tone(key, 60, level=level, twist=twist, off=off) for key in "1")) == "1"
    assert heard(*(tone(key, 60, level=level, twist=twist, off=off) for key in "D")) == "D"


def test_with_noise_15_db_below() -> None:
    assert heard(with_noise(Pcm.join(dialled("24680")), -28)) == "24680"


@pytest.mark.parametrize(
    "other",
    [
        tone("1", 20),  # too short
        tone("1", 100, level=-60),
        tone("1", 100, twist=10),
        tone("1", 100, twist=-12),
        tone("1", 100, off=4),
        Pcm((8000 * np.sin(2 * np.pi * 697 * np.arange(4800) / WIRE_RATE)).astype(np.int16), WIRE_RATE),
        Pcm((8000 * np.sign(np.sin(2 * np.pi * 697 * np.arange(4800) / WIRE_RATE))).astype(np.int16), WIRE_RATE),
        with_noise(Pcm.silence(2_000), -10),
        Pcm.join([tone("1", 8), tone("2", 8), tone("3", 8)] * 5),
    ],
)
def test_what_is_no_key(other: Pcm) -> None:
    assert heard(other) == ""


def test_a_voice_presses_nothing() -> None:
    assert [heard(voice(20, seed)) for seed in range(6)] == [""] * 6


def test_other_audio_than_the_wire_s_is_refused() -> None:
    with pytest.raises(ValueError, match="24000 Hz"):
        ToneDetector().push(Pcm.silence(20, 8_000))
