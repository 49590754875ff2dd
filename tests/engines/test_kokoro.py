"""Kokoro's voices: the English ones, OpenAI's names among them, in chunks, and stopped in the middle of a sentence."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from tests.engines.tts_checks import edges, loudness, pauses, peak, said, silence_ms, word_ends
from tests.patience import BUSY, cpu_until, until

from vivavoce.bench.voice_measures import median_pitch
from vivavoce.engines.kokoro import KokoroTts
from vivavoce.engines.kokoro_voices import OPENAI_VOICES as STANDING_FOR
from vivavoce.ports import OPENAI_VOICES, EngineError, Voice, VoiceInfo
from vivavoce.testing.clock import run_virtual
from vivavoce.testing.conformance import check_tts

pytestmark = pytest.mark.models


@pytest.fixture(scope="module")
def tts(model_dir: Callable[[str], Path]) -> Iterator[KokoroTts]:
    engine = KokoroTts(model_dir("kokoro"))
    asyncio.run(engine.start())
    yield engine
    asyncio.run(engine.aclose())


def test_it_offers_the_voices_whose_language_it_can_read(tts: KokoroTts) -> None:
    assert set(OPENAI_VOICES) <= set(tts.voices)
    assert len(set(STANDING_FOR.values())) == len(STANDING_FOR) == 10
    assert "bf_emma" in tts.voices
    assert not [name for name in tts.voices if name.startswith(("jf_", "zf_", "ff_"))]


def test_a_british_and_an_american_voice(tts: KokoroTts) -> None:
    for voice in ("marin", "bf_emma"):
        audio = asyncio.run(said(tts, "Hello there.", voice))
        before, after = silence_ms(audio)
        assert before < 60
        assert 120 < after < 330
        assert edges(audio) < 0.001
        assert -22.5 < loudness(audio) < -18.5
        assert peak(audio) < -1


def test_speed_changes_the_length(tts: KokoroTts) -> None:
    slow, fast = (asyncio.run(said(tts, "I can help you with that.", speed=speed)) for speed in (0.7, 1.4))
    assert slow.ms > 1.6 * fast.ms


@pytest.mark.parametrize("voice", ["marin", "cedar"])
def test_a_quicker_voice_is_not_a_higher_one(tts: KokoroTts, voice: str) -> None:
    text = "Turn left behind the church and follow the river for another mile."
    own, slow, fast = (median_pitch(asyncio.run(said(tts, text, voice, speed))) for speed in (1.0, 0.75, 1.5))
    assert slow == pytest.approx(own, rel=0.05)
    assert fast == pytest.approx(own, rel=0.05)


def test_each_voice_says_who_it_is(tts: KokoroTts) -> None:
    known = {info.name: info for info in tts.catalogue}
    assert (known["marin"].alias_of, known["af_heart"].alias_of) == ("af_heart", None)
    assert known["bf_emma"].languages == ("en",)
    assert known["bf_emma"].description.startswith("British woman, ")
    assert known["marin"].description == known["af_heart"].description


@pytest.mark.parametrize(("voice", "speed"), [("marin", 1.0), ("marin", 1.5)])
def test_words_end_where_their_sound_does(tts: KokoroTts, voice: str, speed: float) -> None:
    text = "Yes, for $12.50; of course, my friend."
    ends = asyncio.run(word_ends(tts, text, voice, speed))
    assert list(ends) == [text[:at] for at in (4, 8, 16, 19, 27, 30, 38)]
    silences = pauses(asyncio.run(said(tts, text, voice, speed)))
    for words in ("Yes, for $12.50;", text):
        assert min(abs(pause - ends[words]) for pause in silences) <= 80, (words, ends, silences)


def test_an_unknown_voice_is_refused(tts: KokoroTts) -> None:
    with pytest.raises(EngineError, match="af_heart") as error:
        asyncio.run(said(tts, "Hello.", "jf_alpha"))
    assert error.value.code == "unknown_voice"


def test_text_without_words_is_silent(tts: KokoroTts) -> None:
    assert asyncio.run(said(tts, " ")).ms == 0


def test_closing_stops_in_the_middle_of_a_sentence(tts: KokoroTts) -> None:
    async def scenario() -> None:
        speech = tts.speak("This is a sentence that takes the model several seconds to speak, " * 3, Voice("ash"))
        task = asyncio.ensure_future(anext(speech))
        await until(lambda: tts.running == 1)
        await asyncio.sleep(0.5)
        task.cancel()
        assert await cpu_until(lambda: not tts.running) < 2

    asyncio.run(scenario())


class TenVoices(KokoroTts):
    """With OpenAI's names alone: the others are the same engine, and would take the contract a minute more."""

    @property
    def voices(self) -> tuple[str, ...]:
        return OPENAI_VOICES

    @property
    def catalogue(self) -> tuple[VoiceInfo, ...]:
        return tuple(info for info in super().catalogue if info.name in OPENAI_VOICES)


def test_it_keeps_the_contract(model_dir: Callable[[str], Path]) -> None:
    async def scenario() -> None:
        engine = TenVoices(model_dir("kokoro"))
        await engine.start()
        try:
            await check_tts(engine, bounds=BUSY)
        finally:
            await engine.aclose()

    asyncio.run(scenario())


def test_missing_voices_are_an_engine_error(tmp_path: Path) -> None:
    with pytest.raises(EngineError) as error:
        run_virtual(KokoroTts(tmp_path).start())
    assert error.value.code == "engine_unavailable"
