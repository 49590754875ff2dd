"""PROTOCOL.md 4.7: the tools of an MCP server are listed when it comes into force."""

from __future__ import annotations

import pytest
from tests.core.caller import is_routine, refusal, show, started, tags
from tests.core.mcp_caller import SHOP, McpCaller, shopping

from vivavoce.core import effects as fx
from vivavoce.core.mcp_definitions import MOST_SERVERS
from vivavoce.core.tools import MOST_TOOLS
from vivavoce.protocol import server as wire
from vivavoce.protocol.items import ListedTool, McpListTools

BEGINS = ["conversation.item.added", "mcp_list_tools.in_progress"]
ENDS = ["mcp_list_tools.completed", "conversation.item.done"]


def names(caller: McpCaller) -> list[str]:
    """What the next answer may call."""
    outputs = caller.send("response.create", response={"conversation": "none"})
    return [tool.name for tool in started(outputs).context.tools]


def listing(outputs: list[fx.Output]) -> McpListTools:
    (item,) = (output.item for output in outputs if isinstance(output, wire.ConversationItemDone))
    assert isinstance(item, McpListTools)
    return item


def test_it_begins_and_ends_in_the_order_of_the_service() -> None:
    caller = McpCaller(SHOP)
    assert show(output for output in caller.updated if not is_routine(output)) == [
        "session.updated session=sess_1",
        "conversation.item.added previous_item_id=None item=item_1:shop:in_progress[]",
        "mcp_list_tools.in_progress item_id=item_1",
        "list_tools item_id=item_1 server=shop",
    ]
    assert names(caller) == []
    outputs = caller.listed()
    assert show(outputs[:-1]) == [
        "mcp_list_tools.completed item_id=item_1",
        "conversation.item.done previous_item_id=None item=item_1:shop:completed[find buy]",
    ]
    assert isinstance(outputs[-1], fx.Warm)
    assert [tool.name for tool in outputs[-1].context.tools] == ["find", "buy"]
    assert names(caller) == ["find", "buy"]
    assert caller.item("item_1") == listing(outputs)


def test_a_server_that_does_not_answer_leaves_the_session_as_it_was() -> None:
    caller = McpCaller(SHOP, {"type": "function", "name": "clock"})
    assert show(caller.tell(fx.ToolsMissing(item_id="item_1", message="Nobody there.")))[:2] == [
        "mcp_list_tools.failed item_id=item_1",
        "conversation.item.done previous_item_id=None item=item_1:shop:incomplete[]:Nobody there.",
    ]
    assert names(caller) == ["clock"]


def test_it_is_asked_again_when_it_is_defined_again() -> None:
    caller = McpCaller(SHOP)
    caller.tell(fx.ToolsMissing(item_id="item_1", message="Nobody there."))
    assert "list_tools" not in tags(caller.update(instructions="Be brief."))
    assert "list_tools" in tags(caller.update(tools=[SHOP]))


def test_a_server_is_listed_once() -> None:
    caller = McpCaller(SHOP)
    assert tags(caller.update(tools=[SHOP])) == ["session.updated"]
    caller.listed()
    assert tags(caller.update(tools=[SHOP])) == ["session.updated"]


@pytest.mark.parametrize("changed", [{"authorization": "t"}, {"headers": {"a": "b"}}, {"server_url": "http://b.c"}])
def test_another_address_or_credential_is_another_server(changed: dict[str, object]) -> None:
    caller = shopping()
    assert "list_tools" in tags(caller.update(tools=[{**SHOP, **changed}]))
    assert names(caller) == []


@pytest.mark.parametrize(
    ("allowed", "found"),
    [
        (None, ["find", "buy"]),
        (["buy", "sell"], ["buy"]),
        ([], []),
        ({}, ["find", "buy"]),
        ({"tool_names": ["buy"]}, ["buy"]),
        ({"read_only": True}, ["find"]),
        ({"read_only": False}, ["buy"]),
        ({"tool_names": ["buy"], "read_only": True}, []),
    ],
)
def test_only_allowed_tools_are_shown_and_used(allowed: object, found: list[str]) -> None:
    caller = McpCaller({**SHOP, "allowed_tools": allowed})
    assert [tool.name for tool in listing(caller.listed()).tools] == found
    assert names(caller) == found


