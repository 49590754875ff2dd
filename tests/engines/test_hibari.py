"""The default voices: distinct, equally loud, understood at every speed, and without a click."""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
from tests.engines.tts_checks import edges, loudness, pauses, peak, pitch, said, silence_ms, word_ends
from tests.patience import BUSY, cpu_until

from vivavoce.audio.loudness import loudness as lufs
from vivavoce.audio.pcm import Pcm
from vivavoce.bench.voice_measures import median_pitch
from vivavoce.bench.word_errors import word_errors
from vivavoce.engines.hibari import VARIANTS, HibariTts
from vivavoce.engines.whisper import WhisperAsr
from vivavoce.ports import OPENAI_VOICES, AsrHint, EngineError, Voice
from vivavoce.testing.conformance import check_tts

SENTENCE = "Your table for four is booked for seven thirty on Friday."


@pytest.fixture(scope="module")
def tts() -> Iterator[HibariTts]:
    engine = HibariTts()
    asyncio.run(engine.start())
    yield engine
    asyncio.run(engine.aclose())


@pytest.fixture(scope="module")
def voices(tts: HibariTts) -> dict[str, Pcm]:
    """The sentence in every voice."""
    return {name: asyncio.run(said(tts, SENTENCE, name)) for name in tts.voices}


def test_it_has_openais_voices_and_its_own(tts: HibariTts) -> None:
    assert set(tts.voices) == {*OPENAI_VOICES, "heart"}
    assert len(set(VARIANTS.values())) == 11


def test_all_voices_are_equally_loud(voices: dict[str, Pcm]) -> None:
    levels = [lufs(audio) for audio in voices.values()]
    assert max(levels) - min(levels) < 1
    assert -22 < np.mean(levels) < -20
    assert max(peak(audio) for audio in voices.values()) < -1


def test_the_voices_have_their_own_pitch(voices: dict[str, Pcm]) -> None:
    own = pitch(voices["heart"])
    for name, audio in voices.items():
        assert pitch(audio) == pytest.approx(own * VARIANTS[name].pitch, rel=0.12), name


@pytest.mark.parametrize("text", ["10" * 200, "1,000" * 20, "$" + "9" * 40 + ".5"])
def test_numbers_without_a_name_are_read_digit_by_digit(tts: HibariTts, text: str) -> None:
    assert asyncio.run(said(tts, text[:90], "alloy")).ms > 4000


def test_clauses_begin_soon_and_end_in_a_short_pause(voices: dict[str, Pcm]) -> None:
    for audio in voices.values():
        before, after = silence_ms(audio)
        assert before < 60
        assert 120 < after < 330
        assert edges(audio) < 0.001


def test_a_comma_is_a_shorter_pause_than_a_full_stop(tts: HibariTts) -> None:
    pauses = [silence_ms(asyncio.run(said(tts, text)))[1] for text in ("Well hello,", "Well hello.")]
    assert pauses[0] < pauses[1]


@pytest.mark.parametrize("speed", [0.25, 0.5, 1.5])
def test_speed_changes_the_length_and_not_the_pitch(tts: HibariTts, voices: dict[str, Pcm], speed: float) -> None:
    audio = asyncio.run(said(tts, SENTENCE, "heart", speed))
    assert audio.ms * speed == pytest.approx(voices["heart"].ms, rel=0.12)
    assert pitch(audio) == pytest.approx(pitch(voices["heart"]), rel=0.1)
    assert loudness(audio) == pytest.approx(loudness(voices["heart"]), abs=1.5)


@pytest.mark.parametrize("voice", ["heart", "cedar", "shimmer"])
@pytest.mark.parametrize("speed", [0.75, 1.5])
def test_a_quicker_voice_is_not_a_higher_one(tts: HibariTts, voices: dict[str, Pcm], voice: str, speed: float) -> None:
    audio = asyncio.run(said(tts, SENTENCE, voice, speed))
    assert audio.ms * speed == pytest.approx(voices[voice].ms, rel=0.12)
    assert median_pitch(audio) == pytest.approx(median_pitch(voices[voice]), rel=0.05)


def test_each_voice_has_a_character(tts: HibariTts) -> None:
    descriptions = [info.description for info in tts.catalogue]
    assert all(descriptions)
    assert len(set(descriptions)) == len(descriptions)


@pytest.mark.parametrize(("voice", "speed"), [("heart", 1.0), ("marin", 0.5), ("marin", 1.5)])
def test_words_end_where_their_sound_does(tts: HibariTts, voice: str, speed: float) -> None:
    text = "Yes, for $12.50; of course, my friend."
    ends = asyncio.run(word_ends(tts, text, voice, speed))
    assert list(ends) == [text[:at] for at in (4, 8, 16, 19, 27, 30, 38)]
    silences = pauses(asyncio.run(said(tts, text, voice, speed)))
    for words in ("Yes, for $12.50;", text):
        assert min(abs(pause - ends[words]) for pause in silences) <= 80, (words, ends, silences)


def test_the_second_sentence_is_timed_from_the_clause_s_beginning(tts: HibariTts) -> None:
    first = asyncio.run(said(tts, "Hello there."))
    ends = asyncio.run(word_ends(tts, "Hello there. How are you?"))
    assert ends["Hello there."] < first.ms < ends["Hello there. How"]


def test_an_unknown_voice_is_refused(tts: HibariTts) -> None:
    with pytest.raises(EngineError, match="alloy") as error:
        asyncio.run(said(tts, "Hello.", "nobody"))
    assert error.value.code == "unknown_voice"


@pytest.mark.parametrize("text", ["", " ", "你好", "\N{GRINNING FACE}"])
def test_text_without_words_is_silent(tts: HibariTts, text: str) -> None:
    assert asyncio.run(said(tts, text)).ms == 0


def test_closing_stops_the_work(tts: HibariTts) -> None:
    async def scenario() -> None:
        speech = tts.speak(f"{SENTENCE} " * 50, Voice("ash"))
        await anext(speech)
        await speech.aclose()
        assert await cpu_until(lambda: not tts.running) < 1

    asyncio.run(scenario())


def test_before_start_it_refuses() -> None:
    with pytest.raises(EngineError) as error:
        asyncio.run(said(HibariTts(), "Hello."))
    assert error.value.code == "engine_unavailable"


def test_conformance(tts: HibariTts) -> None:
    asyncio.run(_conform(tts))


async def _conform(tts: HibariTts) -> None:
    await check_tts(tts, bounds=BUSY)


@pytest.mark.models
def test_every_voice_is_understood(tts: HibariTts, voices: dict[str, Pcm], model_dir: Callable[[str], Path]) -> None:
    async def scenario() -> dict[str, str]:
        asr = WhisperAsr(model_dir("whisper-base"))
        await asr.start()
        clips = dict(voices)
        clips["slow"] = await said(tts, SENTENCE, "alloy", 0.25)
        clips["fast"] = await said(tts, SENTENCE, "alloy", 1.5)
        texts = {name: await _heard(asr, audio) for name, audio in clips.items()}
        await asr.aclose()
        return texts

    for name, text in asyncio.run(scenario()).items():
        plain = re.sub("7.?30", "seven thirty", text.lower())
        wrong, _ = word_errors(SENTENCE, plain)
        assert wrong <= (0 if name in VARIANTS else 1), (name, text)


async def _heard(asr: WhisperAsr, audio: Pcm) -> str:
    text = ""
    async for transcript in asr.transcribe(_pieces(audio), AsrHint("en")):
        text = transcript.text
    return text


async def _pieces(audio: Pcm) -> AsyncIterator[Pcm]:
    yield audio
