"""Kokoro speaks the languages that it can read, each with voices of that language."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path

import pytest
from tests.engines.tts_checks import pauses, pitch, said, word_ends

from vivavoce.audio.pcm import Pcm
from vivavoce.bench.word_errors import word_errors
from vivavoce.engines.kokoro import KokoroTts
from vivavoce.engines.kokoro_languages import LETTERS, STANDING_IN, readable, speaker, spoken
from vivavoce.engines.whisper import WhisperAsr
from vivavoce.ports import AsrHint, EngineError, Voice

SENTENCES = {
    "es": (
        "Los trenes hacia Sevilla salen por la mañana.",
        "La reunión se ha cambiado al próximo jueves.",
        "¿Podría decirme dónde está la estación de autobuses?",
    ),
    "it": (
        "Non ho capito la domanda.",
        "Domani mattina il museo è chiuso.",
        "Il bambino vuole un gelato al cioccolato.",
    ),
}


@pytest.fixture(scope="module")
def tts(model_dir: Callable[[str], Path]) -> Iterator[KokoroTts]:
    engine = KokoroTts(model_dir("kokoro"))
    asyncio.run(engine.start())
    yield engine
    asyncio.run(engine.aclose())


@pytest.fixture(scope="module")
def asr(model_dir: Callable[[str], Path]) -> Iterator[WhisperAsr]:
    engine = WhisperAsr(model_dir("whisper-base"))
    asyncio.run(engine.start())
    yield engine
    asyncio.run(engine.aclose())


def test_who_speaks_for_a_voice_that_does_not_know_a_language() -> None:
    assert [speaker("af_bella", language) for language in (None, "en", "es")] == ["af_bella", "af_bella", "ef_dora"]
    assert [speaker("bm_fable", language) for language in ("en", "es")] == ["bm_fable", "em_alex"]
    assert [speaker("em_santa", language) for language in (None, "es", "en")] == ["em_santa", "em_santa", "am_michael"]


def test_a_language_is_offered_when_there_is_somebody_to_speak_it() -> None:
    everybody = [voice for pair in STANDING_IN.values() for voice in pair.values()]
    assert spoken(everybody) == tuple(LETTERS)
    assert spoken(voice for voice in everybody if voice != "em_alex") == ("en", "it")
    assert readable(["af_sky", "jf_alpha", "em_alex", "e"]) == ["af_sky", "em_alex"]


@pytest.mark.models
@pytest.mark.parametrize(("language", "voice"), [("es", "coral"), ("es", "em_alex"), ("it", "coral")])
def test_it_is_understood(tts: KokoroTts, asr: WhisperAsr, language: str, voice: str) -> None:
    """One word of the three sentences may be misheard: the judge is a small model too."""

    async def heard(text: str) -> str:
        parts = [part async for part in tts.speak(text, Voice(voice, language=language)) if isinstance(part, Pcm)]

        async def once() -> AsyncIterator[Pcm]:
            yield Pcm.join(parts)

        return [transcript.text async for transcript in asr.transcribe(once(), AsrHint(language))][-1]

    wrong = sum(word_errors(text, asyncio.run(heard(text)))[0] for text in SENTENCES[language])
    assert wrong <= 1


@pytest.mark.models
def test_women_speak_for_women_and_men_for_men(tts: KokoroTts) -> None:
    async def hertz(voice: str) -> float:
        parts = [part async for part in tts.speak("Buenos días, señores.", Voice(voice, language="es"))]
        return pitch(Pcm.join([part for part in parts if isinstance(part, Pcm)]))

    assert asyncio.run(hertz("marin")) > 160 > asyncio.run(hertz("cedar"))


@pytest.mark.models
def test_spanish_words_end_where_their_sound_does(tts: KokoroTts) -> None:
    text = "Sí, por 12,50 €; claro, mi amigo."
    ends = asyncio.run(word_ends(tts, text, "em_alex"))
    assert list(ends) == [text[:at] for at in (3, 7, 13, 16, 23, 26, 33)]
    silences = pauses(asyncio.run(said(tts, text, "em_alex")))
    for words in ("Sí, por 12,50 €;", text):
        assert min(abs(pause - ends[words]) for pause in silences) <= 80, (words, ends, silences)


@pytest.mark.models
def test_a_language_that_nobody_speaks_is_refused_by_name(tts: KokoroTts) -> None:
    async def main() -> None:
        async for _ in tts.speak("Guten Tag.", Voice("marin", language="de")):
            pass

    with pytest.raises(EngineError, match=r"'de'.*en, es, it") as error:
        asyncio.run(main())
    assert error.value.code == "unsupported_language"
