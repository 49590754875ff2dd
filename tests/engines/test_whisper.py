"""Whisper writes down what people say, nothing where nobody spoke, and lets go when it is told to."""

import asyncio
import time
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from pathlib import Path

import pytest
from tests.engines.speech import Clip, human_clips, noises, over_the_telephone, synthetic
from tests.patience import BUSY, until

from vivavoce.audio.pcm import Pcm
from vivavoce.audio.resample import resample
from vivavoce.bench.word_errors import word_errors
from vivavoce.engines.whisper import WhisperAsr, _before_loop, _Heard, _read, _Task
from vivavoce.ports import AsrHint, EngineError, Transcript
from vivavoce.testing.conformance import check_asr

pytestmark = pytest.mark.models
PLAIN = AsrHint()
SENTENCE = "I would like to book a table for two."
STORY = (
    "I would like to book a table for two on Friday evening.",
    "My name is Sarah Miller and I live in Portland.",
    "We will arrive at about half past nine.",
    "One of us does not eat any fish.",
    "Could we please sit near the window?",
    "Last time the music was very loud.",
    "Do you have a place to park the car?",
    "If not we can take the train instead.",
    "Please send the confirmation to my office.",
    "The number is the same as before.",
    "I also want to order a small cake.",
    "It should say happy birthday in blue letters.",
)


@pytest.fixture(scope="module")
def asr(model_dir: Callable[[str], Path]) -> Iterator[WhisperAsr]:
    engine = WhisperAsr(model_dir("whisper-base"))
    asyncio.run(engine.start())
    yield engine
    asyncio.run(engine.aclose())


async def pieces(audio: Pcm, ms: int = 20) -> AsyncIterator[Pcm]:
    for piece in audio.chunks(ms):
        yield piece


async def transcripts(asr: WhisperAsr, audio: Pcm, hint: AsrHint = PLAIN) -> list[Transcript]:
    return [transcript async for transcript in asr.transcribe(pieces(audio), hint)]


def text(asr: WhisperAsr, audio: Pcm, hint: AsrHint = PLAIN) -> str:
    *_, last = asyncio.run(transcripts(asr, audio, hint))
    assert last.final
    return last.text


async def until_running(asr: WhisperAsr, calls: int) -> None:
    await until(lambda: asr.running == calls)


def error_rate(asr: WhisperAsr, clips: Sequence[Clip], hint: AsrHint) -> float:
    """Percent of the clips' words that come out wrong."""
    errors = words = 0
    began = time.process_time()
    for clip in clips:
        audio = over_the_telephone(clip.audio) if hint.telephone else clip.audio
        wrong, total = word_errors(clip.words, text(asr, audio, hint))
        errors, words = errors + wrong, words + total
    each = (time.process_time() - began) * 1000 / len(clips)
    print(f"WER {100 * errors / words:.1f} % of {words} words, {each:.0f} ms of CPU per clip")
    return 100 * errors / words


def test_human_speech(asr: WhisperAsr) -> None:
    assert error_rate(asr, human_clips(), PLAIN) <= 8


def test_human_speech_over_the_telephone(asr: WhisperAsr) -> None:
    """Every second clip: each takes a second in the full window."""
    assert error_rate(asr, human_clips()[::2], AsrHint(telephone=True)) <= 8


@pytest.mark.parametrize("words", ["Yes.", "No, thanks.", SENTENCE])
def test_short_turns_at_another_rate(asr: WhisperAsr, words: str) -> None:
    speech = Pcm.join([Pcm.silence(300), synthetic(words), Pcm.silence(200)])
    assert word_errors(words, text(asr, speech)) == (0, len(words.split()))


@pytest.mark.parametrize("kind", list(noises(0.1)))
def test_nobody_spoke_in(asr: WhisperAsr, kind: str) -> None:
    assert asyncio.run(transcripts(asr, noises(3)[kind])) == [Transcript("")]


@pytest.mark.parametrize("kind", ["noise", "hum"])
def test_words_to_expect_are_not_heard_in(asr: WhisperAsr, kind: str) -> None:
    assert text(asr, noises(1)[kind], AsrHint(prompt="Vivavoce, Kowalczyk")) == ""


