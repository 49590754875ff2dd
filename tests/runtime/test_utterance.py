"""Where an answer of a model that speaks by itself begins and ends, counted on the model's own audio."""

from __future__ import annotations

import asyncio

import pytest

from vivavoce.audio.pcm import Pcm
from vivavoce.ports import Began, EngineError, Finished, SpokenAudio, SpokenText
from vivavoce.runtime.utterance import END_MS, HUSHED_MS, LEAD_MS, MOST_HUSHED_MS, MOST_PARTS, Mouth, Utterance
from vivavoce.testing.clock import run_virtual
from vivavoce.testing.script import sound

FRAME_MS = 80
QUIET = SpokenAudio(Pcm.silence(FRAME_MS))
VOICE = SpokenAudio(sound(FRAME_MS)[0])
WORD = SpokenText(" Well")


def speaking() -> Mouth:
    mouth = Mouth()
    assert mouth.begins(WORD) == [WORD]
    assert mouth.speaking
    return mouth


def frames(ms: float) -> int:
    return int(ms // FRAME_MS)


def test_a_word_begins_an_answer_and_a_gap_does_not() -> None:
    mouth = Mouth()
    assert mouth.begins(SpokenText(" ")) == []
    assert not mouth.speaking
    assert mouth.begins(WORD) == [WORD]


def test_so_does_sound_with_what_came_right_before() -> None:
    mouth = Mouth()
    for _ in range(10):
        assert mouth.begins(QUIET) == []
    assert mouth.begins(VOICE) == [QUIET, VOICE]
    assert sum(part.audio.ms for part in (QUIET, VOICE)) == LEAD_MS


def test_sound_that_does_not_last_does_not() -> None:
    mouth, click = Mouth(), SpokenAudio(sound(40)[0])
    for _ in range(10):
        assert mouth.begins(click) == []
        assert mouth.begins(QUIET) == []
    assert mouth.begins(click) == []
    assert mouth.begins(click)[-2:] == [click, click]


@pytest.mark.parametrize("part", [VOICE, WORD])
def test_it_ends_after_a_silence_that_nothing_breaks(part: SpokenAudio | SpokenText) -> None:
    mouth = speaking()
    for _ in range(frames(END_MS) - 1):
        assert not mouth.ends(QUIET)
    assert not mouth.ends(part)
    for _ in range(frames(END_MS) - 1):
        assert not mouth.ends(QUIET)
    assert mouth.ends(QUIET)
    assert not mouth.speaking


def test_what_was_cut_is_over_after_a_shorter_one() -> None:
    mouth = speaking()
    mouth.hush()
    heard: list[SpokenAudio | SpokenText] = [
        VOICE,
        WORD,
        *[QUIET] * (frames(HUSHED_MS) - 1),
        VOICE,
        *[QUIET] * frames(HUSHED_MS),
    ]
    for part in heard:
        assert mouth.begins(part) == []
    assert mouth.begins(VOICE) == [VOICE]


def test_or_after_a_while_if_it_talks_on() -> None:
    mouth = speaking()
    mouth.hush()
    for _ in range(-(-MOST_HUSHED_MS // FRAME_MS)):
        assert mouth.begins(VOICE) == []
    assert mouth.begins(VOICE) == [VOICE]


def test_its_parts_in_order_and_no_gap_before_the_first_word() -> None:
    async def main() -> None:
        utterance = Utterance()
        for part in (VOICE, SpokenText(" "), WORD, SpokenText(" now")):
            await utterance.put(part)
        utterance.end(Finished())
        parts = [part async for part in utterance.parts()]
        assert parts == [Began(), VOICE, SpokenText("Well"), SpokenText(" now"), Finished()]
        assert utterance.over.is_set()

    run_virtual(main())


def test_what_the_model_failed_with_comes_after_what_it_said() -> None:
    async def main() -> None:
        utterance = Utterance()
        await utterance.put(WORD)
        utterance.end(EngineError("engine_failed", "Broken."))
        parts = utterance.parts()
        assert [await anext(parts), await anext(parts)] == [Began(), SpokenText("Well")]
        with pytest.raises(EngineError, match="Broken"):
            await anext(parts)

    run_virtual(main())


def test_a_slow_client_holds_the_model_back_until_nobody_wants_it() -> None:
    async def main() -> None:
        utterance = Utterance()

        async def say() -> None:
            for _ in range(2 * MOST_PARTS):
                await utterance.put(VOICE)

        saying = asyncio.create_task(say())
        await asyncio.sleep(1.0)
        assert not saying.done()
        utterance.drop()
        await saying

    run_virtual(main())
