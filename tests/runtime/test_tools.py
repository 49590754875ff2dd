"""Listings and calls of MCP tools, as a session performs them."""

from __future__ import annotations

import asyncio
import dataclasses
from collections.abc import Awaitable, Callable, Mapping

import pytest
from msgspec import UNSET
from msgspec.structs import replace
from tests.runtime.hosting import CAN, SETTINGS, engines, hosted

from vivavoce.core import effects as fx
from vivavoce.core.ids import CountingIds
from vivavoce.core.session import Session
from vivavoce.ports import ServedTool, ToolError, ToolServer
from vivavoce.protocol.items import ExecutionFault, HttpFault, ListedTool, McpFault, ProtocolFault
from vivavoce.protocol.tools import McpTool
from vivavoce.runtime.tools import Tools
from vivavoce.testing.clock import run_virtual

SERVER = McpTool("shop", server_url="https://shop.example/mcp")
SCHEMA: dict[str, object] = {"type": "object", "properties": {}}


class Shop:
    """Servers that answer after a second, or raise what they are told to."""

    name = "shop"
    labels: tuple[str, ...] = ()
    running = 0

    def __init__(self, error: Exception | None = None) -> None:
        self._error = error
        self.asked: list[tuple[ToolServer, str, Mapping[str, object]]] = []
        self.cancelled: list[str] = []

    async def start(self) -> None:
        """Nothing."""

    async def aclose(self) -> None:
        """Nothing."""

    async def list_tools(self, server: ToolServer) -> tuple[ServedTool, ...]:
        """Two tools."""
        await self._work(server, "", {})
        return ServedTool("sell", "Sells.", SCHEMA, {"readOnlyHint": False}), ServedTool("look", "", SCHEMA)

    async def call(self, server: ToolServer, name: str, arguments: Mapping[str, object]) -> str:
        """Done."""
        await self._work(server, name, arguments)
        return "done"

    async def _work(self, server: ToolServer, name: str, arguments: Mapping[str, object]) -> None:
        self.asked.append((server, name, arguments))
        try:
            await asyncio.sleep(1.0)
        except asyncio.CancelledError:
            self.cancelled.append(name)
            raise
        if self._error is not None:
            raise self._error


def call(arguments: str = "{}", item_id: str = "item_1", server: McpTool = SERVER) -> fx.CallTool:
    return fx.CallTool(item_id=item_id, server=server, name="sell", arguments=arguments)


LISTING = fx.ListTools(item_id="item_1", server=SERVER)


def run(shop: Shop | None, scenario: Callable[[Tools], Awaitable[None]]) -> list[fx.ToolEvent]:
    """What the core is told."""
    told: list[fx.ToolEvent] = []

    async def main() -> None:
        async with asyncio.TaskGroup() as group:
            await scenario(Tools(shop, lambda tool: None, group, told.append))

    run_virtual(main())
    return told


def told(shop: Shop | None, *commands: fx.ListTools | fx.CallTool) -> list[fx.ToolEvent]:
    async def scenario(tools: Tools) -> None:
        for command in commands:
            tools.perform(command)

    return run(shop, scenario)


def test_a_listing_is_told_in_the_protocol_s_terms() -> None:
    sell = ListedTool(name="sell", description="Sells.", input_schema=SCHEMA, annotations={"readOnlyHint": False})
    look = ListedTool(name="look", description="", input_schema=SCHEMA, annotations=UNSET)
    assert told(Shop(), LISTING) == [fx.ToolsListed(item_id="item_1", tools=(sell, look))]


def test_a_call_is_made_and_its_output_told() -> None:
    shop = Shop()
    assert told(shop, call('{"what": "tea"}')) == [fx.ToolReturned(item_id="item_1", output="done")]
    assert shop.asked == [(ToolServer("https://shop.example/mcp", "shop"), "sell", {"what": "tea"})]


def test_several_go_on_at_once() -> None:
    async def scenario(tools: Tools) -> None:
        began = asyncio.get_running_loop().time()
        for name in ("item_1", "item_2", "item_3"):
            tools.perform(call(item_id=name))
        await asyncio.sleep(1.1)
        assert asyncio.get_running_loop().time() - began < 1.2

    outcomes = run(Shop(), scenario)
    assert {each.item_id for each in outcomes} == {"item_1", "item_2", "item_3"}


@pytest.mark.parametrize(
    ("server", "headers"),
    [
        (McpTool("shop", server_url="https://x/"), {}),
        (McpTool("shop", server_url="https://x/", authorization=None, headers=None), {}),
        (McpTool("shop", server_url="https://x/", authorization="t0ken"), {"Authorization": "Bearer t0ken"}),
        (
            McpTool("shop", server_url="https://x/", authorization="t0ken", headers={"X-Team": "blue"}),
            {"X-Team": "blue", "Authorization": "Bearer t0ken"},
        ),
    ],
)
def test_credentials_are_headers(server: McpTool, headers: dict[str, str]) -> None:
    shop = Shop()
    told(shop, call(server=server))
    assert shop.asked[0][0] == ToolServer("https://x/", "shop", headers)


def test_a_server_without_an_address_is_one_of_the_configuration() -> None:
    shop = Shop()
    told(shop, call(server=McpTool("shop")))
    assert shop.asked[0][0] == ToolServer(None, "shop")


