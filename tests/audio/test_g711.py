"""G.711 keeps what a telephone keeps, and says what it cannot take."""

from collections.abc import Callable

import numpy as np
import pytest

from vivavoce.audio.g711 import (
    ALAW_SILENCE,
    G711_RATE,
    ULAW_SILENCE,
    alaw_decode,
    alaw_encode,
    ulaw_decode,
    ulaw_encode,
)
from vivavoce.audio.pcm import Pcm

EVERY_BYTE = bytes(range(256))


def ramp() -> Pcm:
    return Pcm(np.arange(-32768, 32768, 7).astype(np.int16), G711_RATE)


def test_every_alaw_byte_survives_decoding_and_encoding() -> None:
    assert alaw_encode(alaw_decode(EVERY_BYTE)) == EVERY_BYTE


def test_every_ulaw_byte_but_the_negative_zero_survives() -> None:
    again = ulaw_encode(ulaw_decode(EVERY_BYTE))
    assert [a for a, b in zip(EVERY_BYTE, again, strict=True) if a != b] == [0x7F]


@pytest.mark.parametrize(("encode", "decode"), [(ulaw_encode, ulaw_decode), (alaw_encode, alaw_decode)])
def test_the_error_stays_within_a_step_of_the_companding_curve(
    encode: Callable[[Pcm], bytes], decode: Callable[[bytes], Pcm]
) -> None:
    original = ramp()
    decoded = decode(encode(original))
    error = np.abs(decoded.samples.astype(int) - original.samples)
    assert decoded.rate == G711_RATE
    assert np.all(error <= np.abs(original.samples.astype(int)) * 0.035 + 16)


def test_silence_is_the_silent_byte() -> None:
    silence = Pcm.silence(1, G711_RATE)
    assert ulaw_encode(silence) == ULAW_SILENCE * 8
    assert alaw_encode(silence) == ALAW_SILENCE * 8


def test_known_samples() -> None:
    """The ends of both curves (ITU-T G.711, tables 1 and 2)."""
    assert ulaw_decode(b"\x80\x00").samples.tolist() == [32124, -32124]
    assert alaw_decode(b"\xaa\x2a").samples.tolist() == [32256, -32256]


def test_another_rate_is_refused() -> None:
    with pytest.raises(ValueError, match="8000 Hz, this audio is 24000 Hz"):
        ulaw_encode(Pcm.silence(20, 24_000))


def test_nothing_gives_nothing() -> None:
    assert ulaw_encode(ulaw_decode(b"")) == b""
