"""From a conversation with calls to what a model is asked."""

from __future__ import annotations

import asyncio

import msgspec
from tests.runtime.hosting import LIMITS

from vivavoce.core import effects as fx
from vivavoce.ports import Message, Prompt, Tool, ToolCall, ToolOutput
from vivavoce.protocol import items
from vivavoce.runtime.images import Images, Sight
from vivavoce.runtime.prompts import Prompts
from vivavoce.runtime.transcripts import Transcripts
from vivavoce.testing.clock import run_virtual
from vivavoce.testing.fakes import ScriptedAsr

DICE = fx.CallableTool(name="roll", description="Rolls a die.", parameters={"type": "object", "properties": {}})


def prompt(*history: items.Item, **changes: object) -> Prompt:
    """What an engine is asked after this history."""

    async def main() -> Prompt:
        async with asyncio.TaskGroup() as group:
            transcripts = Transcripts(ScriptedAsr(), LIMITS, group, lambda _: None, True)
            images = Images(Sight(), LIMITS, group, lambda _: None)
            context = fx.Context(
                instructions="Be kind.",
                items=history,
                modality="audio",
                voice="alloy",
                speed=1.0,
                max_output_tokens=None,
                truncation="auto",
            )
            return Prompts(transcripts, images).prompt(msgspec.structs.replace(context, **changes))

    return run_virtual(main())


def messages(*history: items.Item, **changes: object) -> tuple[Message, ...]:
    return prompt(*history, **changes).messages


def said(text: str) -> items.Message:
    part = items.OutputText(text)
    return items.Message(id="item_said", status="completed", role="assistant", content=(part,))


def asked(text: str) -> items.Message:
    return items.Message(id="item_asked", status="completed", role="user", content=(items.InputText(text),))


def call(call_id: str, status: items.ItemStatus = "completed") -> items.FunctionCall:
    return items.FunctionCall(id=f"item_{call_id}", status=status, call_id=call_id, name="roll", arguments="{}")


def output(call_id: str, text: str) -> items.FunctionCallOutput:
    return items.FunctionCallOutput(id=f"item_{call_id}_out", call_id=call_id, output=text)


def mcp(
    item_id: str = "mcp_1", status: items.ItemStatus = "completed", name: str = "find", **changes: object
) -> items.McpCall:
    call = items.McpCall(id=item_id, status=status, server_label="shop", name=name, arguments='{"q": 1}')
    return msgspec.structs.replace(call, **changes)


def request(item_id: str = "mcpr_1") -> items.McpApprovalRequest:
    return items.McpApprovalRequest(id=item_id, server_label="shop", name="buy", arguments='{"n": 2}')


def approval(approve: bool, reason: str | None = None) -> items.McpApprovalResponse:
    return items.McpApprovalResponse(id="item_yes", approval_request_id="mcpr_1", approve=approve, reason=reason)


def test_tools_and_what_may_be_called_are_passed_on() -> None:
    made = prompt(tools=(DICE,), tool_choice="required", callable=("roll",), verbatim="One moment.")
    assert made.tools == (Tool("roll", "Rolls a die.", {"type": "object", "properties": {}}),)
    assert (made.tool_choice, made.callable, made.verbatim) == ("required", ("roll",), "One moment.")


def test_the_calls_of_one_answer_are_one_message_with_its_words() -> None:
    made = asked("Roll twice."), said("Rolling."), call("call_1"), call("call_2")
    assert messages(*made, output("call_1", "4"), output("call_2", "6"), said("Ten.")) == (
        Message("user", ("Roll twice.",)),
        Message("assistant", ("Rolling.", ToolCall("call_1", "roll", "{}"), ToolCall("call_2", "roll", "{}"))),
        Message("tool", (ToolOutput("call_1", "4"), ToolOutput("call_2", "6"))),
        Message("assistant", ("Ten.",)),
    )


def test_a_call_that_did_not_become_whole_is_not_shown() -> None:
    assert messages(call("call_1", "incomplete"), asked("Well?")) == (Message("user", ("Well?",)),)