FAULTS: list[tuple[Exception, McpFault]] = [
    (ToolError("http", "No.", 503), HttpFault(code=503, message="No.")),
    (ToolError("protocol", "Wrong.", -32600), ProtocolFault(code=-32600, message="Wrong.")),
    (ToolError("execution", "It broke."), ExecutionFault(message="It broke.")),
    (
        RuntimeError("a bug, with a secret in it"),
        ProtocolFault(code=-32603, message="The MCP server could not be talked to."),
    ),
]


@pytest.mark.parametrize(("error", "fault"), FAULTS)
def test_a_call_that_fails_says_how(error: Exception, fault: McpFault) -> None:
    assert told(Shop(error), call()) == [fx.ToolFailed(item_id="item_1", fault=fault)]


@pytest.mark.parametrize(("error", "fault"), FAULTS)
def test_a_listing_that_fails_says_why(error: Exception, fault: McpFault) -> None:
    assert told(Shop(error), LISTING) == [fx.ToolsMissing(item_id="item_1", message=fault.message)]


@pytest.mark.parametrize("arguments", ["", "nonsense", "[]", '"x"', "5", "null", "{", '{"a": 1} {}'])
def test_arguments_are_a_json_object(arguments: str) -> None:
    shop = Shop()
    fault = ProtocolFault(code=-32602, message="The arguments are not a JSON object.")
    assert told(shop, call(arguments)) == [fx.ToolFailed(item_id="item_1", fault=fault)]
    assert shop.asked == []


def test_without_a_way_to_servers_every_attempt_fails() -> None:
    message = "This server reaches no MCP servers."
    missing, failed = told(None, LISTING, call(item_id="item_2"))
    assert missing == fx.ToolsMissing(item_id="item_1", message=message)
    assert failed == fx.ToolFailed(item_id="item_2", fault=ProtocolFault(code=-32603, message=message))


@pytest.mark.parametrize("begun", [True, False])
def test_what_is_cancelled_is_told_nothing_of(begun: bool) -> None:
    shop = Shop()

    async def scenario(tools: Tools) -> None:
        tools.perform(call(item_id="item_1"))
        tools.perform(call(item_id="item_2"))
        await asyncio.sleep(0.5 if begun else 0.0)
        tools.perform(fx.CancelTool(item_id="item_1"))
        tools.perform(fx.CancelTool(item_id="item_1"))
        tools.perform(fx.CancelTool(item_id="nobody"))

    assert run(shop, scenario) == [fx.ToolReturned(item_id="item_2", output="done")]


def test_cancelling_what_is_over_does_nothing() -> None:
    async def scenario(tools: Tools) -> None:
        tools.perform(call())
        await asyncio.sleep(2.0)
        tools.perform(fx.CancelTool(item_id="item_1"))

    assert run(Shop(), scenario) == [fx.ToolReturned(item_id="item_1", output="done")]


def test_a_tool_that_the_model_cannot_call_is_left_out_of_the_listing() -> None:
    told: list[fx.ToolEvent] = []

    async def main() -> None:
        async with asyncio.TaskGroup() as group:
            tools = Tools(Shop(), lambda tool: "No." if tool.name == "look" else None, group, told.append)
            tools.perform(LISTING)

    run_virtual(main())
    (listed,) = told
    assert isinstance(listed, fx.ToolsListed)
    assert [tool.name for tool in listed.tools] == ["sell"]


def test_when_the_session_ends_everything_is_cancelled() -> None:
    shop = Shop()
    events: list[fx.ToolEvent] = []

    async def session(group: asyncio.TaskGroup) -> None:
        tools = Tools(shop, lambda _: None, group, events.append)
        tools.perform(LISTING)
        tools.perform(call(item_id="item_2"))
        await asyncio.sleep(0.5)
        raise ConnectionError

    async def main() -> None:
        with pytest.raises(ExceptionGroup):
            async with asyncio.TaskGroup() as group:
                await session(group)

    run_virtual(main())
    assert (events, sorted(shop.cancelled)) == ([], ["", "sell"])


def test_a_session_lists_the_tools_of_the_servers_that_it_is_told_of() -> None:
    shop = Shop()

    async def main() -> None:
        can = replace(CAN, tools=True, mcp=())
        core = Session(SETTINGS, can, CountingIds(), asyncio.get_running_loop().time(), None)
        async with hosted(dataclasses.replace(engines(), tools=shop), core) as live:
            server = {"type": "mcp", "server_label": "shop", "server_url": "https://shop.example/mcp"}
            live.client.say("session.update", session={"type": "realtime", "tools": [server]})
            await live.client.expect("mcp_list_tools.completed")
            item = (await live.client.expect("conversation.item.done"))["item"]
            assert [tool["name"] for tool in item["tools"]] == ["sell", "look"]
            other = {**server, "server_label": "other"}
            live.client.say("session.update", session={"type": "realtime", "tools": [server, other]})
            await live.client.expect("mcp_list_tools.in_progress")
        # The client is gone in the middle of the second listing.
        assert (len(shop.asked), shop.cancelled) == (2, [""])

    run_virtual(main())