def test_nothing_at_all(asr: WhisperAsr) -> None:
    assert asyncio.run(transcripts(asr, Pcm.silence(0))) == [Transcript("")]
    assert text(asr, Pcm.silence(5)) == ""


def test_a_prompt_gives_the_spelling(asr: WhisperAsr) -> None:
    speech = synthetic("Is my Zyloprim ready? Ask for Mister Kowalczyk.")
    assert "Kowalczyk" not in text(asr, speech)
    heard = text(asr, speech, AsrHint(prompt="Zyloprim, Kowalczyk"))
    assert "Zyloprim" in heard
    assert "Kowalczyk" in heard


def test_keywords_give_the_spelling_too(asr: WhisperAsr) -> None:
    speech = synthetic("Is my Zyloprim ready? Ask for Mister Kowalczyk.")
    heard = text(asr, speech, AsrHint(prompt="A pharmacy.", keywords=("Zyloprim", "Kowalczyk")))
    assert "Zyloprim" in heard
    assert "Kowalczyk" in heard


def test_a_long_turn_is_cut_at_pauses_and_told_as_it_goes(asr: WhisperAsr) -> None:
    speech = Pcm.join([part for words in STORY for part in (synthetic(words), Pcm.silence(400))])
    assert speech.ms > 30_000
    heard = asyncio.run(transcripts(asr, speech))
    assert [transcript.final for transcript in heard] == [False] * (len(heard) - 1) + [True]
    assert len(heard) >= 2
    assert heard[-1].text.startswith(heard[0].text)
    wrong, total = word_errors(" ".join(STORY), heard[-1].text)
    assert wrong / total < 0.05


def test_without_a_language_it_finds_out(model_dir: Callable[[str], Path], asr: WhisperAsr) -> None:
    async def run() -> list[Transcript]:
        detecting = WhisperAsr(model_dir("whisper-base"), language=None)
        await detecting.start()
        try:
            return await transcripts(detecting, synthetic(SENTENCE))
        finally:
            await detecting.aclose()

    assert asyncio.run(run()) == [Transcript(text(asr, synthetic(SENTENCE)), language="en")]


def test_the_languages_that_it_knows(model_dir: Callable[[str], Path], asr: WhisperAsr) -> None:
    assert {"en", "de", "es", "zh"} < set(asr.languages)
    assert len(asr.languages) == 99
    assert all(name.isalpha() and name.islower() for name in asr.languages)
    assert WhisperAsr(model_dir("whisper-base")).languages == ()  # nothing is loaded


def test_it_is_detected_whatever_the_default_is_and_only_where_it_should_be(asr: WhisperAsr) -> None:
    def detected(hint: AsrHint) -> str | None:
        *_, last = asyncio.run(transcripts(asr, synthetic(SENTENCE), hint))
        return last.language

    assert detected(AsrHint()) is None  # English by default: nothing was detected
    assert detected(AsrHint(language="auto")) == "en"
    assert detected(AsrHint(languages=("de", "en-US"))) == "en"
    assert detected(AsrHint(language="en", languages=("de", "fr"))) is None
    assert asr._loaded is not None
    task = _Task(AsrHint(), (), ("de", "fr"))
    _, language = _read(asr._loaded, resample(synthetic(SENTENCE), 16_000), None, task, full=False)
    assert language in ("de", "fr")


def test_log_probabilities_are_those_of_the_tokens(asr: WhisperAsr) -> None:
    speech = synthetic("Is my Zyloprim ready? Ask for the café.")
    *_, heard = asyncio.run(transcripts(asr, speech, AsrHint(logprobs=True)))
    assert b"".join(token.data for token in heard.logprobs).decode().strip() == heard.text
    chances = {token.data.decode(): token.logprob for token in heard.logprobs}
    assert all(-20 < each <= 0 for each in chances.values())
    assert chances[" for"] > -0.5  # plain words are sure, and nobody knows that medicine
    assert min(chances, key=lambda token: chances[token]) not in (" is", " my", " for", " the")
    assert text(asr, speech) == heard.text
    assert asyncio.run(transcripts(asr, speech))[-1].logprobs == ()


