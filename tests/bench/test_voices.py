"""The bench of voices: what its judges measure, and what passes."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from vivavoce.audio.pcm import Pcm
from vivavoce.bench.voice_measures import Embedder, joined, median_pitch
from vivavoce.bench.voices import SENTENCES, VoiceFigures, figures, likeness, spoken, voices_report
from vivavoce.engines.hibari import HibariTts
from vivavoce.testing.clock import run_virtual
from vivavoce.testing.fakes import ScriptedAsr, ScriptedTts, sound


def buzz(hertz: float, seconds: float = 1.0, rate: int = 24_000) -> Pcm:
    """Like a voice: thirty harmonics of a pitch, then silence."""
    at = np.arange(int(seconds * rate)) / rate
    wave = sum(np.sin(2 * np.pi * hertz * number * at) / number for number in range(1, 31))
    return Pcm.join([Pcm.from_float(np.asarray(wave / 4, np.float32), rate), Pcm.silence(300, rate)])


@pytest.mark.parametrize("hertz", [80, 120, 200, 320])
def test_the_pitch_of_a_voice(hertz: float) -> None:
    assert median_pitch(buzz(hertz)) == pytest.approx(hertz, rel=0.02)


def test_silence_and_a_click_have_no_pitch() -> None:
    click = np.zeros(24_000, np.float32)
    click[12_000] = 0.9
    assert median_pitch(Pcm.from_float(click, 24_000)) == 0
    assert median_pitch(Pcm.silence(1000)) == 0
    assert median_pitch(Pcm.silence(0)) == 0


def unit(*numbers: float) -> NDArray[np.float32]:
    return joined(np.asarray(numbers, np.float32))


def test_a_voice_is_compared_with_itself_and_its_nearest() -> None:
    prints = {
        "ann": [unit(1, 0, 0), unit(1, 0.1, 0)],
        "bob": [unit(0, 1, 0), unit(0, 1, 0)],
        "cat": [unit(1, 0, 0.5), unit(1, 0, 0.5)],
    }
    itself, nearest, other = likeness("ann", prints)
    assert nearest == "cat"
    assert itself == pytest.approx(0.995, abs=0.001)
    assert other == pytest.approx(0.894, abs=0.001)  # its even sentences: the odd ones are a little less alike
    assert likeness("ann", {"ann": prints["ann"]})[1:] == ("", 0.0)


def voice(name: str, **changed: object) -> VoiceFigures:
    found: dict[str, object] = {"language": "en", "words": 100, "errors": 3, "lufs": -21.0, "peak_dbfs": -2.0}
    found |= {"pitch_hz": 100.0, "itself": 0.9, "nearest": "x", "other": 0.8, "heard": {}}
    return VoiceFigures(name, **{**found, **changed})  # type: ignore[arg-type]


def test_voices_that_are_understood_distinct_and_equally_loud_pass() -> None:
    report = voices_report("hibari", [voice("a"), voice("b", lufs=-20.1)], 10)
    assert report.passed
    assert report.spread_db == 0.9


@pytest.mark.parametrize("changed", [{"errors": 4}, {"other": 0.9}, {"lufs": -19.9}])
def test_one_bad_voice_fails(changed: dict[str, object]) -> None:
    assert not voices_report("hibari", [voice("a"), voice("b", **changed)], 10).passed


def test_no_voices_do_not_pass() -> None:
    assert not voices_report("hibari", [], 10).passed


class Ear(Embedder):
    """Knows voices by their loudness."""

    def __init__(self) -> None:
        """Without a model."""

    def print(self, pcm: Pcm) -> NDArray[np.float32]:
        return unit(1.0, float(np.abs(pcm.samples).max()) / 1000)


def test_what_is_misheard_is_counted_and_told() -> None:
    async def scenario() -> list[VoiceFigures]:
        tts = ScriptedTts(*(sound(1000) for _ in range(4)))
        texts = SENTENCES["en"][:2]
        samples = [await spoken(tts, name, "en", texts) for name in ("ash", "echo")]
        asr = ScriptedAsr(texts[0], texts[1].replace("train", "rain"), *texts)
        told: list[str] = []
        found = await figures(samples, {"en": texts}, asr, Ear(), told.append)
        asr.assert_finished()
        assert told == ["ash", "echo"]
        return found

    ash, echo = run_virtual(scenario())
    assert (ash.errors, echo.errors, ash.words) == (1, 0, 25)
    assert ash.wer_percent == 4
    assert list(ash.heard) == [SENTENCES["en"][1]]
    assert (ash.nearest, ash.itself, ash.other) == ("echo", 1.0, 1.0)
    assert not ash.distinct


@pytest.mark.models
def test_the_embedder_tells_voices_apart(model_dir: Callable[[str], Path]) -> None:
    async def scenario() -> dict[str, list[NDArray[np.float32]]]:
        embedder = Embedder(model_dir("speaker-embedder") / "embedder.int8.onnx")
        tts = HibariTts()
        await tts.start()
        said = [await spoken(tts, name, "en", SENTENCES["en"][:4]) for name in ("ash", "cedar", "coral", "shimmer")]
        await tts.aclose()
        return {sample.name: [embedder.print(clip) for clip in sample.clips] for sample in said}

    prints = asyncio.run(scenario())
    for name in prints:
        itself, nearest, other = likeness(name, prints)
        assert itself > other + 0.05, (name, nearest)
