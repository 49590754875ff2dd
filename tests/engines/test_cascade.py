"""The cascade speaks while the model writes, keeps words and sound together, and stops at once."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from contextlib import aclosing

import pytest

from vivavoce.audio.pcm import Pcm
from vivavoce.engines.cascade import PARTS_AHEAD, Cascade
from vivavoce.ports import (
    Began,
    EngineError,
    Finished,
    Message,
    Prompt,
    ResponsePart,
    Speech,
    SpokenAudio,
    SpokenText,
    TextDelta,
    TokenUsage,
    Voice,
    WordTimes,
)
from vivavoce.testing.clock import run_virtual
from vivavoce.testing.conformance import check_responder
from vivavoce.testing.fakes import STALL, ScriptedLlm, ScriptedTts, Wait, says, sound

USAGE = TokenUsage(12, 5, 3)
VOICE = Voice("alloy", 1.2)


def asked(*messages: Message, spoken: bool = True) -> Prompt:
    return Prompt("Be kind.", messages or (Message("user", ("Hello?",)),), spoken, VOICE)


def speech(transcript: Callable[[], Awaitable[str]]) -> Message:
    return Message("user", (Speech(Pcm.silence(100), transcript),))


def heard(text: str, after: float = 0.0) -> Message:
    async def transcript() -> str:
        if after:
            await asyncio.sleep(after)
        return text

    return speech(transcript)


async def parts(llm: ScriptedLlm, tts: ScriptedTts, prompt: Prompt) -> list[ResponsePart]:
    async with aclosing(Cascade(llm, tts).respond(prompt)) as answer:
        return [part async for part in answer]


def shape(answer: Sequence[ResponsePart]) -> list[object]:
    """Words as words, each run of audio as its milliseconds."""
    seen: list[object] = []
    for part in answer:
        if isinstance(part, WordTimes):
            continue
        if isinstance(part, SpokenAudio):
            if isinstance(seen[-1], float):
                seen[-1] += part.audio.ms
            else:
                seen.append(part.audio.ms)
        else:
            seen.append(part.text if isinstance(part, SpokenText | TextDelta) else part)
    return seen


def test_each_clause_comes_with_its_sound() -> None:
    llm, tts = ScriptedLlm(says("Hello there. How are you?", USAGE)), ScriptedTts(sound(300), sound(500))
    answer = run_virtual(parts(llm, tts, asked()))
    assert shape(answer) == [Began(), "Hello there.", 300.0, " How are you?", 500.0, Finished("stop", USAGE)]
    assert [(call.request.text, call.request.voice) for call in tts.calls] == [
        ("Hello there.", VOICE),
        ("How are you?", VOICE),
    ]
    llm.assert_finished()
    tts.assert_finished()


def times(answer: Sequence[ResponsePart]) -> list[WordTimes]:
    return [part for part in answer if isinstance(part, WordTimes)]


def test_times_of_words_are_told_by_the_text_that_is_shown() -> None:
    llm = ScriptedLlm(says("The **sky** is blue because of light."))
    first: list[Pcm | WordTimes] = [WordTimes(((3, 10.0), (17, 80.0))), *sound(100)]
    second: list[Pcm | WordTimes] = [WordTimes(((7, 30.0),)), *sound(100), WordTimes(((17, 90.0),)), *sound(100)]
    answer = run_virtual(parts(llm, ScriptedTts(first, second), asked()))
    assert shape(answer) == [Began(), "The sky is blue", 100.0, " because of light.", 200.0, answer[-1]]
    # The voice read "The sky is blue," and "because of light.".
    assert times(answer) == [
        WordTimes(((3, 10.0), (15, 80.0))),
        WordTimes(((8, 30.0),)),
        WordTimes(((18, 90.0),)),
    ]
    assert isinstance(answer[2], WordTimes)  # before its audio


def test_times_are_estimated_for_a_voice_that_does_not_tell() -> None:
    llm = ScriptedLlm(says("One two. Ten."))
    clause = [Pcm.silence(100), *sound(600), Pcm.silence(60), *sound(100)]
    answer = run_virtual(parts(llm, ScriptedTts(clause, []), asked()))
    assert shape(answer)[1:4] == ["One two.", 860.0, " Ten."]
    assert times(answer) == [WordTimes(((3, 460.0), (8, 860.0)))]  # half of the sound, and all of it


def test_a_written_answer_is_passed_on() -> None:
    llm, tts = ScriptedLlm(says("**Hello** there.", USAGE)), ScriptedTts()
    answer = run_virtual(parts(llm, tts, asked(spoken=False)))
    assert shape(answer) == [Began(), "**Hello**", " there.", Finished("stop", USAGE)]


def test_the_first_clause_is_heard_while_the_model_writes() -> None:
    llm = ScriptedLlm([TextDelta("Hello there. How"), Wait(5.0), TextDelta(" are you?"), Finished()])
    tts = ScriptedTts(sound(300), sound(500))

    async def scenario() -> list[float]:
        clock, times = asyncio.get_running_loop(), list[float]()
        began = clock.time()
        async with aclosing(Cascade(llm, tts).respond(asked())) as answer:
            async for part in answer:
                if isinstance(part, SpokenText):
                    times.append(clock.time() - began)
        return times

    assert run_virtual(scenario()) == pytest.approx([0.0, 5.0])


def test_began_comes_with_the_first_token() -> None:
    llm, tts = ScriptedLlm([TextDelta("Well"), STALL]), ScriptedTts()

    async def scenario() -> None:
        async with aclosing(Cascade(llm, tts).respond(asked())) as answer:
            assert await anext(answer) == Began()

    run_virtual(scenario())
    llm.assert_finished(cancelled=1)


def test_the_model_writes_on_while_the_voice_speaks() -> None:
    slow: list[Pcm | Wait] = [Wait(1.0), *sound(100)]
    llm = ScriptedLlm([TextDelta("One two. "), Wait(0.9), TextDelta("Three."), Finished()])
    tts = ScriptedTts(slow, slow)

    async def scenario() -> float:
        began = asyncio.get_running_loop().time()
        await parts(llm, tts, asked())
        return asyncio.get_running_loop().time() - began

    assert run_virtual(scenario()) == pytest.approx(2.9)  # 1.9 + 1: the first clause waits for the word after it


def words(answer: Sequence[ResponsePart]) -> list[str]:
    return [part.text for part in answer if isinstance(part, SpokenText)]


def slowly(text: str, seconds: float) -> list[TextDelta | Wait | Finished]:
    """A model that needs this long for each word."""
    written: list[TextDelta | Wait | Finished] = []
    for number, word in enumerate(text.split()):
        written += [Wait(seconds), TextDelta(word if number == 0 else f" {word}")]
    return [*written, Finished()]


def test_clauses_are_shorter_when_the_model_is_slow() -> None:
    text = "Sure! Take flour, eggs, and milk, stir them, then bake it all in a pan for a while."
    for pace, expected in (
        (0.0, ["Sure!", " Take flour, eggs, and milk, stir them, then bake it all in a pan for a while."]),
        (0.2, ["Sure!", " Take flour, eggs,", " and milk, stir them,", " then bake it all in a pan for a while."]),
    ):
        tts = ScriptedTts(*[sound(1000)] * len(expected))
        assert words(run_virtual(parts(ScriptedLlm(slowly(text, pace)), tts, asked()))) == expected


def test_a_first_sentence_that_takes_long_is_not_waited_for() -> None:
    text = "Rain forms when water vapor condenses into tiny droplets."
    whole, halves = [text], ["Rain forms when water vapor condenses", " into tiny droplets."]
    for pace, expected in ((0.05, whole), (0.2, halves)):
        tts = ScriptedTts(*[sound(1000)] * len(expected))
        assert words(run_virtual(parts(ScriptedLlm(slowly(text, pace)), tts, asked()))) == expected


def test_nothing_runs_far_ahead_of_the_listener() -> None:
    llm, tts = ScriptedLlm(says("Word. " * 50)), ScriptedTts(*[sound(1000)] * 50)

    async def scenario() -> None:
        async with aclosing(Cascade(llm, tts).respond(asked())) as answer:
            await anext(answer)
            await asyncio.sleep(1)
            assert len(tts.calls) <= PARTS_AHEAD // 10 + 2
            assert llm.running == 1

    run_virtual(scenario())
    assert not llm.running
    assert not tts.running


@pytest.mark.parametrize("after", [0, 1, 2, 3, 6])
def test_closing_stops_both_at_once(after: int) -> None:
    llm = ScriptedLlm([TextDelta("One two three. Four"), STALL])
    tts = ScriptedTts([*sound(200), STALL])

    async def scenario() -> None:
        cascade = Cascade(llm, tts)
        answer = cascade.respond(asked())
        for _ in range(min(after, 4)):
            await anext(answer)
        await answer.aclose()
        assert cascade.running == 0
        assert len(asyncio.all_tasks()) == 1

    run_virtual(scenario())


def test_cancelling_the_listener_stops_both() -> None:
    llm, tts = ScriptedLlm([TextDelta("One two. Three"), STALL]), ScriptedTts([*sound(200), STALL])

    async def scenario() -> None:
        task = asyncio.create_task(parts(llm, tts, asked()))
        await asyncio.sleep(1)
        assert (llm.running, tts.running) == (1, 1)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert (llm.running, tts.running) == (0, 0)
        assert len(asyncio.all_tasks()) == 1

    run_virtual(scenario())


def test_an_error_of_the_model_or_the_voice_ends_the_answer() -> None:
    broken = EngineError("engine_timeout", "Too slow.")
    for llm, tts in (
        (ScriptedLlm([TextDelta("Hello. My"), broken]), ScriptedTts(sound(100))),
        (ScriptedLlm([broken]), ScriptedTts()),
        (ScriptedLlm([TextDelta("Hello. My"), STALL]), ScriptedTts([*sound(100), broken])),
    ):
        with pytest.raises(EngineError) as error:
            run_virtual(parts(llm, tts, asked()))
        assert error.value is broken
        assert not llm.running
        assert not tts.running


@pytest.mark.parametrize("spoken", [True, False])
def test_other_errors_do_not_leak(spoken: bool) -> None:
    class Broken(ScriptedLlm):
        def generate(self, prompt: Prompt) -> object:  # type: ignore[override]
            raise ValueError("secret")

    with pytest.raises(EngineError) as error:
        run_virtual(parts(Broken(), ScriptedTts(), asked(spoken=spoken)))
    assert error.value.code == "engine_failed"
    assert "secret" not in error.value.message


def test_an_unknown_voice_is_refused_before_anything_runs() -> None:
    llm = ScriptedLlm()
    prompt = Prompt("", asked().messages, True, Voice("nobody"))
    with pytest.raises(EngineError, match="There are: alloy, ash") as error:
        run_virtual(parts(llm, ScriptedTts(), prompt))
    assert error.value.code == "unknown_voice"


def test_the_model_reads_the_words_of_speech_and_no_silence() -> None:
    llm = ScriptedLlm(says("Yes."))
    messages = (heard("Hello.", 0.5), Message("assistant", ("Hi.",)), heard("  "), heard(" Are you there?", 0.2))
    run_virtual(parts(llm, ScriptedTts(sound(100)), asked(*messages)))
    assert llm.calls[0].request.messages == (
        Message("user", ("Hello.",)),
        Message("assistant", ("Hi.",)),
        Message("user", ("Are you there?",)),
    )


def test_a_silent_turn_gets_no_answer() -> None:
    for spoken in (True, False):
        messages = (Message("user", ("Hello.",)), Message("assistant", ("Hi.",)), heard(""))
        assert run_virtual(parts(ScriptedLlm(), ScriptedTts(), asked(*messages, spoken=spoken))) == [Finished()]


def test_a_word_to_the_model_after_the_silence_is_followed() -> None:
    llm, note = ScriptedLlm(says("Are you still there?")), Message("system", ("The user says nothing. Ask.",))
    answer = run_virtual(parts(llm, ScriptedTts(sound(100)), asked(heard(""), note)))
    assert [part.text for part in answer if isinstance(part, SpokenText)] == ["Are you still there?"]
    assert llm.calls[0].request.messages == (note,)


def test_a_failed_transcript_fails_the_answer() -> None:
    async def transcript() -> str:
        raise EngineError("asr_failed", "Could not hear.")

    with pytest.raises(EngineError) as error:
        run_virtual(parts(ScriptedLlm(), ScriptedTts(), asked(speech(transcript))))
    assert error.value.code == "asr_failed"


def test_a_tool_call_is_not_spoken() -> None:
    llm, tts = ScriptedLlm(says('Sure. <tool_call>{"name": "x"}</tool_call>')), ScriptedTts(sound(100))
    answer = run_virtual(parts(llm, tts, asked()))
    assert [part.text for part in answer if isinstance(part, SpokenText)] == ["Sure."]


def test_a_clause_that_goes_on_sounds_so() -> None:
    llm, tts = ScriptedLlm(says("The sky is blue because of light.")), ScriptedTts(sound(100), sound(100))
    answer = run_virtual(parts(llm, tts, asked()))
    assert [part.text for part in answer if isinstance(part, SpokenText)] == ["The sky is blue", " because of light."]
    assert [call.request.text for call in tts.calls] == ["The sky is blue,", "because of light."]


def test_warming_uses_the_words_that_are_known() -> None:
    llm = ScriptedLlm()

    async def scenario() -> None:
        recognition = asyncio.get_running_loop().create_future()

        async def transcript() -> str:
            return str(await recognition)

        cascade = Cascade(llm, ScriptedTts())
        prompt = asked(heard("Hello."), Message("assistant", ("Hi.",)), speech(transcript))
        await cascade.warm(prompt)
        recognition.set_result("What is")  # it was not cancelled
        await cascade.warm(prompt)

    run_virtual(scenario())
    known = (Message("user", ("Hello.",)), Message("assistant", ("Hi.",)))
    assert [prompt.messages for prompt in llm.warmed] == [known, (*known, Message("user", ("What is",)))]


def test_conformance() -> None:
    from vivavoce.engines.instant import InstantLlm, InstantTts

    run_virtual(_conform(Cascade(InstantLlm(), InstantTts())))


async def _conform(cascade: Cascade) -> None:
    await check_responder(cascade, Pcm.silence(500))
