"""How far off the memory of cut answers is: what is counted, and by whom it is judged."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from vivavoce.audio.pcm import Pcm
from vivavoce.bench.truncation import Cut, Cuts, Plan, Reciter, by_letters
from vivavoce.bench.truncation_report import truncation_report
from vivavoce.bench.word_judge import Calibration, Judge, TooLong, sound_ends
from vivavoce.engines.hibari import HibariTts
from vivavoce.ports import Message, Prompt, TextDelta, Voice
from vivavoce.testing.clock import run_virtual
from vivavoce.testing.script import sound

PLAN = Plan(3, 1, "marin", 1.0)
CALIBRATION = Calibration(56, 140, 40, 190)


def test_words_that_were_not_heard_count_up_and_forgotten_ones_down() -> None:
    cuts = [Cut(0, 900, 3, 3, 5), Cut(1, 500, 2, 1, 2), Cut(2, 0, 0, 2, 0)]
    found = truncation_report("hibari", PLAN, Cuts(CALIBRATION, cuts))
    assert found.remembered.off == {-1: 1, 0: 1, 2: 1}
    assert (found.remembered.exact, found.remembered.within) == (0.333, 0.667)
    assert found.by_letters.off == {0: 2, 2: 1}
    assert not found.good


@pytest.mark.parametrize(("wrong", "good"), [(1, True), (2, False)])
def test_one_cut_in_twenty_may_be_more_than_a_word_off(wrong: int, good: bool) -> None:
    cuts = [Cut(0, 0, 0, 2, 0)] * wrong + [Cut(0, 0, 0, 1, 0)] * (20 - wrong)
    assert truncation_report("hibari", PLAN, Cuts(CALIBRATION, cuts)).good is good


def test_without_times_the_letters_of_a_clause_are_spread_over_it() -> None:
    clauses = [("One two.", 24_000), (" Three four.", 24_000)]
    assert by_letters(clauses, 600) == "One"
    assert by_letters(clauses, 1600) == "One two. Three"
    assert by_letters(clauses, 2000) == "One two. Three four."


def test_the_reciter_says_the_last_message() -> None:
    prompt = Prompt("Be kind.", (Message("user", ("No.",)), Message("user", ("Well, yes.",))), True, Voice("marin"))

    async def said() -> str:
        return "".join([part.text async for part in Reciter().generate(prompt) if isinstance(part, TextDelta)])

    assert run_virtual(said()) == "Well, yes."


def test_the_end_of_a_word_that_stands_alone_is_where_its_sound_ends() -> None:
    word = Pcm.join([Pcm.silence(20), *sound(300), *sound(10, level=20), Pcm.silence(200)])
    audio, ends = sound_ends([word, word], 400)
    assert ends == pytest.approx([320, 530 + 400 + 320], abs=5)
    assert audio.ms == pytest.approx(2 * (530 + 400), abs=1)


@pytest.mark.models
def test_the_judge_hears_where_the_pauses_are(model_dir: Callable[[str], Path]) -> None:
    """Words with long pauses between, spoken for it alone: it is told nothing but their audio and their text."""
    words = ["Reykjavik", "seven", "potatoes", "no", "afterwards", "$12", "together", "ten"]
    judge = Judge(model_dir("whisper-base"))

    async def spoken() -> list[Pcm]:
        tts = HibariTts()
        await tts.start()
        clips = []
        for word in words:
            parts = [part async for part in tts.speak(f"{word}.", Voice("marin"))]
            clips.append(Pcm.join([part for part in parts if isinstance(part, Pcm)]))
        await tts.aclose()
        return clips

    audio, ends = sound_ends(asyncio.run(spoken()), 700)
    found = judge.calibrate([(audio, " ".join(words), ends)])
    assert found.words == 8
    assert 0 <= found.early < 300
    heard = judge.word_ends(audio, " ".join(words))
    assert np.median(np.abs(np.asarray(heard) - ends)) == pytest.approx(found.error, abs=1)
    for number, end in enumerate(heard[:-1]):
        assert ends[number] - 500 < end < ends[number + 1] - 200
    with pytest.raises(TooLong, match="takes 30 s"):
        judge.word_ends(Pcm.silence(30_100), "No.")
