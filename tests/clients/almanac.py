"""An MCP server on loopback, made with the official SDK."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

from mcp.server import MCPServer
from starlette.datastructures import Headers
from starlette.types import Receive, Scope, Send

from vivavoce.serving import serving


@dataclass
class Almanac:
    """Two tools, and what they were asked."""

    url: str = ""
    asked: list[tuple[str, str]] = field(default_factory=list)
    """Name of the tool, and city."""
    let_in: set[str | None] = field(default_factory=set)
    """With which `Authorization` it was reached."""

    async def weather(self, city: str) -> str:
        """What the weather is like in a city."""
        self.asked.append(("weather", city))
        return f"rain in {city}"

    async def clock(self, city: str) -> str:
        """What time it is in a city."""
        self.asked.append(("clock", city))
        return f"noon in {city}"


@asynccontextmanager
async def almanac() -> AsyncIterator[Almanac]:
    """A server that is ready."""
    book = Almanac()
    server = MCPServer("almanac")
    server.tool()(book.weather)
    server.tool()(book.clock)
    app = server.streamable_http_app()

    async def door(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http":
            book.let_in.add(Headers(scope=scope).get("authorization"))
        await app(scope, receive, send)

    async with serving(door) as port:
        book.url = f"http://127.0.0.1:{port}/mcp"
        yield book
