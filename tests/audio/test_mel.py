"""The log-mel features: their shape, what silence and tones look like, and that shortcuts change nothing."""

import numpy as np
import pytest
from numpy.typing import NDArray

from vivavoce.audio import mel
from vivavoce.audio.mel import HOP, MEL_BINS, MEL_RATE, log_mel, smart_turn_mel


def noise(samples: int, seed: int = 0) -> NDArray[np.float32]:
    return np.random.default_rng(seed).normal(0, 0.1, samples).astype(np.float32)


def tone(hz: float, samples: int) -> NDArray[np.float32]:
    return np.asarray(0.3 * np.sin(2 * np.pi * hz * np.arange(samples) / MEL_RATE), np.float32)


def by_the_book(samples: NDArray[np.float32], frames: int) -> NDArray[np.float64]:
    """Whisper's definition, one frame at a time, in double precision."""
    audio = np.zeros(frames * HOP)
    audio[: len(samples)] = samples[: frames * HOP]
    padded = np.pad(audio, 200, mode="reflect")
    window = np.hanning(401)[:-1]
    power = [np.abs(np.fft.rfft(padded[i * HOP : i * HOP + 400] * window)) ** 2 for i in range(frames)]
    log = np.log10(np.maximum(mel.mel_filters(MEL_BINS, 400).astype(np.float64) @ np.array(power).T, 1e-10))
    return np.asarray((np.maximum(log, log.max() - 8) + 4) / 4, np.float64)


@pytest.mark.parametrize("samples", [0, 1, 399, 4000, 15_990, 16_000, 20_000])
def test_the_shortcuts_agree_with_the_definition(samples: int) -> None:
    audio = noise(samples)
    got = log_mel(audio, 100)
    assert got.shape == (MEL_BINS, 100)
    assert got.dtype == np.float32
    assert np.abs(got - by_the_book(audio, 100)).max() < 1e-4


def test_silence_is_flat() -> None:
    assert np.ptp(log_mel(np.zeros(16_000, np.float32), 300)) == 0.0


def test_the_result_spans_two_units_below_its_peak() -> None:
    features = log_mel(tone(440, 16_000), 200)
    assert np.ptp(features) == pytest.approx(2.0)


@pytest.mark.parametrize(("hz", "band"), [(200, 4), (1000, 26), (4000, 62), (7800, 79)])
def test_a_tone_lights_its_own_filter(hz: float, band: int) -> None:
    """Slaney's scale: 3 mel per 200 Hz to 1 kHz, 27 / ln 6.4 mel per e-fold above; 81 steps to 8 kHz."""
    features = log_mel(tone(hz, 16_000), 100)
    assert abs(int(np.argmax(features[:, 50])) - band) <= 1


def test_the_filters_have_equal_area() -> None:
    """In the continuum each integrates to 1 over Hz; wide ones show it, narrow ones fall between FFT bins."""
    areas = mel.mel_filters(MEL_BINS, 400)[50:].sum(axis=1) * (MEL_RATE / 400)
    assert np.abs(areas - 1).max() < 0.05


def test_smart_turn_hears_the_last_eight_seconds() -> None:
    long = noise(10 * MEL_RATE)
    features = smart_turn_mel(long)
    assert features.shape == (MEL_BINS, 800)
    assert np.array_equal(features, smart_turn_mel(long[-8 * MEL_RATE :]))


def test_smart_turn_pads_in_front() -> None:
    features = smart_turn_mel(noise(MEL_RATE))
    assert features[:, :690].max() < features[:, 705:].min()


def test_smart_turn_does_not_care_about_loudness() -> None:
    audio = noise(MEL_RATE * 8)
    quiet = np.asarray(audio / 10, np.float32)
    assert np.allclose(smart_turn_mel(audio), smart_turn_mel(quiet), atol=1e-3)


def test_smart_turn_takes_nothing_at_all() -> None:
    assert np.isfinite(smart_turn_mel(np.zeros(0, np.float32))).all()
