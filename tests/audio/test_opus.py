"""Opus by libopus: the voice comes through, lost packets are recovered or made up for, rubbish is refused."""

import ctypes.util

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.audio.network import encoded, shift_ms, steepest, voice

from vivavoce.audio.opus import OpusDecoder, OpusEncoder, load
from vivavoce.audio.pcm import Pcm

TICKS = 960


def likeness(a: Pcm, b: Pcm) -> float:
    x, y = a.samples.astype(np.float64), b.samples.astype(np.float64)
    return float(x @ y / np.sqrt((x @ x) * (y @ y)))


def test_a_voice_comes_through_a_few_milliseconds_later() -> None:
    said = voice(3)
    decoder = OpusDecoder()
    payloads = encoded(said, OpusEncoder().encode)
    heard = Pcm.join([decoder.decode(payload) for payload in payloads])
    assert len(heard.samples) == len(said.samples)
    late = shift_ms(heard, said, 1000)
    assert 0 < late < 10
    lag = round(late * 24)
    assert likeness(Pcm(heard.samples[lag:], 24_000), Pcm(said.samples[:-lag], 24_000)) > 0.75
    assert sum(map(len, payloads)) * 8 / 3 == pytest.approx(32_000, rel=0.2)


@pytest.mark.parametrize("ms", [2.5, 5, 10, 20, 40, 60])
def test_a_packet_says_how_long_it_is(ms: float) -> None:
    """RFC 6716 3.1: the configurations of CELT fullband and SILK narrowband, each one frame with nothing in it."""
    config = {2.5: 28, 5: 29, 10: 30, 20: 31, 40: 2, 60: 3}[ms]
    payload = bytes([config << 3, 0, 0])
    assert OpusDecoder().ticks(payload) == 48 * ms
    assert OpusDecoder().decode(payload).ms == ms


def test_one_lost_packet_is_recovered_from_the_next() -> None:
    said = voice(2)
    payloads = encoded(said, OpusEncoder(loss=20).encode)
    whole, losing = OpusDecoder(), OpusDecoder()
    errors, concealed, recovered = [], [], 0
    for index, payload in enumerate(payloads[:-1]):
        original = whole.decode(payload)
        if index % 5 == 3:
            guess = OpusDecoder()
            for before in payloads[:index]:
                guess.decode(before)
            concealed.append(likeness(guess.conceal(TICKS), original))
            copy = losing.recover(payloads[index + 1], TICKS)
            recovered += copy is not None
            errors.append(likeness(copy or losing.conceal(TICKS), original))
        else:
            losing.decode(payload)
    assert recovered > 0.7 * len(errors)  # there are copies of what is voiced
    assert np.median(errors) > 0.9
    assert np.median(errors) > np.median(concealed)


def test_a_packet_without_a_copy_recovers_nothing() -> None:
    decoder = OpusDecoder()
    payload = encoded(voice(1), OpusEncoder(loss=0).encode)[20]
    assert decoder.recover(payload, TICKS) is None
    assert decoder.recover(b"", TICKS) is None


def test_concealment_goes_on_without_a_click_and_has_any_length() -> None:
    said = voice(1)
    decoder = OpusDecoder()
    before = Pcm.join([decoder.decode(payload) for payload in encoded(said, OpusEncoder().encode)])
    after = [decoder.conceal(ticks) for ticks in (960, 480, 7, 0, 2880, 48_000)]
    assert [len(pcm.samples) for pcm in after] == [480, 240, 3, 0, 1440, 24_000]
    assert steepest(Pcm.join([before, *after[:2]])) <= steepest(before)
    assert decoder.recover(encoded(said, OpusEncoder().encode)[3], 7) is None


def test_silence_is_not_sent_when_asked() -> None:
    sizes = [len(payload) for payload in encoded(Pcm.silence(2000), OpusEncoder(dtx=True).encode)]
    assert sizes.count(0) > 80
    assert 0 not in [len(payload) for payload in encoded(Pcm.silence(2000), OpusEncoder().encode)]


def test_expected_loss_moves_the_bitrate_to_copies() -> None:
    decoder, encoder = OpusDecoder(), OpusEncoder(loss=0)
    before = encoded(voice(1), encoder.encode)
    encoder.expect_loss(20)
    after = encoded(voice(1), encoder.encode)
    assert sum(decoder.recover(payload, TICKS) is not None for payload in before) == 0
    assert sum(decoder.recover(payload, TICKS) is not None for payload in after) > 30


def test_after_a_reset_the_same_voice_gives_the_same_packets() -> None:
    encoder = OpusEncoder()
    first = encoded(voice(1), encoder.encode)
    encoder.reset()
    assert encoded(voice(1), encoder.encode) == first


@given(st.lists(st.binary(max_size=60), max_size=10))
@settings(max_examples=100)
def test_any_bytes_are_audio_of_their_length_or_refused(payloads: list[bytes]) -> None:
    decoder = OpusDecoder()
    for payload in payloads:
        ticks = decoder.ticks(payload)
        try:
            pcm = decoder.decode(payload)
        except ValueError:
            continue
        assert len(pcm.samples) * 2 == ticks


def test_what_is_out_of_range_is_refused() -> None:
    with pytest.raises(ValueError, match="480 samples"):
        OpusEncoder().encode(Pcm.silence(10))
    with pytest.raises(ValueError, match="480 samples"):
        OpusEncoder().encode(Pcm.silence(30, 16_000))
    with pytest.raises(ValueError, match="invalid argument"):
        OpusEncoder().expect_loss(101)
    with pytest.raises(ValueError, match="invalid argument"):
        OpusEncoder(complexity=11)


def test_without_the_library_it_says_what_is_missing() -> None:
    another = ctypes.util.find_library("c")
    with pytest.raises(OSError, match="there is no libopus"):
        load(["libopus-that-is-not-here.so", *([another] if another else [])])