def test_what_is_allowed_later_is_shown_at_once() -> None:
    caller = shopping(allowed_tools=["find"])
    outputs = caller.update(tools=[SHOP])
    assert tags(outputs) == ["session.updated", *BEGINS, *ENDS, "warm"]
    assert [tool.name for tool in listing(outputs).tools] == ["find", "buy"]
    assert names(caller) == ["find", "buy"]


def test_what_is_allowed_while_it_is_listed_is_what_is_shown() -> None:
    caller = McpCaller(SHOP)
    caller.update(tools=[{**SHOP, "allowed_tools": ["buy"]}])
    assert [tool.name for tool in listing(caller.listed()).tools] == ["buy"]


def test_without_its_server_a_tool_cannot_be_called() -> None:
    caller = shopping()
    caller.update(tools=[])
    assert names(caller) == []
    assert tags(caller.update(tools=[SHOP])) == ["session.updated", "warm"]
    assert names(caller) == ["find", "buy"]


def test_nobody_waits_for_a_server_that_is_removed() -> None:
    caller = McpCaller(SHOP)
    outputs = caller.update(tools=[])
    assert show(outputs[1:4]) == [
        "cancel_tool item_id=item_1",
        "mcp_list_tools.failed item_id=item_1",
        "conversation.item.done previous_item_id=None item=item_1:shop:incomplete[]:"
        "The server was removed from the session.",
    ]
    assert caller.listed() == []
    assert "list_tools" in tags(caller.update(tools=[SHOP]))


def test_a_listing_that_was_deleted_ends_without_its_item() -> None:
    caller = McpCaller(SHOP)
    caller.send("conversation.item.delete", item_id="item_1")
    assert tags(caller.listed()) == ["mcp_list_tools.completed", "warm"]
    assert names(caller) == ["find", "buy"]


def test_what_is_told_twice_or_of_nothing_is_dropped() -> None:
    caller = shopping()
    assert caller.listed() == []
    assert caller.tell(fx.ToolsMissing(item_id="item_9", message="No.")) == []


def test_more_tools_than_a_prompt_holds_are_refused_until_some_are_chosen() -> None:
    many = tuple(ListedTool(name=f"tool{number}", input_schema={}) for number in range(MOST_TOOLS + 1))
    caller = McpCaller(SHOP)
    outputs = caller.listed(tools=many)
    assert "mcp_list_tools.failed" in tags(outputs)
    assert "allowed_tools" in str(listing(outputs).error)
    assert names(caller) == []
    outputs = caller.update(tools=[{**SHOP, "allowed_tools": ["tool7"]}])
    assert "list_tools" not in tags(outputs)
    assert names(caller) == ["tool7"]


def test_servers_that_were_in_force_long_ago_are_listed_anew() -> None:
    caller = shopping()
    for number in range(MOST_SERVERS):
        caller.update(tools=[{**SHOP, "authorization": f"t{number}"}])
        caller.listed(f"item_{number + 2}")
    assert "list_tools" in tags(caller.update(tools=[SHOP]))


def test_a_response_may_bring_a_server_which_serves_the_next_one() -> None:
    caller = McpCaller()
    outputs = caller.send("response.create", response={"tools": [SHOP]})
    assert tags(outputs) == [*BEGINS, "list_tools", "response.created", "start_response"]
    assert started(outputs).context.tools == ()
    caller.finish()
    caller.listed("item_1")
    again = caller.send("response.create", response={"tools": [{"type": "mcp", "server_label": "shop"}]})
    assert [tool.name for tool in started(again).context.tools] == ["find", "buy"]
    caller.finish("resp_2")
    assert names(caller) == []


def test_an_update_of_the_session_leaves_the_listings_of_a_response_alone() -> None:
    caller = McpCaller()
    caller.send("response.create", response={"tools": [SHOP]})
    assert tags(caller.update(tools=[])) == ["session.updated"]
    assert tags(caller.listed("item_1"))[:2] == ENDS


def test_a_response_that_is_refused_lists_nothing() -> None:
    caller = McpCaller()
    asked = {"tools": [SHOP], "tool_choice": "required"}
    assert refusal(caller.send("response.create", response=asked)) == ("invalid_value", "response.tool_choice")
    assert "list_tools" in tags(caller.update(tools=[SHOP]))
