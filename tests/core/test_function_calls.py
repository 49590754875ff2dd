"""PROTOCOL.md 4.7: the model calls a function of the client's, and the conversation goes on meanwhile."""

from __future__ import annotations

from typing import Any

import pytest
from msgspec.structs import replace
from tests.core.caller import CAN, Caller, done, error, refusal, said, show, started, tags

from vivavoce.core import effects as fx
from vivavoce.protocol import server as wire
from vivavoce.protocol.items import FunctionCall, FunctionCallOutput, OutputText

TOOLS = [
    {"type": "function", "name": "weather", "description": "Of a town.", "parameters": {"type": "object"}},
    {"type": "function", "name": "clock"},
]


def asked() -> Caller:
    caller = Caller(can=replace(CAN, tools=True), output_modalities=["text"], tools=TOOLS)
    caller.send("response.create")
    return caller


def output(call_id: str, text: str = "Rain.", **fields: object) -> dict[str, Any]:
    return {"type": "function_call_output", "call_id": call_id, "output": text, **fields}


def test_a_call_comes_in_the_order_of_the_service() -> None:
    caller = asked()
    assert show([*caller.call("weather", '{"town":', '"Rome"}'), *caller.finish()]) == [
        "response.output_item.added response_id=resp_1 output_index=0 item=item_1:call_1:in_progress:weather()",
        "conversation.item.added previous_item_id=None item=item_1:call_1:in_progress:weather()",
        "response.function_call_arguments.delta response_id=resp_1 item_id=item_1 output_index=0 call_id=call_1 "
        "delta='{\"town\":'",
        "response.function_call_arguments.delta response_id=resp_1 item_id=item_1 output_index=0 call_id=call_1 "
        "delta='\"Rome\"}'",
        "response.function_call_arguments.done response_id=resp_1 item_id=item_1 output_index=0 call_id=call_1 "
        'name=weather arguments=\'{"town":"Rome"}\'',
        'conversation.item.done previous_item_id=None item=item_1:call_1:completed:weather({"town":"Rome"})',
        "response.output_item.done response_id=resp_1 output_index=0 "
        'item=item_1:call_1:completed:weather({"town":"Rome"})',
        "response.done response=resp_1:completed[item_1]",
    ]


def test_the_model_is_told_of_the_tools_and_of_what_they_returned() -> None:
    caller = asked()
    caller.call("weather", "{}")
    caller.finish()
    assert tags(caller.send("conversation.item.create", item=output("call_1"))) == [
        "conversation.item.added",
        "conversation.item.done",
    ]
    context = started(caller.send("response.create")).context
    assert [(tool.name, tool.description) for tool in context.tools] == [("weather", "Of a town."), ("clock", "")]
    assert context.tools[1].parameters == {"type": "object", "properties": {}}
    call, result = context.items
    assert isinstance(call, FunctionCall)
    assert isinstance(result, FunctionCallOutput)
    assert (call.call_id, call.arguments, result.call_id, result.output) == ("call_1", "{}", "call_1", "Rain.")


def test_words_and_several_calls_are_items_of_one_response() -> None:
    caller = asked()
    outputs = [*caller.words("Let me "), *caller.call("weather", "{}"), *caller.call("clock"), *caller.words("look.")]
    response = done([*outputs, *caller.finish()])
    message, *calls = response.output
    assert said(message).content == (OutputText("Let me look."),)
    assert [(call.name, call.call_id, call.status) for call in calls if isinstance(call, FunctionCall)] == [
        ("weather", "call_1", "completed"),
        ("clock", "call_2", "completed"),
    ]


def test_words_may_follow_a_call() -> None:
    caller = asked()
    caller.call("weather", "{}")
    outputs = [*caller.words("One moment."), *caller.finish()]
    assert tags(outputs)[0] == "response.output_item.added"
    assert [item.id for item in done(outputs).output] == ["item_1", "item_2"]


@pytest.mark.parametrize("stop", ["response.cancel", "next call", "failure"])
def test_a_call_that_did_not_become_whole_is_incomplete(stop: str) -> None:
    caller = asked()
    caller.tell(fx.AnswerCall(response_id="resp_1", name="weather"))
    caller.tell(fx.AnswerArguments(response_id="resp_1", delta='{"to'))
    if stop == "response.cancel":
        outputs = caller.send("response.cancel")
    elif stop == "failure":
        outputs = caller.tell(fx.AnswerFailed(response_id="resp_1", code="engine_failed", message="Broken."))
    else:
        caller.call("clock", "{}")
        outputs = caller.finish()
    (broken, *_) = done(outputs).output
    assert isinstance(broken, FunctionCall)
    assert (broken.status, broken.arguments) == ("incomplete", '{"to')
    refused = caller.send("conversation.item.create", item=output("call_1"))
    assert refusal(refused) == ("invalid_value", "item.call_id")


