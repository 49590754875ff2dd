"""GTCRN takes noise out, leaves a clean voice alone, and knows a headset from a room."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from tests.engines.speech import human_clips, noises, synthetic
from tests.patience import BUSY

from vivavoce.audio.pcm import WIRE_RATE, Pcm
from vivavoce.audio.resample import resample
from vivavoce.engines.gtcrn import GtcrnNoiseReducer
from vivavoce.ports import EngineError, NoiseKind
from vivavoce.testing.conformance import check_noise_reducer

pytestmark = pytest.mark.models
SENTENCES = ("What is the weather like today?", "Turn off the lights, please.")
KINDS: tuple[NoiseKind, ...] = ("near_field", "far_field")


@pytest.fixture(scope="module")
def model(model_dir: Callable[[str], Path]) -> Path:
    return model_dir("gtcrn") / "gtcrn_simple.onnx"


def cleaned(model: Path, audio: Pcm, kind: NoiseKind, strength: float = 1.0) -> Pcm:
    async def main() -> Pcm:
        engine = GtcrnNoiseReducer(model)
        await engine.start()
        try:
            stream = engine.open(kind)
            pieces = [await stream.push(piece, strength) for piece in audio.chunks(100)]
            return Pcm.join([*pieces, await stream.flush(strength)])
        finally:
            await engine.aclose()

    return asyncio.run(main())


def level(pcm: Pcm) -> float:
    """dBFS of all of it."""
    return 10 * float(np.log10(np.mean(np.square(pcm.to_float(), dtype=np.float64)) + 1e-12))


def spoken(voice: Pcm, after_ms: float = 1000) -> Pcm:
    return Pcm.join([Pcm.silence(300), voice, Pcm.silence(after_ms)])


def test_the_contract(model: Path) -> None:
    async def main() -> None:
        engine = GtcrnNoiseReducer(model)
        await engine.start()
        await check_noise_reducer(engine, bounds=BUSY)
        await engine.aclose()

    asyncio.run(main())


@pytest.mark.parametrize("kind", KINDS)
def test_a_clean_voice_keeps_its_level(model: Path, kind: NoiseKind) -> None:
    voices = [resample(clip.audio, WIRE_RATE) for clip in human_clips()]
    for voice in voices:
        audio = spoken(voice)
        assert level(cleaned(model, audio, kind)) == pytest.approx(level(audio), abs=1)


@pytest.mark.parametrize("kind", KINDS)
def test_who_talks_without_a_pause_does_not_become_background(model: Path, kind: NoiseKind) -> None:
    voices = [resample(clip.audio, WIRE_RATE) for clip in human_clips() if clip.audio.ms > 4000]
    audio = Pcm.join(voices * 2)
    assert audio.ms > 30_000
    after = cleaned(model, audio, kind)
    for start in range(0, len(audio.samples) - 5 * WIRE_RATE, 5 * WIRE_RATE):
        part = slice(start, start + 5 * WIRE_RATE)
        before = level(Pcm(audio.samples[part], WIRE_RATE))
        assert level(Pcm(after.samples[part], WIRE_RATE)) == pytest.approx(before, abs=1)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("noise", ["noise", "pink noise", "hum", "keys"])
def test_noise_alone_becomes_much_quieter(model: Path, kind: NoiseKind, noise: str) -> None:
    audio = resample(noises(6)[noise], WIRE_RATE)
    after = cleaned(model, audio, kind)
    late = slice(3 * WIRE_RATE, None)
    lost = level(Pcm(audio.samples[late], WIRE_RATE)) - level(Pcm(after.samples[late], WIRE_RATE))
    assert lost > 20


def test_strength_is_the_share_of_the_effect(model: Path) -> None:
    audio = Pcm(resample(noises(3)["pink noise"], WIRE_RATE).samples, WIRE_RATE)
    all_of_it = cleaned(model, audio, "near_field")
    half = cleaned(model, audio, "near_field", 0.5)
    mean = (all_of_it.samples.astype(np.int32) + audio.samples) / 2
    assert np.allclose(half.samples, mean, rtol=0, atol=2)
    assert np.allclose(cleaned(model, audio, "near_field", 0).samples, audio.samples, rtol=0, atol=1)


def test_a_quieter_voice_behind_the_caller_is_pushed_down_near_and_kept_far(model: Path) -> None:
    caller, other = synthetic(SENTENCES[0]), synthetic(SENTENCES[1])
    quieter = Pcm((other.samples * 0.15).astype(np.int16), WIRE_RATE)  # 16 dB
    audio = Pcm.join([spoken(caller), *(spoken(quieter, 100) for _ in range(3))])
    last = slice(len(audio.samples) - len(spoken(quieter, 100).samples), None)
    after = {kind: Pcm(cleaned(model, audio, kind).samples[last], WIRE_RATE) for kind in KINDS}
    before = level(Pcm(audio.samples[last], WIRE_RATE))
    assert level(after["near_field"]) < before - 15
    assert level(after["far_field"]) == pytest.approx(before, abs=1)


def test_it_adds_no_click(model: Path) -> None:
    """A pure tone has no steps, and the gate's opening and closing in it add none."""
    time = np.arange(WIRE_RATE) / WIRE_RATE
    tone = Pcm((6000 * np.sin(2 * np.pi * 300 * time)).astype(np.int16), WIRE_RATE)
    audio = spoken(tone)
    after = cleaned(model, audio, "near_field")
    inside = slice(WIRE_RATE // 2, WIRE_RATE)
    step = int(np.abs(np.diff(tone.samples.astype(np.int32))).max())
    assert int(np.abs(np.diff(after.samples[inside].astype(np.int32))).max()) <= step * 1.1


def test_a_missing_or_broken_file_says_what_to_do(tmp_path: Path) -> None:
    broken = tmp_path / "broken.onnx"
    broken.write_bytes(b"no model")
    for path in (tmp_path / "missing.onnx", broken):
        with pytest.raises(EngineError, match="vivavoce models pull") as caught:
            asyncio.run(GtcrnNoiseReducer(path).start())
        assert caught.value.code == "engine_unavailable"


def test_it_opens_nothing_before_it_is_started() -> None:
    with pytest.raises(EngineError, match="not started"):
        GtcrnNoiseReducer(Path("unused")).open("near_field")
