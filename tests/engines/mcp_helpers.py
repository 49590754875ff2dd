"""MCP servers for tests: real ones made with the SDK, bad ones made by hand, and ways to reach them."""

from __future__ import annotations

import asyncio
import gc
import os
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

import pytest
from mcp.server.mcpserver import MCPServer
from mcp_types import AudioContent, CallToolResult, ImageContent, ResourceLink, TextContent, ToolAnnotations
from starlette.types import ASGIApp, Receive, Scope, Send

from vivavoce.engines.mcp.servers import Limits, McpServers
from vivavoce.ports import ToolError, ToolServer
from vivavoce.serving import serving

HERE = ("127.0.0.1",)
PATIENT = Limits(connect=30.0, listing=60.0, call=60.0)
"""However busy the machine is."""


@dataclass
class Seen:
    """What a server has seen."""

    requests: list[tuple[str, str, dict[str, str]]] = field(default_factory=list)
    """Method, path and headers."""
    began: int = 0
    cancelled: int = 0

    def count(self, method: str) -> int:
        """Requests of a method."""
        return sum(each == method for each, _, _ in self.requests)


def machine(seen: Seen) -> MCPServer[None]:
    """A server with a tool of each kind."""
    server: MCPServer[None] = MCPServer("machine")

    @server.tool(annotations=ToolAnnotations(read_only_hint=True))
    def add(a: int, b: int) -> int:
        """Add two numbers."""
        return a + b

    @server.tool()
    def fail() -> CallToolResult:
        return CallToolResult(content=[TextContent(text="The lamp is broken.")], is_error=True)

    @server.tool()
    def show() -> CallToolResult:
        link = ResourceLink(name="notes", uri="file:///notes.txt")
        picture = ImageContent(data="AAAA", mime_type="image/png")
        sound = AudioContent(data="AAAA", mime_type="audio/wav")
        return CallToolResult(content=[TextContent(text="A cat."), picture, sound, link])

    @server.tool()
    def measure() -> CallToolResult:
        return CallToolResult(content=[], structured_content={"degrees": 21, "unit": "°C"})

    @server.tool()
    def letters(count: int) -> CallToolResult:
        return CallToolResult(content=[TextContent(text="x" * count)])

    @server.tool()
    async def wait() -> str:
        seen.began += 1
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            seen.cancelled += 1
            raise
        return "never"

    return server


def legacy(app: ASGIApp) -> ASGIApp:
    """As a server answers that knows nothing of version 2026-07-28, in which there are no sessions."""

    async def older(scope: Scope, receive: Receive, send: Send) -> None:
        if dict(scope.get("headers", [])).get(b"mcp-protocol-version", b"") >= b"2026":
            await send({"type": "http.response.start", "status": 400, "headers": []})
            await send({"type": "http.response.body", "body": b"Bad Request: no session"})
        else:
            await app(scope, receive, send)

    return older


@asynccontextmanager
async def on_loopback(app: ASGIApp, seen: Seen) -> AsyncIterator[str]:
    """`app` on a real socket; gives its base address."""

    async def noting(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http":
            headers = {name.decode(): value.decode() for name, value in scope["headers"]}
            seen.requests.append((scope["method"], scope["path"], headers))
        await app(scope, receive, send)

    async with serving(noting) as port:
        yield f"http://127.0.0.1:{port}"


Handler = Callable[[bytes, asyncio.StreamWriter], Awaitable[None]]


@asynccontextmanager
async def by_hand(answer: Handler) -> AsyncIterator[str]:
    """A server that reads a request's head and body, and does with the connection what `answer` does."""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            head = await reader.readuntil(b"\r\n\r\n")
            length = next((line for line in head.lower().split(b"\r\n") if line.startswith(b"content-length:")), b":0")
            body = await reader.readexactly(int(length.partition(b":")[2]))
            await answer(head + body, writer)
            await writer.drain()
        except (ConnectionError, asyncio.IncompleteReadError):
            pass  # the client has hung up
        finally:
            writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    try:
        yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/mcp"
    finally:
        server.close()


@asynccontextmanager
async def adapter(servers: McpServers | None = None) -> AsyncIterator[McpServers]:
    """One that may reach this machine; it is closed afterwards."""
    engine = servers or McpServers({}, HERE, PATIENT)
    await engine.start()
    try:
        yield engine
    finally:
        await engine.aclose()
        assert engine.running == 0


async def refusal(attempt: Awaitable[object]) -> ToolError:
    """What an attempt fails with."""
    with pytest.raises(ToolError) as caught:
        await attempt
    return caught.value


def open_files() -> int:
    """Sockets and pipes of this process among them."""
    gc.collect()
    return len(os.listdir("/proc/self/fd"))


def at(url: str, **headers: str) -> ToolServer:
    """The server at an address, with what is sent along."""
    return ToolServer(url, "machine", headers)
