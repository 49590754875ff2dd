"""Calls of tools in a cascade: they wait neither for the voice nor for the listener, and no word of them is said."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from contextlib import aclosing
from dataclasses import replace

import pytest
from tests.engines.test_cascade import asked, heard, parts, shape, speech

from vivavoce.engines.cascade import CLAUSES_AHEAD, Cascade
from vivavoce.ports import (
    Began,
    CallArguments,
    CallBegan,
    CallEnded,
    CallPart,
    Finished,
    Image,
    Message,
    ResponsePart,
    SpokenText,
    TextDelta,
    TokenUsage,
    ToolCall,
    ToolOutput,
)
from vivavoce.testing.clock import run_virtual
from vivavoce.testing.fakes import STALL, ScriptedLlm, ScriptedTts, Wait, calls, says, sound

USAGE = TokenUsage(30, 12)
DICE = calls("roll", sides=6)
END = Finished("stop", USAGE)


def called(answer: Sequence[ResponsePart]) -> list[CallPart]:
    return [part for part in answer if isinstance(part, CallBegan | CallArguments | CallEnded)]


@pytest.mark.parametrize("spoken", [True, False])
def test_an_answer_of_calls_alone_has_neither_words_nor_sound(spoken: bool) -> None:
    script = [TextDelta("\n"), *DICE, *calls("roll", sides=8), END]
    answer = run_virtual(parts(ScriptedLlm(script), ScriptedTts(), asked(spoken=spoken)))
    assert answer == [*DICE, *calls("roll", sides=8), END]


def test_a_written_answer_and_its_calls_keep_their_order() -> None:
    script = [TextDelta("Let me"), TextDelta(" look."), *DICE, TextDelta(" Done."), END]
    answer = run_virtual(parts(ScriptedLlm(script), ScriptedTts(), asked(spoken=False)))
    assert shape(answer) == [Began(), "Let me", " look.", *DICE, " Done.", END]


def test_the_words_before_a_call_are_said_at_once() -> None:
    llm, tts = ScriptedLlm([TextDelta("Let me look"), *DICE[:2], Wait(5.0), *DICE[2:], END]), ScriptedTts(sound(300))

    async def scenario() -> list[tuple[float, ResponsePart]]:
        clock = asyncio.get_running_loop()
        began, seen = clock.time(), list[tuple[float, ResponsePart]]()
        async with aclosing(Cascade(llm, tts).respond(asked())) as answer:
            async for part in answer:
                seen.append((clock.time() - began, part))
        return seen

    seen = run_virtual(scenario())
    assert shape([part for _, part in seen])[:5] == [Began(), *DICE[:2], "Let me look", 300.0]
    assert next(at for at, part in seen if isinstance(part, SpokenText)) == 0.0
    assert called([part for _, part in seen]) == DICE


def test_words_after_a_call_go_on_with_the_message() -> None:
    llm = ScriptedLlm([TextDelta("I look."), *DICE, TextDelta("It runs."), END])
    answer = run_virtual(parts(llm, ScriptedTts(sound(100), sound(100)), asked()))
    assert shape(answer) == [Began(), *DICE, "I look.", 100.0, " It runs.", 100.0, END]


def test_a_message_may_begin_behind_a_call() -> None:
    llm = ScriptedLlm([*DICE, TextDelta("It runs."), END])
    answer = run_virtual(parts(llm, ScriptedTts(sound(100)), asked()))
    assert shape(answer) == [*DICE, Began(), "It runs.", 100.0, END]


def test_a_call_overtakes_what_waits_for_the_listener() -> None:
    """The listener reads 100 ms of sound in 100 ms, and 60 s of it are on the way when the model calls."""
    text = "Word. " * CLAUSES_AHEAD
    llm = ScriptedLlm([TextDelta(text), Wait(2.0), *DICE, STALL])
    tts = ScriptedTts(*[sound(15_000)] * CLAUSES_AHEAD)

    async def scenario() -> float:
        clock = asyncio.get_running_loop()
        began = clock.time()
        async with aclosing(Cascade(llm, tts).respond(asked())) as answer:
            async for part in answer:
                if isinstance(part, CallEnded):
                    return clock.time() - began
                if not isinstance(part, CallBegan | CallArguments):
                    await asyncio.sleep(0.1)
        raise AssertionError

    assert run_virtual(scenario()) == pytest.approx(2.0, abs=0.11)


def test_a_call_does_not_wait_for_the_voice() -> None:
    text = "One two. " * (CLAUSES_AHEAD + 1)
    llm, tts = ScriptedLlm([TextDelta(text + "Let me look"), *DICE, STALL]), ScriptedTts([STALL])

    async def scenario() -> None:
        async with aclosing(Cascade(llm, tts).respond(asked())) as answer:
            async with asyncio.timeout(1):
                seen = [await anext(answer) for _ in range(5)]
        assert called(seen) == DICE

    run_virtual(scenario())


@pytest.mark.parametrize("after", range(1, 5))
def test_closing_in_the_middle_of_a_call_stops_both(after: int) -> None:
    llm, tts = ScriptedLlm([TextDelta("Let me look"), *DICE[:3], STALL]), ScriptedTts([*sound(200), STALL])

    async def scenario() -> None:
        cascade = Cascade(llm, tts)
        answer = cascade.respond(asked())
        for _ in range(after):
            await anext(answer)
        await answer.aclose()
        assert cascade.running == 0
        assert len(asyncio.all_tasks()) == 1

    run_virtual(scenario())


ROLL = Message("assistant", ("Let me roll.", ToolCall("call_1", "roll", "{}")))
ROLLED = Message("tool", (ToolOutput("call_1", "4"),))


def test_calls_and_outputs_of_the_history_are_passed_on() -> None:
    llm = ScriptedLlm(says("Four."))
    history = (heard("Roll a die."), ROLL, ROLLED)
    run_virtual(parts(llm, ScriptedTts(sound(100)), asked(*history)))
    assert llm.calls[0].request.messages == (Message("user", ("Roll a die.",)), ROLL, ROLLED)


def test_an_output_after_a_silent_turn_is_answered() -> None:
    llm = ScriptedLlm(says("Four."))
    answer = run_virtual(parts(llm, ScriptedTts(sound(100)), asked(ROLL, heard(""), ROLLED)))
    assert llm.calls[0].request.messages == (ROLL, ROLLED)
    assert shape(answer)[1] == "Four."


def test_a_silent_turn_while_a_call_is_open_gets_no_answer() -> None:
    assert run_virtual(parts(ScriptedLlm(), ScriptedTts(), asked(ROLL, heard("")))) == [Finished()]


def test_a_history_with_calls_can_be_warmed() -> None:
    llm = ScriptedLlm()
    run_virtual(Cascade(llm, ScriptedTts()).warm(asked(ROLL, ROLLED, heard("What is", after=1.0))))
    assert [prompt.messages for prompt in llm.warmed] == [(ROLL, ROLLED)]


def picture(after: float = 0.0) -> Image:
    async def description() -> str:
        await asyncio.sleep(after)
        return "A button that says: Pay."

    return Image(b"png", "image/png", "auto", description=description, width=640, height=480)


def test_a_model_that_does_not_see_reads_what_is_on_a_picture() -> None:
    llm, asking = ScriptedLlm(says("Pay.")), Message("user", ("What is this?", picture(after=0.5), "Say."))
    run_virtual(parts(llm, ScriptedTts(sound(100)), asked(asking)))
    assert llm.calls[0].request.messages == (Message("user", ("What is this?\nA button that says: Pay.\nSay.",)),)


def test_a_model_that_sees_gets_the_picture_itself() -> None:
    llm, image = ScriptedLlm(says("Pay."), features=("images",)), picture()
    spoken = Message("user", (*heard("What is this?").content, image))
    silent = Message("user", (*heard("").content, image))
    run_virtual(parts(llm, ScriptedTts(sound(100)), asked(spoken, silent)))
    assert llm.calls[0].request.messages == (Message("user", ("What is this?", image)), Message("user", (image,)))


def test_only_what_comes_before_an_unknown_picture_is_warmed() -> None:
    llm, asking = ScriptedLlm(), Message("user", ("What is this?", picture(after=1.0), "Say."))
    run_virtual(Cascade(llm, ScriptedTts()).warm(asked(asking, Message("user", ("Well?",)))))
    assert [prompt.messages for prompt in llm.warmed] == [(Message("user", ("What is this?",)),)]


def test_a_verbatim_answer_asks_no_model_and_awaits_no_words() -> None:
    async def never() -> str:
        raise AssertionError

    prompt = replace(asked(speech(never)), verbatim="One moment. I am looking.")
    tts = ScriptedTts(sound(100), sound(200))
    answer = run_virtual(parts(ScriptedLlm(), tts, prompt))
    assert shape(answer) == [Began(), "One moment.", 100.0, " I am looking.", 200.0, Finished()]
    written = run_virtual(parts(ScriptedLlm(), ScriptedTts(), replace(prompt, spoken=False)))
    assert shape(written) == [Began(), "One moment. I am looking.", Finished()]
