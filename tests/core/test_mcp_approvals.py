"""PROTOCOL.md 4.7: the client is asked before a call, and the call is made, or not, when it has decided."""

from __future__ import annotations

import pytest
from tests.core.caller import error, refusal, show, started, tags
from tests.core.mcp_caller import McpCaller, calling, shopping

from vivavoce.core import effects as fx
from vivavoce.protocol.items import McpApprovalRequest, McpApprovalResponse, McpCall

DECIDED = ["conversation.item.added", "conversation.item.done"]
GOES_ON = ["response.created", "start_response"]


def asking(tool: str = "buy") -> McpCaller:
    """The client has been asked (item_2)."""
    return calling(tool, require_approval="always")


def test_a_request_comes_instead_of_the_call_with_all_of_its_arguments() -> None:
    caller = shopping(require_approval="always")
    caller.send("response.create")
    assert caller.tell(fx.AnswerCall(response_id="resp_1", name="buy")) == []
    assert caller.tell(fx.AnswerArguments(response_id="resp_1", delta='{"n":')) == []
    assert caller.tell(fx.AnswerArguments(response_id="resp_1", delta="2}")) == []
    assert show([*caller.tell(fx.AnswerCalled(response_id="resp_1")), *caller.finish()]) == [
        'response.output_item.added response_id=resp_1 output_index=0 item=item_2:in_progress:shop.buy({"n":2})?',
        'conversation.item.added previous_item_id=item_1 item=item_2:in_progress:shop.buy({"n":2})?',
        'conversation.item.done previous_item_id=item_1 item=item_2:completed:shop.buy({"n":2})?',
        'response.output_item.done response_id=resp_1 output_index=0 item=item_2:completed:shop.buy({"n":2})?',
        "response.done response=resp_1:completed[item_2]",
    ]


def test_yes_makes_the_call_outside_of_a_response_and_goes_on() -> None:
    caller = asking()
    assert show(caller.decide("item_2", id="yes")) == [
        "conversation.item.added previous_item_id=item_2 item=yes:item_2:yes",
        "conversation.item.done previous_item_id=item_2 item=yes:item_2:yes",
        "conversation.item.added previous_item_id=yes item=item_3:in_progress:shop.buy({})",
        "response.mcp_call.in_progress item_id=item_3 output_index=0",
        "call_tool item_id=item_3 server=shop name=buy arguments='{}'",
    ]
    outputs = caller.returned("item_3", "Bought.")
    assert show(outputs[:2]) == [
        "response.mcp_call.completed item_id=item_3 output_index=0",
        "conversation.item.done previous_item_id=yes item=item_3:completed:shop.buy({})=Bought.",
    ]
    assert tags(outputs[2:]) == GOES_ON
    (_, request, _, call) = started(outputs).context.items
    assert isinstance(request, McpApprovalRequest)
    assert isinstance(call, McpCall)
    assert (call.approval_request_id, call.output) == ("item_2", "Bought.")


def test_no_is_told_to_the_model() -> None:
    outputs = asking().decide("item_2", approve=False, reason="Too dear.")
    assert tags(outputs) == [*DECIDED, *GOES_ON]
    answer = started(outputs).context.items[-1]
    assert isinstance(answer, McpApprovalResponse)
    assert (answer.approve, answer.reason) == (False, "Too dear.")


def test_no_while_something_is_being_said_waits_for_its_end() -> None:
    caller = asking()
    caller.send("response.create")
    assert tags(caller.decide("item_2", approve=False)) == DECIDED
    assert tags(caller.finish("resp_2")) == ["response.done", *GOES_ON]
    assert tags(caller.finish("resp_3")) == ["response.done"]


def test_an_approval_for_nothing_is_refused() -> None:
    caller = asking()
    for request in ("item_1", "item_9"):
        assert refusal(caller.decide(request)) == ("invalid_value", "item.approval_request_id")
    assert "item_9" in error(caller.decide("item_9")).message


@pytest.mark.parametrize("approve", [True, False])
def test_a_request_is_decided_once(approve: bool) -> None:
    caller = asking()
    caller.decide("item_2", approve)
    assert refusal(caller.decide("item_2", True)) == ("invalid_value", "item.approval_request_id")


def test_a_decision_that_has_no_place_decides_nothing() -> None:
    caller = asking()
    item = {"type": "mcp_approval_response", "approval_request_id": "item_2", "approve": True}
    refused = caller.send("conversation.item.create", item=item, previous_item_id="item_9")
    assert refusal(refused)[0] == "item_create_invalid_previous_item_id"
    assert "call_tool" in tags(caller.decide("item_2"))


def test_a_request_that_was_deleted_is_not_waited_for() -> None:
    caller = asking()
    caller.send("conversation.item.delete", item_id="item_2")
    assert refusal(caller.decide("item_2")) == ("invalid_value", "item.approval_request_id")


def test_an_approval_belongs_into_the_conversation() -> None:
    caller = asking()
    item = {"type": "mcp_approval_response", "approval_request_id": "item_2", "approve": True}
    refused = caller.send("response.create", response={"input": [item]})
    assert refusal(refused) == ("unsupported_value", "response.input[0].type")


def test_a_call_whose_arguments_never_came_asks_nothing() -> None:
    caller = shopping(require_approval="always")
    caller.send("response.create")
    caller.tell(fx.AnswerCall(response_id="resp_1", name="buy"))
    assert tags(caller.finish()) == ["response.done"]


def test_a_request_waits_while_the_conversation_goes_on() -> None:
    caller = asking()
    caller.send("response.create")
    caller.words("Shall I?", "resp_2")
    caller.finish("resp_2")
    assert "call_tool" in tags(caller.decide("item_2"))


def test_an_approved_call_that_ends_while_something_is_said_is_answered_next() -> None:
    caller = asking()
    caller.decide("item_2")
    caller.now += 3
    caller.send("response.create")
    assert tags(caller.returned("item_4")) == ["response.mcp_call.completed", "conversation.item.done"]
    assert tags(caller.finish("resp_2")) == ["response.done", *GOES_ON]


def test_the_caller_s_turn_comes_before_a_result() -> None:
    caller = asking()
    caller.detect(type="server_vad")
    caller.decide("item_2")
    caller.hear(96, 0.9)
    assert tags(caller.returned("item_4")) == ["response.mcp_call.completed", "conversation.item.done"]
    assert tags(caller.hear(320, 0.0))[-2:] == GOES_ON
    assert tags(caller.finish("resp_2")) == ["response.done"]


def test_a_call_runs_with_what_was_asked_for_whatever_the_session_has_by_then() -> None:
    caller = asking()
    caller.update(tools=[])
    outputs = caller.decide("item_2")
    (command,) = (output for output in outputs if isinstance(output, fx.CallTool))
    assert command.server.server_url == "https://shop.example/mcp"
