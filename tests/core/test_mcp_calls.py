"""PROTOCOL.md 4.7: the server calls the tools of MCP servers itself, inside of the response that wants it."""

from __future__ import annotations

import pytest
from tests.core.caller import done, show, started, tags
from tests.core.mcp_caller import SHOP, McpCaller, calling, shopping

from vivavoce.core import effects as fx
from vivavoce.protocol import server as wire
from vivavoce.protocol.items import ExecutionFault, HttpFault, McpCall, McpFault, ProtocolFault

CALL = [
    "response.output_item.added",
    "conversation.item.added",
    "response.mcp_call_arguments.delta",
    "response.mcp_call_arguments.done",
    "response.mcp_call.in_progress",
    "call_tool",
]
OVER = ["response.mcp_call.completed", "conversation.item.done", "response.output_item.done"]
GOES_ON = ["response.done", "response.created", "start_response"]


def call_of(response: wire.ResponseObject) -> McpCall:
    (item,) = (item for item in response.output if isinstance(item, McpCall))
    return item


def test_a_call_comes_in_the_order_of_the_service_and_is_answered() -> None:
    caller = shopping()
    caller.send("response.create")
    where = "item_id=item_2 output_index=0"
    assert show(caller.call("find", '{"what":', '"tea"}')) == [
        "response.output_item.added response_id=resp_1 output_index=0 item=item_2:in_progress:shop.find()",
        "conversation.item.added previous_item_id=item_1 item=item_2:in_progress:shop.find()",
        f"response.mcp_call_arguments.delta response_id=resp_1 {where} delta='{{\"what\":' obfuscation=''",
        f"response.mcp_call_arguments.delta response_id=resp_1 {where} delta='\"tea\"}}' obfuscation=''",
        f'response.mcp_call_arguments.done response_id=resp_1 {where} arguments=\'{{"what":"tea"}}\'',
        f"response.mcp_call.in_progress {where}",
        'call_tool item_id=item_2 server=shop name=find arguments=\'{"what":"tea"}\'',
    ]
    assert caller.finish() == []  # the response waits
    item = 'item=item_2:completed:shop.find({"what":"tea"})=Tea.'
    assert show(caller.returned("item_2")) == [
        f"response.mcp_call.completed {where}",
        f"conversation.item.done previous_item_id=item_1 {item}",
        f"response.output_item.done response_id=resp_1 output_index=0 {item}",
        "response.done response=resp_1:completed[item_2]",
        "response.created response=resp_2:in_progress[]",
        "start_response response_id=resp_2 context=[item_1 item_2] format=(rate=24000)",
    ]
    assert tags([*caller.words("Tea.", "resp_2"), *caller.finish("resp_2")])[-1] == "response.done"


def test_a_client_may_look_at_a_call_while_it_runs() -> None:
    caller = calling()
    item = caller.item("item_2")
    assert isinstance(item, McpCall)
    assert (item.status, item.arguments, item.output) == ("in_progress", "{}", None)


@pytest.mark.parametrize(
    "fault",
    [
        HttpFault(code=503, message="Closed."),
        ProtocolFault(code=-32602, message="No such thing."),
        ExecutionFault(message="Sold out."),
    ],
)
def test_a_call_that_fails_is_told_and_answered(fault: McpFault) -> None:
    caller = calling()
    outputs = caller.broken("item_2", fault)
    assert tags(outputs) == ["response.mcp_call.failed", *OVER[1:], *GOES_ON]
    response = next(output.response for output in outputs if isinstance(output, wire.ResponseDone))
    assert (response.status, call_of(response).error, call_of(response).output) == ("completed", fault, None)
    (*_, item) = started(outputs).context.items
    assert item == call_of(response)


def test_a_result_may_come_while_the_answer_is_still_being_given() -> None:
    caller = calling(finished=False)
    assert tags(caller.words("Let me look.")) == [
        "response.output_item.added",
        "conversation.item.added",
        "response.content_part.added",
        "response.output_text.delta",
    ]
    assert tags(caller.returned("item_2")) == OVER
    assert tags(caller.words(" One moment.")) == ["response.output_text.delta"]
    assert tags(caller.finish())[-3:] == GOES_ON


