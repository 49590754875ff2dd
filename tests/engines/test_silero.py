"""Silero hears speech soon, lets go of it soon, and hears none where there is none."""

import asyncio
import statistics
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from tests.engines.speech import RATE, human_clips, noises, speech_bounds, synthetic
from tests.patience import BUSY

from vivavoce.audio.pcm import Pcm
from vivavoce.audio.resample import resample
from vivavoce.engines.silero import FRAME, SileroVad
from vivavoce.ports import EngineError
from vivavoce.testing.conformance import check_vad

pytestmark = pytest.mark.models
SENTENCES = ("What is the weather like today?", "Yes.", "Turn off the lights, please.", "No, thanks.")


@pytest.fixture(scope="module")
def vad(model_dir: Callable[[str], Path]) -> SileroVad:
    engine = SileroVad(model_dir("silero-vad") / "silero_vad.onnx")
    asyncio.run(engine.start())
    return engine


def probabilities(vad: SileroVad, audio: Pcm) -> list[float]:
    stream = vad.open()
    frames = [Pcm(audio.samples[i : i + FRAME], RATE) for i in range(0, len(audio.samples) - FRAME + 1, FRAME)]
    return [stream.probability(frame) for frame in frames]


def latencies(vad: SileroVad, speech: Pcm, offset: int) -> tuple[float, float, float]:
    """Milliseconds from the true onset to p >= 0.5, and from the true end to p < 0.5 and p < 0.35 for good.

    Counted to the end of the deciding frame, as a listener lives through it; `offset` shifts the frames' grid.
    """
    start, end = speech_bounds(speech)
    floor = np.random.default_rng(offset).normal(0, 5, (2, RATE * 3 // 2))
    pieces = (floor[0, : RATE + offset], speech.samples[start:end], floor[1])
    audio = Pcm(np.concatenate(pieces).astype(np.int16), RATE)
    begin, finish = RATE + offset, RATE + offset + end - start
    likely = np.array(probabilities(vad, audio))
    ends = (np.arange(len(likely)) + 1) * FRAME
    onset = ends[np.argmax((likely >= 0.5) & (ends > begin))] - begin
    released = [ends[np.flatnonzero(likely >= level)[-1] + 1] - finish for level in (0.5, 0.35)]
    return onset / 16, released[0] / 16, released[1] / 16


def test_it_hears_speech_within_130_ms_and_its_end_within_130(vad: SileroVad) -> None:
    speeches = [resample(synthetic(text), RATE) for text in SENTENCES]
    found = [latencies(vad, speech, offset) for speech in speeches for offset in (0, 170, 340)]
    onset, half, third = (statistics.median(column) for column in zip(*found, strict=True))
    print(f"onset {onset:.0f} ms, below 0.5 after {half:.0f} ms, below 0.35 after {third:.0f} ms (medians)")
    assert onset <= 130
    assert half <= 110
    assert third <= 130


def test_it_hears_human_speech(vad: SileroVad) -> None:
    for clip in human_clips():
        assert max(probabilities(vad, clip.audio)) > 0.9, clip.name


@pytest.mark.parametrize("kind", list(noises(0.1)))
def test_it_hears_no_speech_in(vad: SileroVad, kind: str) -> None:
    assert max(probabilities(vad, noises(8)[kind])) < 0.3


def test_callers_do_not_hear_each_other(vad: SileroVad) -> None:
    speech, noise = resample(synthetic(SENTENCES[0]), RATE), noises(2)["noise"]
    mine, other = vad.open(), vad.open()
    together = []
    for i in range(0, 20 * FRAME, FRAME):
        together.append(mine.probability(Pcm(speech.samples[i : i + FRAME], RATE)))
        other.probability(Pcm(noise.samples[i : i + FRAME], RATE))
    assert together == probabilities(vad, Pcm(speech.samples[: 20 * FRAME], RATE))


def test_a_frame_costs_well_under_a_millisecond(vad: SileroVad) -> None:
    began = time.process_time()
    frames = len(probabilities(vad, noises(8)["noise"]))
    each = (time.process_time() - began) * 1000 / frames
    print(f"{each:.3f} ms of CPU per frame")
    assert each < 1


def test_other_frames_are_refused(vad: SileroVad) -> None:
    assert (vad.rate, vad.frame_samples, vad.running, vad.name) == (RATE, FRAME, 0, "silero")
    with pytest.raises(EngineError, match="512 samples at 16000 Hz, not 480 at 24000"):
        vad.open().probability(Pcm.silence(20))


def test_the_contract(vad: SileroVad) -> None:
    asyncio.run(check_vad(vad, bounds=BUSY))


def test_a_missing_or_broken_file_says_what_to_do(tmp_path: Path) -> None:
    broken = tmp_path / "broken.onnx"
    broken.write_bytes(b"no model")
    for path in (tmp_path / "missing.onnx", broken):
        with pytest.raises(EngineError, match="vivavoce models pull") as caught:
            asyncio.run(SileroVad(path).start())
        assert caught.value.code == "engine_unavailable"


def test_it_opens_nothing_before_it_is_started() -> None:
    with pytest.raises(EngineError, match="not started"):
        SileroVad(Path("unused")).open()
