"""MCP servers, over HTTP (streamable, or SSE as older ones have it) and as programs of the configuration.

A call over HTTP is a conversation of its own, from connecting to closing: what one caller does at a server is never
seen by another, and nothing is left behind. TCP connections are kept for the next one, and so is what a listing has
told: the tools, and which version of the protocol the server speaks, so that a call to a server of version 2026-07-28
is a single request.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Mapping
from dataclasses import dataclass

import httpx2
import mcp_types as mcp
from mcp import Implementation, MCPError
from mcp_types import HEADER_MISMATCH
from pydantic import TypeAdapter

from vivavoce.engines.addresses import Guard, GuardedTransport
from vivavoce.engines.mcp.conversation import Conversations, Line, Site, Talk
from vivavoce.engines.mcp.known import Known, Listings
from vivavoce.engines.mcp.program import Command, Program
from vivavoce.engines.mcp.results import served, text_of
from vivavoce.ports import ServedTool, ToolError, ToolServer

MOST_TOOLS = 1000
"""Of one server."""
_RESULT: TypeAdapter[mcp.CallToolResult | mcp.InputRequiredResult] = TypeAdapter(
    mcp.CallToolResult | mcp.InputRequiredResult
)
_log = logging.getLogger(__name__)
for _name in ("mcp", "client"):
    # The SDK logs what servers send when it is wrong. Every failure reaches us as an error besides.
    logging.getLogger(_name).setLevel(logging.CRITICAL)


@dataclass(frozen=True, slots=True)
class Limits:
    """Times are in seconds."""

    connect: float = 5.0
    listing: float = 20.0
    """From connecting to the last tool."""
    call: float = 60.0
    """From connecting to the result."""
    received: int = 1 << 20
    """Bytes that a server may send for one listing or call."""
    age: float = 300.0
    """How long a listing is believed."""


class McpServers:
    """The port `ToolServers`."""

    name = "mcp"

    def __init__(
        self,
        configured: Mapping[str, Site | Command],
        allowed: tuple[str, ...] = (),
        limits: Limits | None = None,
        version: str = "0",
    ) -> None:
        """`configured`: servers by their label. `allowed`: addresses that clients may name though they are not public,
        see `Guard`. `version` is this program's, for servers that ask. Nothing is started yet."""
        info = Implementation(name="vivavoce", version=version)
        self.labels = tuple(configured)
        self._configured: dict[str, Site | Program] = {
            label: each if isinstance(each, Site) else Program(each, info) for label, each in configured.items()
        }
        self._limits = limits or Limits()
        self._guarded = GuardedTransport(Guard(allowed))
        self._trusted = GuardedTransport(Guard(("0.0.0.0/0", "::/0")))
        """For addresses that the configuration itself names."""
        self._listings = Listings(self._limits.age)
        self._conversations = Conversations(info, self._limits.connect, self._limits.received)

    @property
    def running(self) -> int:
        """Conversations that have not ended, goodbye included."""
        return len(self._conversations)

    async def start(self) -> None:
        """Start the programs. One that does not start is only logged: it may do so when it is needed."""
        programs = [(label, way) for label, way in self._configured.items() if isinstance(way, Program)]
        await asyncio.gather(*(self._start(label, program) for label, program in programs))

    async def _start(self, label: str, program: Program) -> None:
        try:
            async with asyncio.timeout(self._limits.listing):
                await program.client()
        except Exception as error:
            _log.warning("the MCP server %s does not start: %s", label, type(error).__name__)

    async def aclose(self) -> None:
        """End every conversation, every program and every connection."""
        await self._conversations.aclose()
        for way in self._configured.values():
            if isinstance(way, Program):
                await way.aclose()
        await self._guarded.aclose()
        await self._trusted.aclose()

    async def list_tools(self, server: ToolServer) -> tuple[ServedTool, ...]:
        """What the server has, as it told not long ago. Sessions that ask at the same moment share one listing,
        which goes on when they have gone."""
        key = self._listings.key(server)
        if (known := self._listings.get(key)) is not None:
            return known.tools
        listing = self._listings.pending.get(key)
        if listing is None:
            listing, _ = self._conversations.begin(self._line(server, None), self._limits.listing, _list)
            self._listings.expect(key, listing)
        return (await asyncio.shield(listing)).tools

    async def call(self, server: ToolServer, name: str, arguments: Mapping[str, object]) -> str:
        """The result as text. `execution` is the kind of the error that the tool itself reports."""
        key = self._listings.key(server)

        async def work(talk: Talk) -> mcp.CallToolResult:
            return await _call(talk, name, arguments)

        line = self._line(server, self._listings.get(key))
        answer, task = self._conversations.begin(line, self._limits.call, work)
        try:
            result = await answer
        except asyncio.CancelledError:
            task.cancel()
            raise
        except ToolError as error:
            if error.kind != "execution":
                self._listings.forget(key)  # the server may be another one by now
            raise
        text = text_of(result)
        if len(text.encode()) > self._limits.received:
            raise ToolError("execution", f"The result is longer than {self._limits.received} bytes.")
        if result.is_error:
            raise ToolError("execution", text or "The tool failed without saying why.")
        return text

    def _line(self, server: ToolServer, known: Known | None) -> Line:
        who = f'The MCP server "{server.label}"'
        if server.url is not None:
            try:
                httpx2.URL(server.url)
            except httpx2.InvalidURL as error:
                raise ToolError("http", f"{who} has an address that is none: {error}") from error
            return Line(who, Site(server.url, server.headers), self._guarded, known)
        way = self._configured.get(server.label)
        if way is None:
            raise ToolError("http", f"{who} is not in this server's configuration.")
        return Line(who, way, self._trusted, known)


async def _list(talk: Talk) -> Known:
    tools: list[mcp.Tool] = []
    cursor: str | None = None
    while True:
        page = await talk.client.session.list_tools(params=mcp.PaginatedRequestParams(cursor=cursor))
        tools += page.tools
        cursor = page.next_cursor
        if len(tools) > MOST_TOOLS:
            raise ToolError("protocol", f"The server has more than {MOST_TOOLS} tools.")
        if not cursor:
            break
    discovered = talk.client.session.discover_result
    return Known(served(tools), talk.exchange.received, discovered, sse=talk.exchange.listens)


async def _call(talk: Talk, name: str, arguments: Mapping[str, object]) -> mcp.CallToolResult:
    """The SDK's own `call_tool` lists the tools again for every result, to check it against the tool's schema."""
    params = mcp.CallToolRequestParams(name=name, arguments=dict(arguments))
    request = mcp.CallToolRequest(params=params)
    session = talk.client.session
    try:
        result = await session.send_request(request, _RESULT)
    except MCPError as error:
        if error.code != HEADER_MISMATCH:
            raise
        # Some arguments are to be repeated in headers (MCP 2026-07-28); the session learns which from a listing.
        await _list(talk)
        result = await session.send_request(request, _RESULT)
    if isinstance(result, mcp.InputRequiredResult):
        raise ToolError("execution", "The tool asks back, and nobody here can answer it.")
    return result
