"""MCP servers that misbehave: each ends as an error of its kind, and costs no more than it may."""

from __future__ import annotations

import asyncio
import gzip
import json
import tracemalloc
from collections.abc import Callable

import pytest
from tests.engines.mcp_helpers import HERE, Handler, adapter, at, by_hand, open_files, refusal
from tests.patience import until

from vivavoce.engines.mcp.servers import Limits, McpServers
from vivavoce.ports import ToolError

MIB = 1 << 20


def reply(body: bytes, kind: str = "application/json", status: str = "200 OK", more: str = "") -> bytes:
    head = f"HTTP/1.1 {status}\r\nContent-Type: {kind}\r\nContent-Length: {len(body)}\r\n{more}\r\n"
    return head.encode() + body


def answering(data: bytes) -> Handler:
    async def answer(request: bytes, writer: asyncio.StreamWriter) -> None:
        writer.write(data)

    return answer


def result(request: bytes, value: object) -> bytes:
    """The answer to a request, whatever was asked."""
    asked = json.loads(request.partition(b"\r\n\r\n")[2])
    return json.dumps({"jsonrpc": "2.0", "id": asked.get("id"), "result": value}).encode()


def listing(answer: Handler) -> ToolError:
    async def scenario() -> ToolError:
        async with by_hand(answer) as url, adapter() as engine:
            error = await refusal(engine.list_tools(at(url)))
            await until(lambda: engine.running == 0)
            return error

    return asyncio.run(scenario())


@pytest.mark.parametrize(
    ("status", "code"),
    [
        ("401 Unauthorized", 401),
        ("403 Forbidden", 403),
        ("404 Not Found", 404),
        ("429 Too Many Requests", 429),
        ("500 Internal Server Error", 500),
        ("503 Service Unavailable", 503),
    ],
)
@pytest.mark.parametrize("body", [b"", b"<html>no</html>", b'{"error": "invalid_token"}', b"[" * 100_000])
def test_a_status_that_says_no_is_an_http_error(status: str, code: int, body: bytes) -> None:
    error = listing(answering(reply(body, status=status)))
    assert (error.kind, error.code) == ("http", code)
    assert error.message == f'The MCP server "machine" answered {status}.'


def test_a_refusal_in_the_protocol_s_own_terms_is_a_protocol_error() -> None:
    body = json.dumps({"jsonrpc": "2.0", "id": None, "error": {"code": -32099, "message": "Not today."}}).encode()
    error = listing(answering(reply(body, status="400 Bad Request")))
    assert (error.kind, error.code, error.message) == ("protocol", -32099, "Not today.")


def test_a_server_s_message_is_cut() -> None:
    body = json.dumps({"jsonrpc": "2.0", "id": None, "error": {"code": -1, "message": "x" * 5000}}).encode()
    assert listing(answering(reply(body, status="400 Bad Request"))).message == "x" * 1000


@pytest.mark.parametrize("status", ["301 Moved Permanently", "302 Found", "307 Temporary Redirect"])
def test_no_redirect_leads_elsewhere(status: str) -> None:
    async def scenario() -> None:
        reached = 0

        async def elsewhere(request: bytes, writer: asyncio.StreamWriter) -> None:
            nonlocal reached
            reached += 1

        async with by_hand(elsewhere) as other:
            error_at = answering(reply(b"", status=status, more=f"Location: {other}\r\n"))
            async with by_hand(error_at) as url, adapter() as engine:
                error = await refusal(engine.list_tools(at(url)))
        assert (error.kind, error.code, reached) == ("http", int(status[:3]), 0)

    asyncio.run(scenario())


@pytest.mark.parametrize(
    "data",
    [
        reply(b"nonsense"),
        reply(b"{}"),
        reply(b"[" * 100_000),
        reply(b"hello", kind="text/html"),
        reply(b"data: nonsense\n\n", kind="text/event-stream"),
        reply(b"", status="202 Accepted"),
    ],
)
def test_an_answer_that_is_no_mcp_is_a_protocol_error(data: bytes) -> None:
    error = listing(answering(data))
    assert error.kind == "protocol"
    assert error.code < 0