def test_a_late_output_stands_where_it_came() -> None:
    shown = messages(call("call_1"), asked("Well?"), said("I wait."), output("call_1", "4"))
    assert shown[-1] == Message("tool", (ToolOutput("call_1", "4"),))
    assert [message.role for message in shown] == ["assistant", "user", "assistant", "tool"]


def test_the_output_of_a_call_that_is_gone_is_still_shown() -> None:
    assert messages(output("call_1", "4")) == (Message("tool", (ToolOutput("call_1", "4"),)),)


FOUND = ToolCall("mcp_1", "find", '{"q": 1}')


def test_a_finished_mcp_call_is_a_call_and_its_output() -> None:
    assert messages(mcp(output="Two.")) == (
        Message("assistant", (FOUND,)),
        Message("tool", (ToolOutput("mcp_1", "Two."),)),
    )
    assert messages(mcp())[-1] == Message("tool", (ToolOutput("mcp_1", ""),))


def test_a_failed_mcp_call_says_why() -> None:
    fault = items.HttpFault(code=503, message="The server answered with the status 503.")
    statuses: tuple[items.ItemStatus, ...] = ("incomplete", "completed")
    for status in statuses:
        assert messages(mcp(status=status, error=fault)) == (
            Message("assistant", (FOUND,)),
            Message("tool", (ToolOutput("mcp_1", "The call failed: The server answered with the status 503."),)),
        )


def test_an_mcp_call_that_runs_is_pending_and_one_never_made_is_not_shown() -> None:
    assert messages(mcp(status="in_progress")) == (Message("assistant", (FOUND,)),)
    assert messages(mcp(status="incomplete")) == ()


def test_an_mcp_call_that_ended_late_is_called_once_and_its_output_stands_where_it_came() -> None:
    late = mcp(status="in_progress"), asked("Well?"), said("I wait."), mcp(output="Two.")
    assert messages(*late) == (
        Message("assistant", (FOUND,)),
        Message("user", ("Well?",)),
        Message("assistant", ("I wait.",)),
        Message("tool", (ToolOutput("mcp_1", "Two."),)),
    )


BUY = ToolCall("mcpr_1", "buy", '{"n": 2}')


def test_a_request_for_approval_is_a_pending_call() -> None:
    assert messages(request()) == (Message("assistant", (BUY,)),)
    running = mcp(status="in_progress", name="buy", approval_request_id="mcpr_1")
    assert messages(request(), approval(True), running) == (Message("assistant", (BUY,)),)


def test_an_approved_call_gives_its_output_to_the_request() -> None:
    made = mcp(name="buy", approval_request_id="mcpr_1", output="Bought.")
    assert messages(request(), asked("Yes."), approval(True), made) == (
        Message("assistant", (BUY,)),
        Message("user", ("Yes.",)),
        Message("tool", (ToolOutput("mcpr_1", "Bought."),)),
    )


def test_an_approved_call_whose_request_is_gone_is_a_call_of_its_own() -> None:
    made = mcp(name="buy", approval_request_id="mcpr_1", output="Bought.")
    assert messages(approval(True), made) == (
        Message("assistant", (ToolCall("mcp_1", "buy", '{"q": 1}'),)),
        Message("tool", (ToolOutput("mcp_1", "Bought."),)),
    )


def test_a_declined_call_says_so_and_why() -> None:
    told = "The user declined this call, so it was not made."
    assert messages(request(), approval(False))[-1] == Message("tool", (ToolOutput("mcpr_1", told),))
    why = f"{told} Their reason: Too dear."
    assert messages(request(), approval(False, "Too dear."))[-1] == Message("tool", (ToolOutput("mcpr_1", why),))


def test_a_listing_is_not_shown() -> None:
    assert messages(items.McpListTools(id="mcpl_1", status="completed", server_label="shop")) == ()


def test_a_call_goes_by_the_name_that_the_model_knows() -> None:
    both = tuple(fx.CallableTool(name=name, description="", parameters={}) for name in ("find", "shop_find"))
    (made,) = messages(mcp(status="in_progress"), tools=both)
    assert made.content == (ToolCall("mcp_1", "shop_find", '{"q": 1}'),)
