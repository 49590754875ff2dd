"""PROTOCOL.md 4.6, 4.7: the caller, or the client, interrupts an answer that is calling a tool."""

from __future__ import annotations

from tests.core.caller import done, show, started, tags
from tests.core.mcp_caller import calling

from vivavoce.core import effects as fx
from vivavoce.core.mcp_calls import CANCELLED
from vivavoce.protocol.items import Item, McpCall

GOES_ON = ["response.created", "start_response"]


def calls(items: tuple[Item, ...]) -> list[tuple[str, str, str | None]]:
    """What a model is told of calls."""
    return [(item.id, item.status, item.output) for item in items if isinstance(item, McpCall)]


def test_a_call_that_only_reads_is_given_up() -> None:
    caller = calling("find")
    caller.words("Let me look.")
    assert show(caller.send("response.cancel")) == [
        "cancel_response response_id=resp_1",
        "cancel_tool item_id=item_2",
        "response.mcp_call.failed item_id=item_2 output_index=0",
        "conversation.item.done previous_item_id=item_1 "
        f"item=item_2:incomplete:shop.find({{}})=tool_execution_error: {CANCELLED.message}",
        "response.output_item.done response_id=resp_1 output_index=0 "
        f"item=item_2:incomplete:shop.find({{}})=tool_execution_error: {CANCELLED.message}",
        "response.done response=resp_1:cancelled:client_cancelled[item_2]",
    ]
    assert caller.returned("item_2") == []


def test_any_other_call_goes_on_and_is_answered_when_it_has_ended() -> None:
    caller = calling("buy")
    assert show(caller.send("response.cancel")) == [
        "cancel_response response_id=resp_1",
        "response.output_item.done response_id=resp_1 output_index=0 item=item_2:in_progress:shop.buy({})",
        "response.done response=resp_1:cancelled:client_cancelled[item_2]",
    ]
    outputs = caller.returned("item_2", "Bought.")
    assert show(outputs[:2]) == [
        "response.mcp_call.completed item_id=item_2 output_index=0",
        "conversation.item.done previous_item_id=item_1 item=item_2:completed:shop.buy({})=Bought.",
    ]
    assert tags(outputs[2:]) == GOES_ON
    assert calls(started(outputs).context.items) == [("item_2", "completed", "Bought.")]


def test_what_was_never_whole_is_over_with_its_answer() -> None:
    caller = calling("find", finished=False)
    caller.tell(fx.AnswerCall(response_id="resp_1", name="buy"))
    outputs = caller.send("response.cancel")
    assert "response.mcp_call.in_progress" not in tags(outputs)
    assert [item.status for item in done(outputs).output] == ["incomplete", "incomplete"]


def test_the_caller_s_answer_knows_of_a_call_that_is_pending_and_its_result_comes_behind_it() -> None:
    caller = calling("buy")
    caller.detect(type="server_vad")
    assert tags(caller.hear(96, 0.9))[:3] == [
        "input_audio_buffer.speech_started",
        "cancel_response",
        "response.output_item.done",
    ]
    turn = caller.hear(320, 0.0)
    assert calls(started(turn).context.items) == [("item_2", "in_progress", None)]
    caller.words("I am at it.", "resp_2")
    assert tags(caller.returned("item_2", "Bought.")) == ["response.mcp_call.completed", "conversation.item.done"]
    outputs = caller.finish("resp_2")
    assert tags(outputs)[-3:] == ["response.done", *GOES_ON]
    items = started(outputs).context.items
    # Pending where it was called, for ever: that is what the model was told, and its cache begins with it.
    assert [item.id for item in items] == ["item_1", "item_2", "item_3", "item_4", "item_2"]
    assert calls(items) == [("item_2", "in_progress", None), ("item_2", "completed", "Bought.")]


def test_a_result_whose_place_is_gone_is_at_the_place_of_its_call() -> None:
    caller = calling("buy")
    caller.send("response.cancel")
    caller.send("conversation.item.create", item={"id": "note", "type": "message", "role": "user", "content": []})
    caller.returned("item_2", "Bought.")
    caller.finish("resp_2")
    caller.now += 3
    assert calls(started(caller.send("response.create")).context.items)[0] == ("item_2", "in_progress", None)
    caller.finish("resp_3")
    caller.send("conversation.item.delete", item_id="note")
    assert calls(started(caller.send("response.create")).context.items) == [("item_2", "completed", "Bought.")]


def test_a_late_result_of_a_deleted_call_is_nobody_s() -> None:
    caller = calling("buy")
    caller.send("response.cancel")
    caller.send("conversation.item.delete", item_id="item_2")
    assert tags(caller.returned("item_2")) == ["response.mcp_call.completed"]


def test_a_late_result_that_is_deleted_later_is_forgotten() -> None:
    caller = calling("buy")
    caller.send("response.cancel")
    caller.send("conversation.item.create", item={"id": "note", "type": "message", "role": "user", "content": []})
    caller.returned("item_2", "Bought.")
    caller.finish("resp_2")
    caller.send("conversation.item.delete", item_id="item_2")
    caller.now += 3
    assert calls(started(caller.send("response.create")).context.items) == []


def test_while_the_caller_speaks_a_result_waits_for_the_answer_to_that() -> None:
    caller = calling("buy")
    caller.detect(type="server_vad")
    caller.hear(96, 0.9)
    assert tags(caller.returned("item_2")) == ["response.mcp_call.completed", "conversation.item.done"]
    outputs = caller.hear(320, 0.0)
    assert calls(started(outputs).context.items) == [("item_2", "completed", "Tea.")]
    assert tags(caller.finish("resp_2")) == ["response.done"]


def test_a_turn_that_waits_too_is_answered_first_and_once() -> None:
    caller = calling("buy")
    caller.send("response.cancel")
    caller.detect(type="server_vad", interrupt_response=False)
    caller.send("response.create")
    caller.speak_turn(320, 320)
    caller.returned("item_2")
    outputs = caller.finish("resp_2")
    assert tags(outputs)[-3:] == ["response.done", *GOES_ON]
    assert ("item_2", "completed", "Tea.") in calls(started(outputs).context.items)
    assert tags(caller.finish("resp_3")) == ["response.done"]
