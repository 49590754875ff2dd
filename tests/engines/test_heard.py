"""Recordings that are not kept any more, for models that hear: the conversation keeps their place."""

from __future__ import annotations

import pytest
from tests.engines.test_openai_speech import saying, voice

from vivavoce.audio.pcm import Pcm
from vivavoce.engines.heard import UNHEARD, Takes, heard_by, known_to
from vivavoce.ports import Prompt, Speech
from vivavoce.testing.clock import run_virtual

HEARS, READS = Takes(images=False, speech=True), Takes(images=False, speech=False)


def lost(words: str) -> Speech:
    """A voice whose audio was dropped; `words` are what is known of it."""
    return Speech(Pcm.silence(0), voice(0, words).transcript)


def texts(prompt: Prompt | None) -> list[object]:
    assert prompt is not None
    return [part for message in prompt.messages for part in message.content]


@pytest.mark.parametrize(
    ("takes", "words", "left"),
    [
        (HEARS, "", [UNHEARD, "Yes.", "Go on."]),
        (HEARS, "One.", ["One.", "Yes.", "Go on."]),
        (READS, "", ["Yes.", "Go on."]),  # somebody has listened, and there was nothing
    ],
)
def test_a_lost_voice_is_its_words_or_a_note(takes: Takes, words: str, left: list[object]) -> None:
    asked = saying(lost(words), "Yes.", "Go on.")
    assert texts(run_virtual(heard_by(asked, takes))) == left
    assert texts(known_to(asked, takes)) == left


def test_a_turn_of_nothing_at_all_is_not_answered() -> None:
    assert run_virtual(heard_by(saying("Hello.", "Yes.", lost("")), HEARS)) is None


def test_words_that_are_not_known_yet_end_what_can_be_prefilled() -> None:
    async def main() -> Prompt:
        return known_to(saying("Hello.", "Yes.", Speech(Pcm.silence(0), voice(0, None).transcript)), HEARS)

    assert texts(run_virtual(main())) == ["Hello.", "Yes."]
