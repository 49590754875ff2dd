"""MCP servers made with the SDK, over HTTP."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

import pytest
from starlette.types import ASGIApp, Receive, Scope, Send
from tests.engines.mcp_helpers import HERE, PATIENT, Seen, adapter, at, legacy, machine, on_loopback, refusal
from tests.patience import until

from vivavoce.engines.mcp.conversation import Site
from vivavoce.engines.mcp.servers import Limits, McpServers
from vivavoce.ports import ServedTool, ToolServer

Kind = Callable[[Seen], tuple[ASGIApp, str]]


def modern(seen: Seen) -> tuple[ASGIApp, str]:
    return machine(seen).streamable_http_app(), "/mcp"


def older(seen: Seen) -> tuple[ASGIApp, str]:
    return legacy(machine(seen).streamable_http_app()), "/mcp"


def older_in_json(seen: Seen) -> tuple[ASGIApp, str]:
    return legacy(machine(seen).streamable_http_app(json_response=True)), "/mcp"


def oldest(seen: Seen) -> tuple[ASGIApp, str]:
    return machine(seen).sse_app(), "/sse"


KINDS = pytest.mark.parametrize("kind", [modern, older, older_in_json, oldest])


def talk(
    kind: Kind, scenario: Callable[[McpServers, ToolServer, Seen], Awaitable[None]], limits: Limits | None = None
) -> None:
    async def main() -> None:
        seen = Seen()
        app, path = kind(seen)
        async with on_loopback(app, seen) as base, adapter(McpServers({}, HERE, limits or PATIENT)) as engine:
            await scenario(engine, at(base + path), seen)

    asyncio.run(main())


@KINDS
def test_tools_are_listed_as_their_server_describes_them(kind: Kind) -> None:
    async def scenario(engine: McpServers, server: ToolServer, _: Seen) -> None:
        tools = {tool.name: tool for tool in await engine.list_tools(server)}
        assert list(tools) == ["add", "fail", "show", "measure", "letters", "wait"]
        assert isinstance(tools["add"], ServedTool)
        assert tools["add"].description == "Add two numbers."
        assert tools["add"].parameters["required"] == ["a", "b"]
        assert tools["add"].annotations == {"readOnlyHint": True}
        assert tools["fail"].description == ""
        assert tools["fail"].annotations == {}

    talk(kind, scenario)


@KINDS
def test_a_result_is_text(kind: Kind) -> None:
    async def scenario(engine: McpServers, server: ToolServer, _: Seen) -> None:
        assert await engine.call(server, "add", {"a": 1, "b": 2}) == "3"
        await engine.list_tools(server)  # what it tells shortens the calls after it
        assert await engine.call(server, "add", {"a": 1, "b": 20}) == "21"
        shown = "A cat.\n[image: image/png]\n[audio: audio/wav]\n[resource: notes, file:///notes.txt]"
        assert await engine.call(server, "show", {}) == shown
        assert await engine.call(server, "measure", {}) == '{"degrees":21,"unit":"°C"}'

    talk(kind, scenario)


@KINDS
def test_what_the_tool_reports_as_an_error_is_one_of_its_own(kind: Kind) -> None:
    async def scenario(engine: McpServers, server: ToolServer, _: Seen) -> None:
        error = await refusal(engine.call(server, "fail", {}))
        assert (error.kind, error.message) == ("execution", "The lamp is broken.")

    talk(kind, scenario)


@pytest.mark.parametrize("kind", [modern, older, oldest])
def test_cancelling_a_call_cancels_it_at_the_server(kind: Kind) -> None:
    async def scenario(engine: McpServers, server: ToolServer, seen: Seen) -> None:
        await engine.list_tools(server)
        call = asyncio.create_task(engine.call(server, "wait", {}))
        await until(lambda: seen.began == 1)
        call.cancel()
        await asyncio.wait({call})
        await until(lambda: seen.cancelled == 1 and engine.running == 0)

    talk(kind, scenario)


@pytest.mark.parametrize("kind", [modern, older, oldest])
def test_a_tool_that_takes_too_long_is_given_up_and_cancelled(kind: Kind) -> None:
    async def scenario(engine: McpServers, server: ToolServer, seen: Seen) -> None:
        await engine.list_tools(server)
        error = await refusal(engine.call(server, "wait", {}))
        assert (error.kind, error.code) == ("http", 0)
        assert error.message == 'The MCP server "machine" did not answer within 1 s.'
        await until(lambda: seen.cancelled == seen.began and engine.running == 0)

    talk(kind, scenario, Limits(listing=60.0, call=1.0))


@KINDS
def test_a_result_that_is_too_long_is_refused(kind: Kind) -> None:
    async def scenario(engine: McpServers, server: ToolServer, _: Seen) -> None:
        error = await refusal(engine.call(server, "letters", {"count": 3 << 20}))
        assert (error.kind, error.message) == ("execution", 'The MCP server "machine" sent more than 1048576 bytes.')
        assert await engine.call(server, "letters", {"count": 1000}) == "x" * 1000

    talk(kind, scenario)


def test_a_listing_is_kept_for_each_server_and_credential() -> None:
    async def scenario(engine: McpServers, server: ToolServer, seen: Seen) -> None:
        await asyncio.gather(*(engine.list_tools(server) for _ in range(100)))
        asked = len(seen.requests)
        await engine.list_tools(server)
        assert len(seen.requests) == asked == 2  # discover, list
        assert server.url is not None
        await engine.list_tools(at(server.url, Authorization="Bearer other"))
        assert len(seen.requests) == 4

    talk(modern, scenario)


def test_a_call_after_a_listing_is_one_request_where_the_server_is_new_enough() -> None:
    async def scenario(engine: McpServers, server: ToolServer, seen: Seen) -> None:
        await engine.list_tools(server)
        seen.requests.clear()
        for _ in range(10):
            await engine.call(server, "add", {"a": 1, "b": 2})
        assert (seen.count("POST"), len(seen.requests)) == (10, 10)

    talk(modern, scenario)


def test_an_older_server_is_told_that_a_session_is_over() -> None:
    async def scenario(engine: McpServers, server: ToolServer, seen: Seen) -> None:
        await engine.call(server, "add", {"a": 1, "b": 2})
        await until(lambda: engine.running == 0)
        assert (seen.count("DELETE"), seen.count("GET")) == (1, 0)

    talk(older, scenario)


def test_a_listing_grows_old() -> None:
    async def scenario() -> None:
        seen = Seen()
        engine = McpServers({}, HERE, Limits(age=0.0))
        async with on_loopback(machine(seen).streamable_http_app(), seen) as base, adapter(engine):
            await engine.list_tools(at(base + "/mcp"))
            await engine.list_tools(at(base + "/mcp"))
            assert len(seen.requests) == 4

    asyncio.run(scenario())


def test_a_server_that_has_changed_is_asked_anew() -> None:
    async def scenario() -> None:
        seen = Seen()
        app = machine(seen).streamable_http_app()
        current: list[ASGIApp] = [app]

        async def changing(scope: Scope, receive: Receive, send: Send) -> None:
            await current[0](scope, receive, send)

        async with on_loopback(changing, seen) as base, adapter() as engine:
            server = at(base + "/mcp")
            await engine.list_tools(server)
            current[0] = legacy(app)
            error = await refusal(engine.call(server, "add", {"a": 1, "b": 2}))
            assert (error.kind, error.code) == ("http", 400)
            assert await engine.call(server, "add", {"a": 1, "b": 2}) == "3"

    asyncio.run(scenario())


def test_a_redirect_within_the_server_is_followed() -> None:
    async def scenario() -> None:
        seen = Seen()
        app = machine(seen).streamable_http_app()

        async def moved(scope: Scope, receive: Receive, send: Send) -> None:
            if scope.get("path") == "/old":
                where = [(b"location", b"/mcp")]
                await send({"type": "http.response.start", "status": 307, "headers": where})
                await send({"type": "http.response.body", "body": b""})
            else:
                await app(scope, receive, send)

        async with on_loopback(moved, seen) as base, adapter() as engine:
            assert await engine.call(at(base + "/old"), "add", {"a": 1, "b": 2}) == "3"

    asyncio.run(scenario())


def test_credentials_go_with_every_request() -> None:
    async def scenario() -> None:
        seen = Seen()
        async with on_loopback(machine(seen).streamable_http_app(), seen) as base, adapter() as engine:
            server = at(base + "/mcp", Authorization="Bearer secret", **{"X-Team": "blue"})
            await engine.list_tools(server)
            await engine.call(server, "add", {"a": 1, "b": 2})
        sent = {(headers.get("authorization"), headers.get("x-team")) for _, _, headers in seen.requests}
        assert sent == {("Bearer secret", "blue")}

    asyncio.run(scenario())


def test_a_server_of_the_configuration_needs_no_address_and_no_permission() -> None:
    async def scenario() -> None:
        seen = Seen()
        async with on_loopback(machine(seen).streamable_http_app(), seen) as base:
            engine = McpServers({"tools": Site(base + "/mcp", {"X-Key": "ours"})})
            async with adapter(engine):
                assert engine.labels == ("tools",)
                assert await engine.call(ToolServer(None, "tools"), "add", {"a": 1, "b": 2}) == "3"
                assert seen.requests[0][2]["x-key"] == "ours"
                error = await refusal(engine.list_tools(at(base + "/mcp")))
                assert "not a public address" in error.message
                error = await refusal(engine.list_tools(ToolServer(None, "other")))
                assert error.message == 'The MCP server "other" is not in this server\'s configuration.'

    asyncio.run(scenario())
