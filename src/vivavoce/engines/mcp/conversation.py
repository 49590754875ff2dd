"""Conversations with MCP servers, each from connecting to closing."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, TypeVar

import httpx2
from mcp import Client, Implementation, MCPError
from mcp.client.sse import sse_client
from mcp.client.streamable_http import streamable_http_client
from mcp_types import CONNECTION_CLOSED, INTERNAL_ERROR, PARSE_ERROR, REQUEST_TIMEOUT
from mcp_types.version import LATEST_MODERN_VERSION
from pydantic import ValidationError

from vivavoce.engines.mcp.exchange import Exchange
from vivavoce.engines.mcp.known import Known
from vivavoce.engines.mcp.program import Program
from vivavoce.ports import ToolError

if TYPE_CHECKING:
    from mcp.client._transport import Transport

_log = logging.getLogger(__name__)
T = TypeVar("T")
CLOSE_S = 5.0
"""For the goodbye. Nobody waits for it."""
LONGEST_MESSAGE = 1000
"""Characters of a server's own message that are passed on."""
_OLD = frozenset({400, 404, 405})
"""How a server that only knows SSE answers to a POST (MCP 2025-11-25, Transports, Backwards Compatibility)."""


@dataclass(frozen=True, slots=True)
class Site:
    """A server that is reached over HTTP."""

    url: str
    headers: Mapping[str, str] = field(default_factory=dict)
    """Sent with every request."""


@dataclass(frozen=True, slots=True)
class Line:
    """The way to one server."""

    who: str
    """The beginning of a sentence about it."""
    way: Program | Site
    transport: httpx2.AsyncBaseTransport
    """For a site."""
    known: Known | None = None
    """What it told before."""


@dataclass(frozen=True, slots=True)
class Talk:
    """A conversation in progress."""

    client: Client
    exchange: Exchange
    """Unused with a program."""


class Conversations:
    """Those that have not ended, goodbye included."""

    def __init__(self, info: Implementation, connect_s: float, most_bytes: int) -> None:
        """`info`: who we are. `connect_s`: seconds to connect. `most_bytes`: what a server may send in one of them."""
        self._info = info
        self._connect_s = connect_s
        self._most_bytes = most_bytes
        self._tasks: set[asyncio.Task[None]] = set()

    def __len__(self) -> int:
        return len(self._tasks)

    async def aclose(self) -> None:
        """Break all of them off."""
        for task in self._tasks:
            task.cancel()
        if self._tasks:
            await asyncio.wait(self._tasks)

    def begin(
        self, line: Line, seconds: float, work: Callable[[Talk], Awaitable[T]]
    ) -> tuple[asyncio.Future[T], asyncio.Task[None]]:
        """Connect, and do the `work` within `seconds` from now. The future becomes its result or a `ToolError`, before
        goodbye has been said. Cancelling the task cancels what is being done at the server.

        A task of its own, since the SDK's contexts have to be entered and left in one.
        """
        answer: asyncio.Future[T] = asyncio.get_running_loop().create_future()
        answer.add_done_callback(lambda done: done.cancelled() or done.exception())  # nobody may be waiting any more
        task = asyncio.create_task(self._converse(line, seconds, work, answer))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return answer, task

    async def _converse(
        self, line: Line, seconds: float, work: Callable[[Talk], Awaitable[T]], answer: asyncio.Future[T]
    ) -> None:
        me = asyncio.current_task()
        assert me is not None
        exchange = Exchange(line.who, line.transport, self._most_bytes, me.cancel)
        deadline = asyncio.timeout(seconds)
        try:
            async with deadline, self._connected(line, exchange) as client:
                result = await work(Talk(client, exchange))
                if not answer.done():
                    answer.set_result(result)
                deadline.reschedule(asyncio.get_running_loop().time() + CLOSE_S)
        except (Exception, asyncio.CancelledError) as error:
            if not answer.done():
                late = seconds if deadline.expired() else None
                answer.set_exception(_fault(line, error, exchange, late))

    @asynccontextmanager
    async def _connected(self, line: Line, exchange: Exchange) -> AsyncIterator[Client]:
        if isinstance(line.way, Program):
            yield await line.way.client()
            return
        async with AsyncExitStack() as stack:
            yield await self._over_http(stack, line.way, line.known, exchange)

    async def _over_http(self, stack: AsyncExitStack, site: Site, known: Known | None, exchange: Exchange) -> Client:
        # All else has its time from the deadline of the conversation.
        limits = httpx2.Timeout(None, connect=self._connect_s, pool=self._connect_s)

        def http(headers: object = None, timeout: object = None, auth: object = None) -> httpx2.AsyncClient:
            return httpx2.AsyncClient(transport=exchange, headers=site.headers, timeout=limits, trust_env=False)

        if known is None or not known.sse:
            try:
                web = await stack.enter_async_context(http())
                streams = streamable_http_client(site.url, http_client=web, max_sse_event_size=None)
                return await stack.enter_async_context(self._client(streams, known))
            except Exception:
                if exchange.fault is None or exchange.fault.code not in _OLD:
                    raise
        exchange.listens = True
        streams = sse_client(site.url, httpx_client_factory=http)
        return await stack.enter_async_context(self._client(streams, known))

    def _client(self, streams: Transport, known: Known | None) -> Client:
        if known is None:
            return Client(streams, client_info=self._info, cache=None)
        mode = LATEST_MODERN_VERSION if known.discovered else "legacy"
        return Client(streams, client_info=self._info, cache=None, mode=mode, prior_discover=known.discovered)


def _fault(line: Line, error: BaseException, exchange: Exchange, late: float | None) -> ToolError:
    """What it was, in the port's terms. `late`: it was not done after so many seconds."""
    program = isinstance(line.way, Program)
    if late is not None:
        message = f"{line.who} did not answer within {late:g} s."
        return ToolError("protocol", message, REQUEST_TIMEOUT) if program else ToolError("http", message)
    if exchange.fault is not None:
        return exchange.fault
    while isinstance(error, BaseExceptionGroup):
        error = error.exceptions[0]
    match error:
        case ToolError():
            return error
        case MCPError():
            return ToolError("protocol", error.message[:LONGEST_MESSAGE], error.code)
        case asyncio.CancelledError():
            return ToolError("protocol", f"{line.who} was left in the middle of a conversation.", CONNECTION_CLOSED)
        case OSError() if program:
            return ToolError("protocol", f"{line.who} cannot be started.", CONNECTION_CLOSED)
        case ValidationError() | httpx2.SSEError():
            return ToolError("protocol", f"{line.who} sent what is not MCP.", PARSE_ERROR)
        case _:
            _log.warning("%s: %s", line.who, type(error).__name__)
            return ToolError("protocol", f"{line.who} cannot be talked to ({type(error).__name__}).", INTERNAL_ERROR)
