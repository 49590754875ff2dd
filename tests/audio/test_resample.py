"""Resampling keeps pitch, level and length, lets no alias through, and does not care how a stream is cut."""

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from vivavoce.audio.pcm import Pcm
from vivavoce.audio.resample import Resampler, resample

RATES = (8_000, 16_000, 24_000, 44_100, 48_000)
PAIRS = [(a, b) for a in RATES for b in RATES if a != b]


def tone(hz: float, rate: int, ms: float = 500, peak: float = 10_000) -> Pcm:
    time = np.arange(round(rate * ms / 1000)) / rate
    return Pcm(np.rint(np.sin(2 * np.pi * hz * time) * peak).astype(np.int16), rate)


def middle(pcm: Pcm) -> NDArray[np.float64]:
    """Without the ends, where a filter sees the silence around a piece."""
    edge = pcm.rate // 50
    return pcm.samples[edge:-edge].astype(np.float64)


def rms_db(samples: NDArray[np.float64]) -> float:
    return float(10 * np.log10(np.mean(samples**2) + 1e-9))


@pytest.mark.parametrize(("source", "target"), PAIRS)
def test_a_tone_stays_that_tone_at_that_level(source: int, target: int) -> None:
    original = tone(1000, source)
    out = resample(original, target)
    spectrum = np.abs(np.fft.rfft(middle(out) * np.hanning(len(middle(out)))))
    loudest = np.argmax(spectrum) * target / len(middle(out))
    assert loudest == pytest.approx(1000, abs=3)
    assert rms_db(middle(out)) == pytest.approx(rms_db(middle(original)), abs=0.1)


@pytest.mark.parametrize(("source", "target"), PAIRS)
def test_what_comes_out_is_the_tone_itself_with_no_delay(source: int, target: int) -> None:
    out, ideal = resample(tone(1000, source), target), tone(1000, target)
    assert len(out.samples) == len(ideal.samples)
    assert rms_db(middle(out) - middle(ideal)) < rms_db(middle(ideal)) - 70


@pytest.mark.parametrize(("hz", "source", "target"), [(6000, 16_000, 8_000), (10_000, 24_000, 16_000)])
def test_what_the_new_rate_cannot_carry_is_removed(hz: int, source: int, target: int) -> None:
    original = tone(hz, source)
    assert rms_db(middle(resample(original, target))) < rms_db(middle(original)) - 40


@given(
    pair=st.sampled_from(PAIRS),
    cuts=st.lists(st.integers(0, 5000), max_size=12),
    seed=st.integers(0, 9),
)
@settings(max_examples=60)
def test_any_chunks_give_the_one_shot_result(pair: tuple[int, int], cuts: list[int], seed: int) -> None:
    source, target = pair
    audio = np.random.default_rng(seed).integers(-9000, 9000, 5000).astype(np.int16)
    stream = Resampler(source, target)
    edges = [0, *sorted(cuts), len(audio)]
    pieces = [stream.push(Pcm(audio[a:b], source)) for a, b in pairwise(edges)]
    joined = Pcm.join([*pieces, stream.flush()])
    assert joined.samples.tolist() == resample(Pcm(audio, source), target).samples.tolist()


@given(pair=st.sampled_from(PAIRS), length=st.integers(0, 3000))
@settings(max_examples=60)
def test_the_length_is_kept_to_half_a_sample(pair: tuple[int, int], length: int) -> None:
    source, target = pair
    out = resample(Pcm(np.zeros(length, np.int16), source), target)
    assert abs(len(out.samples) - length * target / source) <= 0.5


def test_no_click_where_chunks_meet() -> None:
    """A click is a step: the second difference of a smooth tone stays as small as the tone's own curvature."""
    stream = Resampler(24_000, 16_000)
    pieces = [stream.push(piece) for piece in tone(300, 24_000, 1000).chunks(20)]
    out = Pcm.join([*pieces, stream.flush()])
    curvature = 10_000 * (2 * np.pi * 300 / 16_000) ** 2
    assert np.abs(np.diff(middle(out), 2)).max() < curvature * 1.05 + 3


def test_it_holds_back_at_most_two_milliseconds() -> None:
    for source, target in PAIRS:
        out = Resampler(source, target).push(Pcm.silence(20, source))
        assert out.ms >= 17.9, (source, target)


def test_equal_rates_hand_the_audio_through() -> None:
    audio = tone(440, 16_000)
    stream = Resampler(16_000, 16_000)
    assert stream.push(audio) is audio
    assert len(stream.flush().samples) == 0
    assert resample(audio, 16_000) is audio


def test_after_flush_a_new_stream_begins() -> None:
    audio, stream = tone(440, 24_000, 100), Resampler(24_000, 16_000)
    first = Pcm.join([stream.push(audio), stream.flush()])
    second = Pcm.join([stream.push(audio), stream.flush()])
    assert first.samples.tolist() == second.samples.tolist()


def test_loud_audio_clips_and_does_not_wrap() -> None:
    square = Pcm(np.tile(np.repeat(np.array([32767, -32768], np.int16), 40), 50), 24_000)
    out = resample(square, 16_000).samples.astype(int)
    held = resample(Pcm(square.samples // 4, 24_000), 16_000).samples.astype(int)
    assert np.all(out[np.abs(held) > 2000] * held[np.abs(held) > 2000] > 0)


def test_wrong_rates_are_refused() -> None:
    with pytest.raises(ValueError, match="this stream is 8000 Hz"):
        Resampler(8_000, 16_000).push(Pcm.silence(20, 16_000))
    with pytest.raises(ValueError, match="positive"):
        Resampler(0, 16_000)
