"""Which language a turn is in: named, detected, or that of the turn before; and that it reaches the answer."""

from __future__ import annotations

from tests.runtime.hosting import engines, hosted

from vivavoce.ports import Prompt, Speech, Transcript
from vivavoce.runtime.languages import MOST_TURNS, Languages
from vivavoce.testing.clock import run_virtual
from vivavoce.testing.fakes import ScriptedAsr, ScriptedResponder, answers


def languages(*turns: tuple[str, str | None, str | None]) -> list[str | None]:
    """Of turns with these words, in which that language was detected, and this one named by the session."""
    known = Languages()
    for number, (text, detected, named) in enumerate(turns):
        known.tell(str(number), Transcript(text, language=detected), named)
    return [known.of(str(number)) for number in range(len(turns))]


def test_a_detected_language_is_the_turns() -> None:
    assert languages(("How are you?", "en", None), ("¿Cómo estás tú?", "es", None)) == ["en", "es"]


def test_a_few_words_do_not_change_the_language() -> None:
    assert languages(("¿Cómo estás tú?", "es", None), ("OK.", "en", None), ("Okay then.", "nl", "auto")) == ["es"] * 3
    assert languages(("¿Cómo estás tú?", "es", None), ("Hotel California.", "en", None)) == ["es"] * 2
    assert languages(("How are you?", "en", None), ("はい。", "ja", None)) == ["en"] * 2
    assert languages(("How are you?", "en", None), ("今日の天気はどうですか教えてください", "ja", None)) == ["en", "ja"]


def test_a_few_words_are_better_than_nothing() -> None:
    assert languages(("Hola.", "es", None), ("How are you?", "en", None)) == ["es", "en"]


def test_a_language_that_is_named_needs_no_words() -> None:
    assert languages(("How are you?", "en", None), ("Sí.", None, "es-MX")) == ["en", "es"]


def test_the_configurations_language_counts_where_the_session_names_none() -> None:
    known = Languages()
    known.tell("1", Transcript("Sí.", named="es"), None)
    known.tell("2", Transcript("No.", named="es"), "it")
    assert (known.of("1"), known.of("2")) == ("es", "it")


def test_nothing_is_known_of_silence_and_of_a_recogniser_that_does_not_tell() -> None:
    assert languages(("", "en", "en"), ("Who is it?", None, None)) == [None, None]


def test_a_turn_keeps_its_language() -> None:
    known = Languages()
    known.tell("1", Transcript("How are you?", language="en"), None)
    known.tell("1", Transcript("¿Cómo estás tú?", language="es"), None)
    assert known.of("1") == "en"


def test_the_oldest_are_forgotten() -> None:
    known = Languages()
    for number in range(MOST_TURNS + 1):
        known.tell(str(number), Transcript("How are you?", language="en"), None)
    assert (known.of("0"), known.of("1"), known.of(str(MOST_TURNS))) == (None, "en", "en")


def voices(prompt: Prompt) -> list[Speech]:
    return [part for message in prompt.messages for part in message.content if isinstance(part, Speech)]


def test_an_answer_learns_the_languages_of_all_turns() -> None:
    async def main() -> None:
        asr = ScriptedAsr([Transcript("¿Qué hora es?", language="es")], [Transcript("And in Rome?", language="en")])
        responder = ScriptedResponder(answers("Las dos.", 100), answers("Two.", 100))
        async with hosted(engines(asr, responder)) as live:
            for _ in range(2):
                await live.turn()
                await live.client.expect("response.done")
        first, second = (voices(call.request) for call in responder.calls)
        assert [speech.language() for speech in first] == ["es"]
        assert [speech.language() for speech in second] == ["es", "en"]

    run_virtual(main())


def test_a_language_that_the_session_names_is_the_turns() -> None:
    async def main() -> None:
        asr, responder = ScriptedAsr("Buongiorno."), ScriptedResponder(answers("Ciao.", 100))
        async with hosted(engines(asr, responder)) as live:
            named = {"type": "realtime", "audio": {"input": {"transcription": {"language": "it"}}}}
            live.client.say("session.update", session=named)
            await live.turn()
            await live.client.expect("response.done")
        (speech,) = voices(responder.calls[0].request)
        assert speech.language() == "it"

    run_virtual(main())