@pytest.mark.parametrize("value", [{"tools": 5}, {"tools": [{"name": "x"}]}, {}])
def test_a_listing_that_is_none_is_a_protocol_error(value: object) -> None:
    error = listing(discovering(lambda _: value))
    assert (error.kind, error.message) == ("protocol", 'The MCP server "machine" sent what is not MCP.')


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"HTTP/1.1 200 OK\r\nContent-Ty",
        b"not HTTP at all\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 500\r\n\r\n{",
        b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n5\r\ndata:",
    ],
)
def test_a_server_that_hangs_up_is_an_http_error(data: bytes) -> None:
    error = listing(answering(data))
    assert (error.kind, error.code) == ("http", 0)
    assert error.message.startswith('The MCP server "machine" broke off (')


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 500\r\n\r\n{",
        b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n\r\n: hello\n\n",
    ],
)
def test_a_server_that_hangs_is_given_up(data: bytes) -> None:
    async def answer(request: bytes, writer: asyncio.StreamWriter) -> None:
        writer.write(data)
        await writer.drain()
        while not writer.is_closing():
            await asyncio.sleep(0.05)
            writer.write(b"")

    async def scenario() -> None:
        async with by_hand(answer) as url:
            engine = McpServers({}, HERE, Limits(connect=30.0, listing=0.3))
            async with adapter(engine):
                error = await refusal(engine.list_tools(at(url)))
                assert (error.kind, error.code) == ("http", 0)
                assert error.message == 'The MCP server "machine" did not answer within 0.3 s.'
                await until(lambda: engine.running == 0)

    asyncio.run(scenario())


def endless(piece: bytes, head: bytes) -> Handler:
    async def answer(request: bytes, writer: asyncio.StreamWriter) -> None:
        writer.write(head)
        while not writer.is_closing():
            writer.write(piece)
            await writer.drain()

    return answer


SSE = b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n\r\n"
JSON = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n\r\n"
NOTE = b'data: {"jsonrpc":"2.0","method":"notifications/message","params":{"level":"info","data":"hello"}}\n\n'