def test_what_was_said_ends_with_the_engine_and_what_is_called_goes_on() -> None:
    caller = shopping()
    caller.send("response.create")
    caller.words("Let me look.")
    caller.call("find", "{}")
    assert tags(caller.finish()) == [
        "response.output_text.done",
        "response.content_part.done",
        "conversation.item.done",
        "response.output_item.done",
    ]
    assert caller.words("Too late.") == []
    assert tags(caller.returned("item_3")) == [*OVER, *GOES_ON]


def test_a_response_waits_for_all_of_its_calls() -> None:
    caller = calling(finished=False)
    caller.call("buy", "{}")
    caller.finish()
    assert tags(caller.returned("item_3", "Bought.")) == OVER
    outputs = caller.returned("item_2")
    assert tags(outputs) == [*OVER, *GOES_ON]
    assert [item.id for item in started(outputs).context.items] == ["item_1", "item_2", "item_3"]


def test_where_the_client_owes_a_result_the_next_answer_is_the_client_s_to_ask_for() -> None:
    caller = McpCaller(SHOP, {"type": "function", "name": "clock"})
    caller.listed()
    caller.send("response.create")
    caller.call("find", "{}")
    caller.call("clock")
    caller.finish()
    assert tags(caller.returned("item_2")) == [*OVER, "response.done"]


def test_an_answer_that_was_cut_off_is_followed_too() -> None:
    caller = calling(finished=False)
    caller.tell(fx.AnswerFinished(response_id="resp_1", reason="length", output_tokens=7))
    outputs = caller.returned("item_2")
    assert tags(outputs) == [*OVER, *GOES_ON]
    response = next(output.response for output in outputs if isinstance(output, wire.ResponseDone))
    assert (response.status, response.usage and response.usage.output_tokens) == ("incomplete", 7)


def test_a_call_that_did_not_become_whole_is_never_made() -> None:
    caller = shopping()
    caller.send("response.create")
    caller.tell(fx.AnswerCall(response_id="resp_1", name="find"))
    caller.tell(fx.AnswerArguments(response_id="resp_1", delta='{"wh'))
    response = done(caller.finish())
    assert (call_of(response).status, call_of(response).arguments) == ("incomplete", '{"wh')
    assert "start_response" in tags(caller.send("response.create"))


def test_an_engine_that_fails_ends_its_answer_at_once() -> None:
    caller = calling(finished=False)
    outputs = caller.tell(fx.AnswerFailed(response_id="resp_1", code="engine_failed", message="Broken."))
    assert tags(outputs)[0] == "cancel_tool"
    assert done(outputs).status == "failed"
    assert caller.returned("item_2") == []


def test_a_call_that_was_deleted_ends_without_its_item() -> None:
    caller = calling()
    caller.send("conversation.item.delete", item_id="item_2")
    assert tags(caller.returned("item_2")) == [OVER[0], OVER[2], *GOES_ON]


def test_what_is_told_of_nothing_is_dropped() -> None:
    assert shopping().returned("item_9") == []


def test_out_of_band_a_call_runs_and_its_result_is_in_the_response() -> None:
    caller = shopping()
    caller.send("response.create", response={"conversation": "none"})
    called = caller.call("find", "{}")
    assert tags(called) == [kind for kind in CALL if kind != "conversation.item.added"]
    assert caller.finish() == []
    outputs = caller.returned("item_2")
    assert tags(outputs) == [OVER[0], OVER[2], "response.done"]
    assert call_of(done(outputs)).output == "Tea."


def test_out_of_band_a_call_that_only_reads_is_given_up_too() -> None:
    caller = shopping()
    caller.send("response.create", response={"conversation": "none"})
    caller.call("find", "{}")
    outputs = caller.send("response.cancel", response_id="resp_1")
    assert tags(outputs)[1:] == ["cancel_tool", "response.mcp_call.failed", OVER[2], "response.done"]
    assert tags(caller.send("response.create")) == GOES_ON[1:]  # nobody was told of it, so nobody asks for more


def test_out_of_band_a_call_that_goes_on_after_a_cancel_still_ends() -> None:
    caller = shopping()
    caller.send("response.create", response={"conversation": "none"})
    caller.call("buy", "{}")
    assert tags(caller.send("response.cancel", response_id="resp_1")) == [
        "cancel_response",
        "response.output_item.done",
        "response.done",
    ]
    assert tags(caller.returned("item_2")) == ["response.mcp_call.completed"]
