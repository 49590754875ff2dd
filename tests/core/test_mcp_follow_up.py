"""PROTOCOL.md 4.7: the server goes on by itself after a call, and a client that asks for that gets nothing twice."""

from __future__ import annotations

import pytest
from tests.core.caller import done, refusal, started, tags
from tests.core.mcp_caller import McpCaller, calling, shopping

from vivavoce.core.follow_up import MOST_ROUNDS, SATISFIED_S
from vivavoce.core.usage import usage
from vivavoce.protocol.items import FunctionCallOutput, Message

STARTS = ["response.created", "start_response"]
ACTIVE = ("conversation_already_has_active_response", None)
NOTE = {"type": "message", "role": "user", "content": [{"type": "input_text", "text": "Wait."}]}


def answered() -> McpCaller:
    """A call has returned, and its answer (resp_2) is in progress."""
    caller = calling()
    caller.returned("item_2")
    return caller


def test_a_client_that_asks_after_the_call_gets_the_one_answer() -> None:
    caller = answered()
    assert caller.send("response.create") == []
    assert tags(caller.finish("resp_2")) == ["response.done"]


@pytest.mark.parametrize("response", [{}, {"conversation": "auto"}])
def test_it_asks_for_nothing_else(response: dict[str, object]) -> None:
    assert answered().send("response.create", response=response) == []


@pytest.mark.parametrize("response", [{"instructions": "Sing."}, {"metadata": {"a": "b"}}])
def test_a_request_of_its_own_is_refused_while_that_answer_is_given(response: dict[str, object]) -> None:
    assert refusal(answered().send("response.create", response=response)) == ACTIVE


def test_out_of_band_is_something_else() -> None:
    assert tags(answered().send("response.create", response={"conversation": "none"})) == STARTS


def test_it_may_ask_while_the_first_answer_is_still_being_given() -> None:
    caller = calling(finished=False)
    assert refusal(caller.send("response.create")) == ACTIVE
    caller.returned("item_2")
    assert caller.send("response.create") == []
    assert refusal(caller.send("response.create")) == ACTIVE
    assert tags(caller.finish())[-2:] == STARTS


def test_it_may_ask_once_for_each_call() -> None:
    caller = calling(finished=False)
    caller.call("buy", "{}")
    caller.finish()
    caller.returned("item_2")
    caller.returned("item_3")
    assert [caller.send("response.create") for _ in range(2)] == [[], []]
    assert refusal(caller.send("response.create")) == ACTIVE


def test_it_may_ask_a_little_too_late_but_not_later() -> None:
    caller = answered()
    caller.now += 60
    caller.finish("resp_2")
    caller.now += SATISFIED_S
    empty = caller.send("response.create")
    assert tags(empty) == ["response.created", "response.done"]
    assert (done(empty).status, done(empty).output, done(empty).usage) == ("completed", (), usage(None, 0, 0))
    assert tags(caller.send("response.create")) == STARTS
    late = answered()
    late.finish("resp_2")
    late.now += SATISFIED_S + 0.1
    assert tags(late.send("response.create")) == STARTS


def test_what_it_asks_after_something_new_is_about_that() -> None:
    caller = answered()
    caller.finish("resp_2")
    caller.send("conversation.item.create", item=NOTE)
    assert tags(caller.send("response.create")) == STARTS


def test_what_it_asks_after_a_turn_is_about_that() -> None:
    caller = answered()
    caller.detect()
    caller.finish("resp_2")
    caller.append(200)
    caller.send("input_audio_buffer.commit")
    assert tags(caller.send("response.create")) == STARTS


def test_it_may_ask_after_a_call_that_was_cancelled_and_nobody_speaks_into_the_caller_s_turn() -> None:
    caller = calling("find")
    caller.detect(type="server_vad")
    assert "conversation.item.done" in tags(caller.hear(96, 0.9))
    assert tags(caller.send("response.create")) == ["response.created", "response.done"]
    assert tags(caller.hear(320, 0.0))[-2:] == STARTS


def test_it_may_ask_after_a_late_result() -> None:
    caller = calling("buy")
    caller.send("response.cancel")
    assert tags(caller.returned("item_2"))[-2:] == STARTS
    assert caller.send("response.create") == []


@pytest.mark.parametrize("approve", [True, False])
def test_it_may_ask_after_its_decision(approve: bool) -> None:
    caller = calling("buy", require_approval="always")
    caller.decide("item_2", approve)
    assert caller.send("response.create") == []
    if approve:
        assert tags(caller.returned("item_4"))[-2:] == STARTS
    assert tags(caller.finish("resp_2")) == ["response.done"]


def test_what_had_to_be_called_need_not_be_called_again() -> None:
    caller = shopping()
    caller.update(tool_choice="required")
    caller.send("response.create")
    caller.call("find", "{}")
    caller.finish()
    assert started(caller.returned("item_2")).context.tool_choice == "auto"
    caller.finish("resp_2")
    caller.now += 3
    assert started(caller.send("response.create")).context.tool_choice == "required"


def test_what_was_asked_for_one_answer_holds_for_the_one_that_follows() -> None:
    caller = shopping()
    own = {
        "instructions": "Be brief.",
        "metadata": {"a": "b"},
        "max_output_tokens": 9,
        "tool_choice": {"type": "mcp", "server_label": "shop"},
    }
    caller.send("response.create", response=own)
    caller.call("find", "{}")
    caller.finish()
    outputs = caller.returned("item_2")
    context = started(outputs).context
    assert (context.instructions, context.max_output_tokens) == ("Be brief.", 9)
    assert (context.tool_choice, context.callable) == ("auto", None)
    assert [item.id for item in context.items] == ["item_1", "item_2"]
    assert done(caller.finish("resp_2")).metadata is None


def test_an_answer_to_items_of_its_own_is_followed_by_one_to_those_and_the_result() -> None:
    caller = shopping()
    caller.send("response.create", response={"input": [NOTE]})
    caller.call("find", "{}")
    caller.finish()
    items = started(caller.returned("item_3")).context.items
    assert isinstance(items[0], Message)
    assert [item.id for item in items] == ["item_2", "item_3"]
    assert not any(isinstance(item, FunctionCallOutput) for item in items)


def test_what_the_session_is_told_meanwhile_holds_for_the_answer_that_follows() -> None:
    caller = calling()
    caller.update(instructions="Be brief.")
    assert started(caller.returned("item_2")).context.instructions == "Be brief."


def test_a_session_that_calls_nothing_any_more_keeps_to_that() -> None:
    caller = calling()
    caller.update(tool_choice="none")
    assert started(caller.returned("item_2")).context.tool_choice == "none"


def test_it_does_not_go_on_for_ever() -> None:
    caller = calling()
    choices = []
    for number in range(2, MOST_ROUNDS + 2):
        choices.append(started(caller.returned(f"item_{number}")).context.tool_choice)
        caller.call("find", "{}", response=f"resp_{number}")
        caller.finish(f"resp_{number}")
    assert choices == ["auto"] * (MOST_ROUNDS - 1) + ["none"]
    caller = answered()
    caller.finish("resp_2")
    caller.now += 3
    caller.send("response.create")
    caller.call("find", "{}", response="resp_3")
    caller.finish("resp_3")
    assert started(caller.returned("item_4")).context.tool_choice == "auto"
