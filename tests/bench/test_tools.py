"""The judge of `vivavoce bench tools`: what counts as the right call, and what as made up."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from dataclasses import replace

import pytest

from vivavoce.bench.tools import Bench, Called, Turn, Waited, made_up, required, right, turns, waits
from vivavoce.bench.tools_lines import DEVELOPMENT, REPORTED, WAITS, Line
from vivavoce.commands.bench_tools import ToolsReport
from vivavoce.engines.instant import InstantAsr, InstantLlm, InstantTts
from vivavoce.ports import CallArguments, CallBegan, CallEnded, CallPart, Finished, Prompt, TextDelta, ToolOutput

LIGHT = Line("", "set_light", {"room": ("living room",), "brightness": (None, 100), "state": ("on",)})


class CallsWhatItIsGiven(InstantLlm):
    """Calls the only tool that may be called; once the result is there it reads it out."""

    async def generate(self, prompt: Prompt) -> AsyncGenerator[TextDelta | CallPart | Finished, None]:
        last = prompt.messages[-1].content[-1]
        if isinstance(last, ToolOutput):
            yield TextDelta(last.output)
        else:
            yield CallBegan(prompt.callable[0] if prompt.callable else prompt.tools[0].name)
            yield CallArguments("{}")
            yield CallEnded()
        yield Finished()


def bench() -> Bench:
    return Bench(CallsWhatItIsGiven(), InstantAsr(), InstantTts(), "alloy", "Be kind.")


@pytest.mark.parametrize(
    ("calls", "good"),
    [
        ([("set_light", '{"room": "The Living Room", "state": "on"}')], True),
        ([("set_light", '{"room": "living room", "brightness": 100, "state": "on"}')], True),
        ([("set_light", '{"room": "living room", "brightness": 40, "state": "on"}')], False),
        ([("set_light", '{"room": "living room"}')], False),
        ([("set_light", '{"room": "living room", "state": "on", "colour": "red"}')], False),
        ([("start_timer", "{}")], False),
        ([("set_light", '{"room": "living room", "state": "on"}')] * 2, False),
        ([], False),
    ],
)
def test_a_call_is_right_when_all_of_it_is(calls: list[tuple[str, str]], good: bool) -> None:
    assert right(LIGHT, calls) is good


def test_small_talk_is_right_when_nothing_is_called() -> None:
    assert right(Line("Hello."), [])
    assert not right(Line("Hello."), [("set_light", "{}")])


def test_numbers_that_nobody_said_are_made_up() -> None:
    assert made_up("It leaves at 10:30.", "when is the train?")
    assert made_up("That is $91.", "how much?")
    assert not made_up("It leaves at 16:42, and February has 28 days.", "departure 16:42")
    assert not made_up("I am still waiting.", "")


def test_a_model_that_always_calls_is_found_out() -> None:
    told: list[Turn] = []
    found = asyncio.run(turns(bench(), REPORTED, told.append))
    assert found == told
    assert not any(turn.right for turn in found)
    assert len(found) == len(REPORTED.requests) + len(REPORTED.talk)
    assert not ToolsReport("x", turns=found).good


def test_demanded_calls_go_to_what_may_be_called() -> None:
    found = asyncio.run(required(bench(), REPORTED, 7, lambda _: None))
    assert [turn.right for turn in found] == [True] * 7
    assert {turn.wanted for turn in found} == {"any", "add_to_shopping_list", "find_train", "set_light"}
    assert ToolsReport("x", required=found).good


def test_open_calls_that_are_repeated_are_counted() -> None:
    told: list[Waited] = []
    found = asyncio.run(waits(bench(), REPORTED, WAITS, told.append))
    assert found == told
    repeated = [wait.tool == REPORTED.tools[0].name for wait in WAITS]
    assert [each.repeated for each in found] == [3 * each for each in repeated]
    assert [each.needless for each in found] == [3 * (not each) for each in repeated]
    assert all(each.used for each in found)
    assert not ToolsReport("x", waits=found).good
    assert ToolsReport("x", waits=[Waited("", [Called("", [])], 0, 0, [], True)]).good


def test_an_answer_that_claims_a_result_too_early_is_found_out() -> None:
    class Claims(InstantLlm):
        async def generate(self, prompt: Prompt) -> AsyncGenerator[TextDelta | CallPart | Finished, None]:
            yield TextDelta("Yes, the light is on.")
            yield Finished()

    light = [wait for wait in WAITS if wait.tool == "set_light"]
    (found,) = asyncio.run(waits(replace(bench(), llm=Claims()), REPORTED, light, lambda _: None))
    assert (len(found.invented), found.used) == (3, False)


def test_the_lists_are_apart() -> None:
    assert len(REPORTED.requests) >= 20
    assert len(REPORTED.talk) >= 20
    assert len(REPORTED.tools) == 5
    assert not {tool.name for tool in REPORTED.tools} & {tool.name for tool in DEVELOPMENT.tools}
    assert not {line.words for line in REPORTED.requests} & {line.words for line in DEVELOPMENT.requests}
    assert not {*REPORTED.talk} & {*DEVELOPMENT.talk}
