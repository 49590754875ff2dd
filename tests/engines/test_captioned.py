"""Which audio says which words, where a model tells its words beside its voice."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Iterable
from contextlib import aclosing

import pytest
from tests.engines.remote_helpers import noise

from vivavoce.audio.pcm import Pcm
from vivavoce.audio.resample import resample
from vivavoce.core.spoken import Spoken
from vivavoce.engines.captioned import HELD_S, LONGEST_S, MOST_CHARACTERS, MS_PER_LETTER, NEAR_MS, Captioned
from vivavoce.engines.hibari import HibariTts
from vivavoce.ports import Began, EngineError, ResponsePart, SpokenAudio, SpokenText, Voice, WordTimes
from vivavoce.protocol.session import AudioPcm
from vivavoce.testing.remote_audio import PAUSE_MS, voice_of

FIRST, SECOND = "This is the first sentence.", "And this is another one of them."


def shape(parts: Iterable[ResponsePart]) -> list[str | float]:
    """Words as they are, audio as milliseconds, what follows one another added up."""
    shown: list[str | float] = []
    for part in parts:
        match part:
            case SpokenText():
                shown.append(part.text)
            case SpokenAudio():
                before = shown.pop() if shown and isinstance(shown[-1], float) else 0.0
                assert isinstance(before, float)
                shown.append(before + part.audio.ms)
            case WordTimes():
                shown.append(f"<{len(part.ends)} words>")
            case _:
                shown.append(f"<{type(part).__name__}>")
    return shown


def play(*steps: str | Pcm, speed: float = 1.0) -> list[ResponsePart]:
    """Words and sound in this order, the sound in pieces of 100 ms."""
    spoken = Captioned(speed)
    parts: list[ResponsePart] = []
    for step in steps:
        if isinstance(step, str):
            parts += spoken.words(step)
        else:
            for piece in step.chunks(100):
                parts += spoken.sound(piece)
    return [*parts, *spoken.end()]


def test_a_sentence_ends_at_the_pause_that_is_about_where_its_letters_end() -> None:
    said = shape(play(f"{FIRST} {SECOND}", voice_of(f"{FIRST} {SECOND}")))
    assert said[:2] == ["<Began>", FIRST]
    assert said[3:5] == ["<5 words>", f" {SECOND}"]
    assert said[2] == pytest.approx(voice_of(FIRST).ms, abs=PAUSE_MS)
    assert said[6:] == ["<7 words>"]


def test_a_pause_within_a_sentence_does_not_end_it() -> None:
    hesitant = Pcm.join([voice_of("This").chunks(10_000)[0], Pcm.silence(300), voice_of("is the first sentence.")])
    said = shape(play(f"{FIRST} {SECOND}", hesitant, voice_of(SECOND)))
    assert said[2] == pytest.approx(hesitant.ms, abs=PAUSE_MS)


def test_a_voice_without_pauses_is_given_some_time_and_then_goes_on() -> None:
    breathless = voice_of(f"{FIRST} {SECOND}".replace(".", ""))
    said = shape(play(f"{FIRST} {SECOND}", breathless))
    assert said[1] == FIRST
    assert said[2] == pytest.approx(22 * MS_PER_LETTER + NEAR_MS, abs=100)
    assert said[4] == f" {SECOND}"


def test_a_voice_that_is_to_speak_fast_is_taken_to_be_fast() -> None:
    breathless = voice_of(f"{FIRST} {SECOND}".replace(".", ""))
    slow, fast = (shape(play(f"{FIRST} {SECOND}", breathless, speed=speed))[2] for speed in (1.0, 1.5))
    assert isinstance(slow, float)
    assert isinstance(fast, float)
    assert slow - fast == pytest.approx(22 * MS_PER_LETTER * (1 - 1 / 1.5), abs=100)


def test_short_sentences_go_together() -> None:
    assert (
        shape(play("Yes. No. Maybe later then.", voice_of("Yes. No. Maybe later then.")))[1]
        == "Yes. No. Maybe later then."
    )


def test_words_that_come_late_hold_the_audio_for_a_while() -> None:
    voice = voice_of(FIRST)
    begun, rest = (Pcm(samples, voice.rate) for samples in (voice.samples[:12_000], voice.samples[12_000:]))
    assert shape(play(begun, FIRST, rest)) == ["<Began>", FIRST, voice.ms, "<5 words>"]


def test_sound_that_no_words_come_for_is_played_all_the_same() -> None:
    assert shape(play(noise(300))) == ["<Began>", 300]
    spoken = Captioned()
    assert [part for piece in noise(HELD_S * 1000).chunks(100) for part in spoken.sound(piece)] == []
    assert shape(spoken.sound(noise(100))) == ["<Began>", HELD_S * 1000 + 100]
    assert shape(spoken.sound(noise(100))) == [100]
    assert list(spoken.end()) == []
    assert (spoken.wordy, spoken.silent) == (False, False)


def test_words_that_come_too_late_are_told_with_what_follows() -> None:
    before, after = noise(HELD_S * 1000 + 500), voice_of(FIRST)
    assert shape(play(before, FIRST, after)) == ["<Began>", before.ms, FIRST, after.ms, "<5 words>"]
    assert shape(play(before, FIRST)) == ["<Began>", before.ms, FIRST]


def test_an_answer_begins_once() -> None:
    spoken = Captioned()
    assert list(spoken.began()) == [Began()]
    assert shape([*spoken.words(FIRST), *spoken.sound(noise(100))]) == [FIRST, 100]
    assert list(spoken.began()) == []


def test_words_that_come_one_by_one_are_whole_when_they_are_told() -> None:
    said = shape(play("The ca", voice_of("The"), "t is bl", voice_of("cat is"), "ack.", voice_of("black.")))
    told = [part for part in said if isinstance(part, str) and not part.startswith("<")]
    assert "".join(told) == "The cat is black."
    assert told[0] == "The "


def test_words_that_have_no_audio_of_their_own_come_last() -> None:
    *_, times, last = play(FIRST, voice_of(FIRST), f" {SECOND}")
    assert last == SpokenText(f" {SECOND}")
    assert isinstance(times, WordTimes)
    assert len(times.ends) == 5
    assert times.ends[-1][1] < voice_of(FIRST).ms / 2  # the sound is shared with those that were never told apart


def test_words_of_which_nothing_is_heard_are_told_all_the_same() -> None:
    assert shape(play(FIRST)) == ["<Began>", FIRST]
    assert not Captioned().wordy


def test_scripts_without_gaps_are_cut_at_their_own_marks() -> None:
    said = shape(play("今日はとても良い天気ですねえ本当に。明日は雨が降るそうです。", Pcm.silence(100)))
    assert said[1] == "今日はとても良い天気ですねえ本当に。"


def test_nothing_at_all_is_nothing() -> None:
    assert play() == []
    assert play("  ") == []


def test_a_blank_before_the_words_is_no_word() -> None:
    assert shape(play(" ", "\n")) == []
    assert isinstance(play(" Hi")[0], Began)


@pytest.mark.parametrize(
    ("steps", "what"),
    [
        ([Pcm.silence(LONGEST_S * 1000 + 200)], "goes on speaking"),
        ([FIRST, Pcm.silence(LONGEST_S * 1000 + 200)], "goes on speaking"),
        (["word " * (MOST_CHARACTERS // 5 + 1)], "writes far more than it speaks"),
    ],
)
def test_a_model_that_speaks_or_writes_without_end_is_named(steps: list[str | Pcm], what: str) -> None:
    with pytest.raises(EngineError, match=what):
        play(*steps)


REAL = "Sure! I can help you with that. First, open the settings of your phone. Then turn it off, and on again."


async def read_aloud(text: str) -> tuple[Pcm, list[float]]:
    """A real voice, sentence by sentence, and when each word of it ends, in milliseconds."""
    async with aclosing(HibariTts()) as tts:
        await tts.start()
        pieces: list[Pcm] = []
        ends: list[float] = []
        for sentence in re.findall(r"[^.!?]+[.!?]", text):
            begun = sum(piece.ms for piece in pieces)
            async for part in tts.speak(sentence.strip(), Voice("alloy")):
                if isinstance(part, WordTimes):
                    ends += [begun + ms for _, ms in part.ends]
                else:
                    pieces.append(resample(part, 24_000))
    return Pcm.join(pieces), ends


@pytest.mark.parametrize(("ahead_ms", "mean"), [(1_000_000.0, 0.7), (1000.0, 1.2)])
def test_what_a_real_voice_is_cut_to_is_about_what_was_heard(ahead_ms: float, mean: float) -> None:
    """`ahead_ms`: how long before their sound the words come. `mean`: words that a cut may be off, in the mean."""
    voice, ends = asyncio.run(read_aloud(REAL))
    words = re.findall(r"\s*\S+", REAL)
    assert len(words) == len(ends)
    spoken, cut = Captioned(), Spoken(AudioPcm(rate=24_000), whole=True)
    parts: list[ResponsePart] = []
    waiting = list(zip([0.0, *ends], words, strict=False))
    for number, piece in enumerate(voice.chunks(100)):
        while waiting and waiting[0][0] - ahead_ms <= number * 100:
            parts += spoken.words(waiting.pop(0)[1])
        parts += spoken.sound(piece)
    for part in [*parts, *spoken.end()]:
        if isinstance(part, SpokenText):
            cut.say(part.text)
        elif isinstance(part, SpokenAudio):
            cut.sound(part.audio.to_bytes(), len(part.audio.samples))
        elif isinstance(part, WordTimes):
            cut.time([(chars, round(ms * 24)) for chars, ms in part.ends])
    assert cut.text == REAL
    off = []
    for ms in range(int(voice.ms) - 250, 0, -250):  # backwards: each cut leaves what a shorter one needs
        cut.cut(ms)
        off.append(abs(len(cut.text.split()) - sum(end <= ms for end in ends)))
    assert max(off) <= 4
    assert sum(off) / len(off) <= mean
