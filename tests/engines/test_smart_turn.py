"""smart-turn tells a finished sentence from one that breaks off, by the voice alone."""

import asyncio
import statistics
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
from tests.engines.speech import RATE, human_clips, speech_bounds
from tests.patience import BUSY

from vivavoce.audio.pcm import Pcm
from vivavoce.audio.resample import resample
from vivavoce.engines.smart_turn import SmartTurn
from vivavoce.ports import EngineError
from vivavoce.testing.conformance import check_turn_detector

pytestmark = pytest.mark.models
PAUSE = Pcm.silence(200, RATE)


@pytest.fixture(scope="module")
def detector(model_dir: Callable[[str], Path]) -> Iterator[SmartTurn]:
    engine = SmartTurn(model_dir("smart-turn") / "smart-turn-v3.2-cpu.onnx")
    asyncio.run(engine.start())
    yield engine
    asyncio.run(engine.aclose())


def clip(name: str) -> Pcm:
    return next(clip.audio for clip in human_clips() if clip.name == name)


def finished(detector: SmartTurn, turn: Pcm) -> float:
    return asyncio.run(detector.finished(turn))


@pytest.mark.parametrize("name", ["001", "002", "003", "005", "0870", "0920", "goforward"])
def test_the_end_of_a_sentence(detector: SmartTurn, name: str) -> None:
    speech = clip(name)
    _, end = speech_bounds(speech, below_peak_db=26)
    whole = Pcm.join([Pcm(speech.samples[:end], RATE), PAUSE])
    assert finished(detector, whole) > 0.8


@pytest.mark.parametrize(
    ("name", "ms"),
    [("0870", 4300), ("0880", 1500), ("0920", 2900), ("0920", 3600), ("0930", 1600)],
)
def test_a_sentence_that_breaks_off(detector: SmartTurn, name: str, ms: int) -> None:
    """Cut where a word ends: mid-word a voice breaks off as no caller's does."""
    samples = clip(name).samples[: ms * RATE // 1000]
    assert finished(detector, Pcm.join([Pcm(samples, RATE), PAUSE])) < 0.3


def test_any_rate_and_only_the_last_eight_seconds(detector: SmartTurn) -> None:
    speech = Pcm.join([clip("0920"), PAUSE])
    plain = finished(detector, speech)
    assert finished(detector, resample(speech, 24_000)) == pytest.approx(plain, abs=0.05)
    long = Pcm.join([clip("0870"), clip("0890"), speech])
    assert finished(detector, long) == finished(detector, Pcm(long.samples[-8 * RATE :], RATE))


def test_it_takes_a_turn_of_any_length(detector: SmartTurn) -> None:
    for ms in (0, 1, 30):
        assert 0 <= finished(detector, Pcm.silence(ms, RATE)) <= 1


def test_it_does_not_block_the_loop_and_says_that_it_runs(detector: SmartTurn) -> None:
    async def run() -> int:
        task = asyncio.create_task(detector.finished(clip("0870")))
        seen = 0
        while not task.done():
            seen = max(seen, detector.running)
            await asyncio.sleep(0)
        return seen

    assert asyncio.run(run()) == 1
    assert detector.running == 0


def test_what_a_call_costs(detector: SmartTurn) -> None:
    costs = []
    for _ in range(5):
        began = time.process_time()
        finished(detector, clip("0870"))
        costs.append((time.process_time() - began) * 1000)
    print(f"{statistics.median(costs):.0f} ms of CPU per call")
    assert np.median(costs) < 500


def test_the_contract(detector: SmartTurn) -> None:
    asyncio.run(check_turn_detector(detector, bounds=BUSY))


def test_a_missing_or_broken_file_says_what_to_do(tmp_path: Path) -> None:
    broken = tmp_path / "broken.onnx"
    broken.write_bytes(b"no model")
    for path in (tmp_path / "missing.onnx", broken):
        with pytest.raises(EngineError, match="vivavoce models pull") as caught:
            asyncio.run(SmartTurn(path).start())
        assert caught.value.code == "engine_unavailable"


def test_it_answers_nothing_before_it_is_started() -> None:
    with pytest.raises(EngineError, match="not started"):
        asyncio.run(SmartTurn(Path("unused")).finished(PAUSE))