def test_a_quick_look_hears_the_first_words(asr: WhisperAsr) -> None:
    speech = synthetic(SENTENCE)
    first = Pcm(speech.samples[: speech.rate * 12 // 10], speech.rate)
    assert text(asr, first, AsrHint(quick=True)).startswith("I would like to")


def test_nobody_waits_for_a_reading_that_was_given_up(asr: WhisperAsr) -> None:
    task = _Task(AsrHint(), (), ())
    task.given_up.set()
    assert asr._loaded is not None
    heard, _ = _read(asr._loaded, resample(synthetic(SENTENCE), 16_000), "en", task, full=False)
    assert heard.text == ""
    assert not heard.spoken


@pytest.mark.parametrize(
    ("looping", "expected"),
    [
        ("Please send it. Please send it. Please", "Please send it."),
        ("5 5 5 5 5", "5"),
        ("That is that, is it not?", "That is that, is it not?"),
        ("", ""),
    ],
)
def test_a_look_ends_where_it_begins_to_repeat_itself(looping: str, expected: str) -> None:
    assert _before_loop(looping) == expected


def test_the_session_names_the_language(asr: WhisperAsr) -> None:
    speech = synthetic(SENTENCE)
    assert text(asr, speech, AsrHint(language="en-GB")) == text(asr, speech)
    with pytest.raises(EngineError, match="does not know 'xx'") as caught:
        text(asr, speech, AsrHint(language="xx"))
    assert caught.value.code == "engine_failed"


def test_a_model_for_english_only(model_dir: Callable[[str], Path]) -> None:
    async def run() -> None:
        english = WhisperAsr(model_dir("whisper-tiny.en"), language=None)
        await english.start()
        try:
            *_, last = await transcripts(english, synthetic(SENTENCE))
            assert word_errors(SENTENCE, last.text)[0] == 0
            assert last.language is None
            assert english.languages == ("en",)
            with pytest.raises(EngineError, match="English only"):
                await transcripts(english, synthetic(SENTENCE), AsrHint(language="de"))
        finally:
            await english.aclose()

    asyncio.run(run())


def test_a_cancel_returns_at_once_and_running_tells_the_rest(asr: WhisperAsr) -> None:
    async def run() -> None:
        task = asyncio.create_task(transcripts(asr, synthetic(SENTENCE), AsrHint(telephone=True)))
        await until_running(asr, 1)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert asr.running == 1  # the task ended before the native call did
        await until_running(asr, 0)
        assert (await transcripts(asr, synthetic(SENTENCE)))[-1].final

    asyncio.run(run())


@pytest.mark.parametrize(
    ("heard", "suspicious"),
    [
        (_Heard("Yes.", -0.7, 0.1, 2, 0.6), False),
        (_Heard("I would like a table.", -0.2, 0.1, 6, 2.0), False),
        (_Heard("I wood lyke a tape bull.", -0.8, 0.1, 8, 2.0), True),
        (_Heard("five " * 20, -0.2, 0.1, 20, 8.0), True),
        (_Heard("far more words than anybody says in a second", -0.2, 0.1, 9, 1.2), True),
    ],
)
def test_what_is_read_again_in_the_full_window(heard: _Heard, suspicious: bool) -> None:
    assert heard.suspicious is suspicious


def test_the_contract(asr: WhisperAsr) -> None:
    asyncio.run(check_asr(asr, synthetic("No, thanks."), bounds=BUSY))


def test_a_missing_or_broken_folder_says_what_to_do(tmp_path: Path) -> None:
    (tmp_path / "broken").mkdir()
    (tmp_path / "broken" / "model.bin").write_bytes(b"no model")
    for folder in (tmp_path / "missing", tmp_path / "broken"):
        with pytest.raises(EngineError, match="vivavoce models pull") as caught:
            asyncio.run(WhisperAsr(folder).start())
        assert caught.value.code == "engine_unavailable"


def test_it_hears_nothing_before_it_is_started() -> None:
    with pytest.raises(EngineError, match="not started"):
        asyncio.run(transcripts(WhisperAsr(Path("unused")), Pcm.silence(20)))
