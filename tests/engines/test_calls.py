"""Calls as a model is shown them: each with an output behind it, and late ones at their own place."""

from __future__ import annotations

from dataclasses import replace

from vivavoce.engines.calls import PENDING, callable_tools, open_calls, shown
from vivavoce.ports import Message, Prompt, Tool, ToolCall, ToolOutput, Voice

HI = Message("user", ("Hi.",))
WELL = Message("assistant", ("Well.",))


def call(n: int) -> ToolCall:
    return ToolCall(f"call_{n}", "look", f'{{"n": {n}}}')


def made(*calls: int) -> Message:
    return Message("assistant", tuple(map(call, calls)))


def output(n: int, text: str = "found") -> Message:
    return Message("tool", (ToolOutput(f"call_{n}", text),))


def late(n: int) -> Message:
    return Message("tool", (f'This is the result of the call look({{"n": {n}}}), made before:\nfound',))


def test_a_call_with_its_output_behind_it_stays_as_it_is() -> None:
    for messages in (
        (HI, made(1), output(1), WELL, HI),
        (HI, made(1), made(2), output(2), output(1)),
        (HI, made(1, 2)),
    ):
        assert shown(messages)[: len(messages)] == messages
        assert shown(shown(messages)) == shown(messages)


def test_an_open_call_is_pending_and_what_was_shown_never_changes() -> None:
    history = (HI, made(1), HI, WELL, made(2), output(2), HI, WELL, output(1), HI)
    whole = shown(history)
    assert whole == (HI, made(1), output(1, PENDING), HI, WELL, made(2), output(2), HI, WELL, late(1), HI)
    for said in (3, 7, 9):  # whatever came by the user's turns
        assert whole[: len(shown(history[:said]))] == shown(history[:said])


def test_of_calls_made_together_each_has_an_output_of_its_own() -> None:
    assert shown((made(1), made(2), output(1), HI)) == (made(1), made(2), output(1), output(2, PENDING), HI)
    assert shown((made(1), output(1), made(2), HI)) == (made(1), output(1), made(2), output(2, PENDING), HI)
    assert shown((made(1), output(1), made(2), output(2))) == (made(1), output(1), made(2), output(2))


def test_a_late_output_never_comes_between_a_call_and_its_own() -> None:
    assert shown((made(1), HI, made(2), output(1), output(2))) == (
        *(made(1), output(1, PENDING), HI, made(2), output(2, PENDING)),
        *(late(1), late(2)),
    )


def test_words_after_a_call_do_not_stand_before_its_output() -> None:
    assert shown((made(1), WELL)) == (made(1), output(1, PENDING), WELL)


def test_an_output_of_a_call_that_is_gone_is_still_told() -> None:
    (told,) = shown((output(9),))
    assert told == Message("tool", ("This is the result of a call that was made before:\nfound",))


def test_a_call_is_open_until_its_output_comes_however_late() -> None:
    assert open_calls((HI, made(1, 2), output(2), WELL)) == (call(1),)
    assert open_calls((HI, made(1, 2), output(2), WELL, output(1))) == ()


def test_the_tools_that_may_be_called() -> None:
    tools = (Tool("a", "", {}), Tool("b", "", {}))
    prompt = Prompt("", (HI,), False, Voice(""), tools=tools)
    assert callable_tools(prompt) == tools
    for asked, names in (
        (replace(prompt, tool_choice="none"), ""),
        (replace(prompt, tool_choice="required", callable=("b",)), "b"),
        (replace(prompt, callable=()), ""),
    ):
        assert "".join(tool.name for tool in callable_tools(asked)) == names
