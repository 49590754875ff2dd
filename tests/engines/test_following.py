"""The cascade answers in the caller's language where its voice speaks it, and tells the model so in his turn."""

from __future__ import annotations

from contextlib import aclosing

import pytest

from vivavoce.audio.pcm import Pcm
from vivavoce.engines.cascade import Cascade
from vivavoce.languages import NAMES
from vivavoce.ports import Message, Prompt, Speech, Voice, VoiceInfo
from vivavoce.testing.clock import run_virtual
from vivavoce.testing.fakes import ScriptedLlm, ScriptedTts, says, sound

SPANISH = "(Answer in Spanish.)"
ENGLISH = "(Answer in English.)"
BOTH = ("en", "es")
ALLOY = Voice("alloy")


def spoke(text: str, language: str | None) -> Message:
    """What was said, and the language that is known once the words are."""
    known: list[str | None] = [None]

    async def transcript() -> str:
        known[0] = language
        return text

    return Message("user", (Speech(Pcm.silence(100), transcript, language=lambda: known[0]),))


def typed(text: str) -> Message:
    return Message("user", (text,))


def answered(text: str = "Yes.") -> Message:
    return Message("assistant", (text,))


class Native(ScriptedTts):
    """Its voices speak two languages, and are at home in the second."""

    def __init__(self) -> None:
        super().__init__(sound(100), languages=BOTH)

    @property
    def catalogue(self) -> tuple[VoiceInfo, ...]:
        return tuple(VoiceInfo(name, BOTH[1:]) for name in self.voices)


def asked(
    *messages: Message, tts: ScriptedTts | None = None, voice: Voice = ALLOY, plain: bool = False
) -> tuple[list[object], str | None]:
    """What the model is told in each turn of the user, and the language that the voice is given."""
    llm, tts = ScriptedLlm(says("Si.")), tts or ScriptedTts(sound(100), languages=BOTH)

    async def main() -> None:
        prompt = Prompt("", messages, True, voice, plain=plain)
        async with aclosing(Cascade(llm, tts).respond(prompt)) as answer:
            assert [part async for part in answer]

    run_virtual(main())
    told: list[object] = [m.content[0] for m in llm.calls[0].request.messages if m.role == "user"]
    return told, tts.calls[0].request.voice.language


def test_a_caller_is_answered_in_his_language() -> None:
    assert asked(spoke("¿Qué hora es?", "es")) == ([f"¿Qué hora es?\n{SPANISH}"], "es")


def test_the_voices_own_language_needs_no_words() -> None:
    assert asked(spoke("What time is it?", "en")) == (["What time is it?"], "en")


def test_nothing_is_known_of_what_is_typed_and_of_a_recogniser_that_does_not_tell() -> None:
    assert asked(typed("¿Qué hora es?")) == (["¿Qué hora es?"], None)
    assert asked(spoke("¿Qué hora es?", None)) == (["¿Qué hora es?"], None)


def test_from_the_first_foreign_word_on_the_model_is_told_each_time() -> None:
    told, language = asked(
        spoke("Hello there.", "en"), answered(), spoke("Hola a todos.", "es"), answered(), spoke("And now?", "en")
    )
    assert told == ["Hello there.", f"Hola a todos.\n{SPANISH}", f"And now?\n{ENGLISH}"]
    assert language == "en"


def test_what_is_typed_is_spoken_in_the_language_of_the_turn_before() -> None:
    assert asked(spoke("Hola.", "es"), answered(), typed("¿Y mañana?")) == ([f"Hola.\n{SPANISH}", "¿Y mañana?"], "es")


def test_a_language_that_no_voice_speaks_is_answered_in_the_voices_own() -> None:
    assert asked(spoke("Wie spät ist es?", "de")) == ([f"Wie spät ist es?\n{ENGLISH}"], "en")
    assert asked(spoke("¿Qué hora es?", "es"), tts=ScriptedTts(sound(100))) == ([f"¿Qué hora es?\n{ENGLISH}"], "en")


@pytest.mark.parametrize("code", sorted(NAMES.keys() - {"en"}))
def test_every_language_has_its_name(code: str) -> None:
    tts = ScriptedTts(sound(100), languages=("en", code))
    assert asked(spoke("...", code), tts=tts) == ([f"...\n(Answer in {NAMES[code]}.)"], code)


def test_a_code_without_a_name_is_told_as_it_is() -> None:
    tts = ScriptedTts(sound(100), languages=("en", "cy"))
    assert asked(spoke("Bore da.", "cy"), tts=tts) == (["Bore da.\n(Answer in cy.)"], "cy")


@pytest.mark.parametrize(("voice", "plain"), [(Voice("alloy", language="en"), False), (ALLOY, True)])
def test_a_language_that_is_given_stays(voice: Voice, plain: bool) -> None:
    assert asked(spoke("¿Qué hora es?", "es"), voice=voice, plain=plain) == (["¿Qué hora es?"], voice.language)


def test_the_words_ahead_of_an_answer_say_the_same() -> None:
    """What is prefilled for the next turn is the beginning of what will be asked."""
    llm = ScriptedLlm()
    messages = (spoke("¿Qué hora es?", "es"), answered("Las dos."), spoke("¿Y allí?", None))
    run_virtual(Cascade(llm, ScriptedTts(languages=BOTH)).warm(Prompt("", messages, True, ALLOY)))
    (warmed,) = llm.warmed
    assert [m.content for m in warmed.messages] == [(f"¿Qué hora es?\n{SPANISH}",), ("Las dos.",), ("¿Y allí?",)]


def test_silence_is_still_no_turn() -> None:
    llm, tts = ScriptedLlm(), ScriptedTts(languages=BOTH)

    async def main() -> int:
        prompt = Prompt("", (spoke("", None),), True, ALLOY)
        async with aclosing(Cascade(llm, tts).respond(prompt)) as answer:
            return len([part async for part in answer])

    assert run_virtual(main()) == 1
    assert not llm.calls


def test_a_voice_of_another_language_is_at_home_there() -> None:
    assert asked(spoke("¿Qué hora es?", "es"), tts=Native()) == (["¿Qué hora es?"], "es")
    assert asked(spoke("What time is it?", "en"), tts=Native()) == ([f"What time is it?\n{ENGLISH}"], "en")
    assert asked(spoke("Wie spät ist es?", "de"), tts=Native()) == ([f"Wie spät ist es?\n{SPANISH}"], "es")