@pytest.mark.parametrize(
    "answer",
    [
        endless(b"x" * 65_536, JSON + b'"'),
        endless(b"x" * 65_536, SSE + b"data: "),
        endless(NOTE * 100, SSE),
        answering(reply(b'"' + b"x" * (10 * MIB) + b'"')),
        answering(reply(b"x" * (10 * MIB), status="500 Internal Server Error")),
    ],
    ids=["endless JSON", "an endless event", "endless events", "10 MiB", "10 MiB of an error"],
)
def test_what_is_too_much_costs_no_more_than_the_limit(answer: Handler) -> None:
    async def scenario() -> tuple[ToolError, int]:
        small = McpServers({}, HERE, Limits(connect=30.0, listing=60.0, received=MIB // 4))
        async with by_hand(answer) as url, adapter(small) as engine:
            tracemalloc.start()
            try:
                error = await refusal(engine.list_tools(at(url)))
                return error, tracemalloc.get_traced_memory()[1]
            finally:
                tracemalloc.stop()

    error, peak = asyncio.run(scenario())
    if error.kind == "http":
        assert error.code == 500
    else:
        assert (error.kind, error.message) == (
            "execution",
            f'The MCP server "machine" sent more than {MIB // 4} bytes.',
        )
    assert peak < 25 * MIB  # the 10 MiB of the test's own server, and its buffers, among them


def test_a_compressed_answer_is_not_unpacked() -> None:
    bomb = gzip.compress(b'"' + b"x" * (10 * MIB) + b'"')
    error = listing(answering(reply(bomb, more="Content-Encoding: gzip\r\n")))
    assert (error.kind, error.message) == ("protocol", 'The MCP server "machine" compressed an answer unasked.')


def discovering(then: Callable[[bytes], object]) -> Handler:
    """A server of version 2026-07-28, up to its listing."""

    async def answer(request: bytes, writer: asyncio.StreamWriter) -> None:
        value: object = {
            "supportedVersions": ["2026-07-28"],
            "capabilities": {"tools": {}},
            "resultType": "complete",
            "ttlMs": 0,
            "cacheScope": "public",
        }
        if b"mcp-method: server/discover" not in request.lower():
            value = then(request)
        writer.write(reply(result(request, value)))

    return answer


def page(*tools: object, cursor: str | None = None) -> dict[str, object]:
    more = {} if cursor is None else {"nextCursor": cursor}
    return {"tools": list(tools), "resultType": "complete", "ttlMs": 0, "cacheScope": "public", **more}


def tool(name: str) -> dict[str, object]:
    return {"name": name, "inputSchema": {"type": "object"}}


def test_a_listing_of_several_pages_is_read_to_its_end() -> None:
    def pages(request: bytes) -> object:
        return page(tool("b"), tool("a")) if b'"next"' in request else page(tool("a"), cursor="next")

    async def scenario() -> None:
        async with by_hand(discovering(pages)) as url, adapter() as engine:
            assert [each.name for each in await engine.list_tools(at(url))] == ["a", "b"]

    asyncio.run(scenario())


def test_a_listing_without_an_end_is_refused() -> None:
    names = iter(range(1_000_000))
    crowd = discovering(lambda _: page(*(tool(f"t{next(names)}") for _ in range(100)), cursor="more"))
    assert listing(crowd).message == "The server has more than 1000 tools."
    empty = listing(discovering(lambda _: page(cursor="more" * 5_000)))
    assert empty.message == f'The MCP server "machine" sent more than {MIB} bytes.'


def test_a_tool_that_asks_back_is_an_error() -> None:
    back = {"resultType": "input_required", "inputRequests": {}, "requestState": "x"}

    async def scenario() -> None:
        async with by_hand(discovering(lambda _: back)) as url, adapter() as engine:
            error = await refusal(engine.call(at(url), "ask", {}))
            assert (error.kind, error.message) == ("execution", "The tool asks back, and nobody here can answer it.")

    asyncio.run(scenario())


@pytest.mark.parametrize("url", ["nonsense", "ftp://127.0.0.1/", "http://127.0.0.1:9/mcp", "http://nowhere.invalid/"])
def test_what_cannot_be_reached_is_an_http_error_without_a_status(url: str) -> None:
    async def scenario() -> None:
        async with adapter() as engine:
            error = await refusal(engine.list_tools(at(url)))
            assert (error.kind, error.code) == ("http", 0)
            assert error.message.startswith('The MCP server "machine" cannot be reached: ')

    asyncio.run(scenario())


def test_a_hundred_calls_that_fail_or_are_cancelled_leave_nothing() -> None:
    hanging = 0

    async def hang(request: bytes, writer: asyncio.StreamWriter) -> None:
        nonlocal hanging
        hanging += 1
        while not writer.is_closing():
            await asyncio.sleep(0.01)
            writer.write(b" ")
            await writer.drain()

    async def scenario() -> None:
        before, tasks = open_files(), len(asyncio.all_tasks())
        failing = answering(b"HTTP/1.1 500 Oh\r\n\r\n")
        async with by_hand(hang) as silent, by_hand(failing) as broken, adapter() as engine:
            calls = [asyncio.create_task(engine.call(at(silent), "x", {})) for _ in range(50)]
            calls += [asyncio.create_task(engine.call(at(broken), "x", {})) for _ in range(50)]
            await until(lambda: hanging == 50)
            for call in calls[:50]:
                call.cancel()
            outcomes = await asyncio.gather(*calls, return_exceptions=True)
            assert all(isinstance(each, asyncio.CancelledError) for each in outcomes[:50])
            assert all(isinstance(each, ToolError) for each in outcomes[50:])
            await until(lambda: engine.running == 0)
        await until(lambda: len(asyncio.all_tasks()) == tasks)
        await until(lambda: open_files() <= before)

    asyncio.run(scenario())
