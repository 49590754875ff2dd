"""PROTOCOL.md 3.7: which tools of MCP servers a model is offered, by which names, and which the client decides on."""

from __future__ import annotations

import pytest
from tests.core.caller import done, refusal, started, tags
from tests.core.mcp_caller import SHOP, TOOLS, McpCaller, shopping

from vivavoce.core import effects as fx
from vivavoce.core.effects import Context
from vivavoce.core.mcp_tools import Served, offered
from vivavoce.protocol import server as wire
from vivavoce.protocol.items import ListedTool
from vivavoce.protocol.tools import McpTool


def tool(name: str) -> ListedTool:
    return ListedTool(name=name, input_schema={"type": "object"})


def aliases(*servers: tuple[str, list[str]], taken: tuple[str, ...] = ()) -> dict[str, tuple[str, str]]:
    """Names for a model, and the tools that they stand for."""
    listings = [(McpTool(server_label=label), [tool(name) for name in names]) for label, names in servers]
    tools, served = offered(listings, taken)
    assert [each.name for each in tools] == [each.alias for each in served]
    return {each.alias: (each.server.server_label, each.name) for each in served}


def asks(rule: object) -> dict[str, bool]:
    """Which tools need an approval."""
    caller = shopping(require_approval=rule)
    caller.send("response.create")
    found = {}
    for each in TOOLS:
        outputs = caller.call(each.name, "{}")
        found[each.name] = not any(isinstance(output, fx.CallTool) for output in outputs)
    return found


def context(choice: object) -> Context:
    return started(shopping().send("response.create", response={"tool_choice": choice})).context


def test_a_tool_keeps_its_name_unless_another_has_it_too() -> None:
    assert aliases(("a", ["find", "buy"]), ("b", ["find"])) == {
        "a_find": ("a", "find"),
        "buy": ("a", "buy"),
        "b_find": ("b", "find"),
    }


def test_the_functions_of_the_client_keep_theirs() -> None:
    assert aliases(("a", ["find"]), taken=("find",)) == {"a_find": ("a", "find")}
    assert aliases(("a", ["find"]), taken=("find", "a_find")) == {"a_find_2": ("a", "find")}


def test_names_are_ones_that_every_model_takes() -> None:
    assert list(aliases(("a", ["files/read", "files.read"]))) == ["a_files_read", "a_files_read_2"]
    (long,) = aliases(("a", ["x" * 100]))
    assert long == "x" * 64
    assert all(len(name) <= 64 for name in aliases(("a", ["x" * 100, "x" * 99])))


def test_two_servers_may_have_a_tool_of_the_same_name() -> None:
    other = {**SHOP, "server_label": "mall", "server_url": "https://mall.example"}
    caller = McpCaller(SHOP, other)
    caller.listed("item_1")
    caller.listed("item_2")
    context = started(caller.send("response.create")).context
    assert [tool.name for tool in context.tools] == ["shop_find", "shop_buy", "mall_find", "mall_buy"]
    outputs = caller.call("mall_find", "{}")
    (command,) = (output for output in outputs if isinstance(output, fx.CallTool))
    assert (command.server.server_label, command.name) == ("mall", "find")


def test_functions_come_first_and_the_server_s_description_helps() -> None:
    caller = McpCaller({**SHOP, "server_description": "Sells tea."}, {"type": "function", "name": "clock"})
    caller.listed()
    tools = started(caller.send("response.create")).context.tools
    assert [(tool.name, tool.description) for tool in tools] == [
        ("clock", ""),
        ("find", "Finds things.\nshop: Sells tea."),
        ("buy", "shop: Sells tea."),
    ]


@pytest.mark.parametrize(
    ("rule", "find", "buy"),
    [
        (None, True, True),
        ("always", True, True),
        ("never", False, False),
        ({}, True, True),
        ({"never": {"tool_names": ["find"]}}, False, True),
        ({"never": {"read_only": True}}, False, True),
        ({"never": {}}, False, False),
        ({"always": {"tool_names": ["buy"]}, "never": {}}, False, True),
        ({"always": {"tool_names": ["buy"]}}, True, True),
        ({"always": {"read_only": True}, "never": {"read_only": True}}, True, True),
    ],
)
def test_the_client_decides_on_what_its_rule_does_not_let_through(rule: object, find: bool, buy: bool) -> None:
    assert asks(rule) == {"find": find, "buy": buy}


def test_only_what_a_server_says_plainly_is_safe_to_give_up() -> None:
    said: list[dict[str, object]] = [{"idempotentHint": True}, {"readOnlyHint": "true"}, {"readOnlyHint": False}, {}]
    tools = [ListedTool(name=f"t{n}", input_schema={}, annotations={**each}) for n, each in enumerate(said)]
    _, served = offered([(McpTool(server_label="a"), tools)], ())
    assert [each.cancellable for each in served] == [True, False, False, False]
    assert all(isinstance(each, Served) for each in served)


def test_a_choice_may_name_a_server_or_one_tool_of_it() -> None:
    chosen = context({"type": "mcp", "server_label": "shop"})
    assert (chosen.tool_choice, chosen.callable) == ("required", ("find", "buy"))
    chosen = context({"type": "mcp", "server_label": "shop", "name": "buy"})
    assert (chosen.tool_choice, chosen.callable) == ("required", ("buy",))
    assert context("required").tool_choice == "required"


@pytest.mark.parametrize(
    ("choice", "param"),
    [
        ({"type": "mcp", "server_label": "mall"}, "response.tool_choice.server_label"),
        ({"type": "mcp", "server_label": "shop", "name": "sell"}, "response.tool_choice"),
    ],
)
def test_a_choice_of_what_is_not_there_is_refused(choice: object, param: str) -> None:
    assert refusal(shopping().send("response.create", response={"tool_choice": choice})) == ("invalid_value", param)


def test_an_answer_that_must_call_what_is_not_listed_yet_fails_and_says_so() -> None:
    caller = McpCaller(SHOP, tool_choice={"type": "mcp", "server_label": "shop"})
    error = done(caller.speak_turn()).status_details
    assert error is not None
    assert isinstance(error.error, wire.ResponseErrorBody)
    assert error.error.code == "invalid_value"
    caller.listed()
    assert "start_response" in tags(caller.speak_turn())


def test_out_of_band_only_what_nobody_decides_on_is_offered() -> None:
    caller = shopping(require_approval={"never": {"tool_names": ["find"]}})
    outputs = caller.send("response.create", response={"conversation": "none"})
    assert [tool.name for tool in started(outputs).context.tools] == ["find"]