def test_arguments_without_a_call_say_nothing() -> None:
    caller = asked()
    assert caller.tell(fx.AnswerArguments(response_id="resp_1", delta="{}")) == []
    assert caller.tell(fx.AnswerCalled(response_id="resp_1")) == []


def test_the_conversation_goes_on_while_a_call_is_open() -> None:
    caller = asked()
    caller.call("weather", "{}")
    caller.finish()
    for turn in (2, 3, 4):
        question = {"type": "message", "role": "user", "content": [{"type": "input_text", "text": "And you?"}]}
        caller.send("conversation.item.create", item=question)
        context = started(caller.send("response.create")).context
        assert isinstance(context.items[0], FunctionCall)
        assert not any(isinstance(item, FunctionCallOutput) for item in context.items)
        caller.words("Well.", f"resp_{turn}")
        caller.finish(f"resp_{turn}")
    caller.send("conversation.item.create", item=output("call_1"))
    last = started(caller.send("response.create")).context.items[-1]
    assert isinstance(last, FunctionCallOutput)


def test_an_output_for_nothing_and_a_second_one_are_refused() -> None:
    caller = asked()
    caller.call("weather", "{}")
    caller.finish()
    nothing = error(caller.send("conversation.item.create", item=output("call_9"), event_id="mine"))
    assert (nothing.code, nothing.param, nothing.event_id) == ("invalid_value", "item.call_id", "mine")
    caller.send("conversation.item.create", item=output("call_1"))
    second = error(caller.send("conversation.item.create", item=output("call_1", "Sun.")))
    assert second.message == "Function call 'call_1' has an output already: one call has one output."


def test_a_call_may_be_brought_with_its_output() -> None:
    caller = Caller(can=replace(CAN, tools=True))
    call = {"type": "function_call", "name": "weather", "arguments": "{}", "call_id": "mine", "id": "first"}
    assert show(caller.send("conversation.item.create", item=call))[0] == (
        "conversation.item.added previous_item_id=None item=first:mine:completed:weather({})"
    )
    assert tags(caller.send("conversation.item.create", item=output("mine"))) == [
        "conversation.item.added",
        "conversation.item.done",
    ]
    refused = caller.send("conversation.item.create", item={**call, "id": "second"})
    assert refusal(refused) == ("invalid_value", "item.call_id")
    for arguments in ("[1]", "", "{" * 100_000):
        wrong = {**call, "call_id": "other", "id": "third", "arguments": arguments}
        assert refusal(caller.send("conversation.item.create", item=wrong)) == ("invalid_value", "item.arguments")


def test_a_request_may_bring_a_call_with_its_output() -> None:
    caller = Caller(can=replace(CAN, tools=True))
    call = {"type": "function_call", "name": "weather", "arguments": "{}", "call_id": "mine"}
    response = {"conversation": "none", "input": [call, output("mine")]}
    assert len(started(caller.send("response.create", response=response)).context.items) == 2
    alone = {"conversation": "none", "input": [output("mine")]}
    assert refusal(caller.send("response.create", response=alone)) == ("invalid_value", "response.input[0].call_id")


def test_an_answer_out_of_band_may_call_too() -> None:
    caller = Caller(can=replace(CAN, tools=True), tools=TOOLS)
    caller.send("response.create", response={"conversation": "none"})
    outputs = [*caller.call("weather", "{}"), *caller.finish()]
    assert "conversation.item.added" not in tags(outputs)
    (call,) = done(outputs).output
    assert isinstance(call, FunctionCall)
    refused = caller.send("conversation.item.create", item=output(call.call_id))
    assert refusal(refused) == ("invalid_value", "item.call_id")


def test_a_new_set_of_tools_is_prepared_at_once() -> None:
    caller = Caller(can=replace(CAN, tools=True))
    updated, warm = caller.update(tools=TOOLS)
    assert isinstance(updated, wire.SessionUpdated)
    assert isinstance(warm, fx.Warm)
    assert [tool.name for tool in warm.context.tools] == ["weather", "clock"]
