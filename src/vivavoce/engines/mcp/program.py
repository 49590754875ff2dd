"""An MCP server that is a program of the configuration, spoken to over its standard input and output."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass, field
from types import TracebackType
from typing import TYPE_CHECKING

from mcp import Client, Implementation, StdioServerParameters, stdio_client

if TYPE_CHECKING:
    from mcp.client._transport import ReadStream, TransportStreams
    from mcp.shared.message import SessionMessage

    Message = SessionMessage | Exception


START_S = 30.0
"""A program that has not said who it is by then is ended."""


@dataclass(frozen=True, slots=True)
class Command:
    """How a program is started. Of this process's environment it gets what every program needs (PATH, HOME, ...)."""

    program: str
    arguments: Sequence[str] = ()
    environment: Mapping[str, str] = field(default_factory=dict)


class Program:
    """Started once and kept for all callers; one that has ended is started again when it is needed."""

    def __init__(self, command: Command, info: Implementation) -> None:
        self._parameters = StdioServerParameters(
            command=command.program, args=list(command.arguments), env=dict(command.environment)
        )
        self._info = info
        self._running: asyncio.Future[Client] | None = None
        self._tasks: set[asyncio.Task[None]] = set()

    async def client(self) -> Client:
        """The way to it, which many may use at once. Raises what the SDK raises when it cannot be started."""
        if self._running is None:
            self._running = asyncio.get_running_loop().create_future()
            # The SDK's contexts have to be entered and left in one task.
            task = asyncio.create_task(self._keep(self._running))
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)
        return await asyncio.shield(self._running)

    async def _keep(self, running: asyncio.Future[Client]) -> None:
        ended = asyncio.Event()
        try:
            transport = _watched(stdio_client(self._parameters), ended)
            async with (
                asyncio.timeout(START_S) as starting,
                Client(transport, client_info=self._info, cache=None) as it,
            ):
                starting.reschedule(None)
                running.set_result(it)
                await ended.wait()
                self._forget(running)
        except Exception as error:
            if not running.done():
                running.set_exception(error)
                running.exception()  # there may be nobody left who waits for it
        finally:
            running.cancel()
            self._forget(running)

    def _forget(self, running: asyncio.Future[Client]) -> None:
        if self._running is running:
            self._running = None

    async def aclose(self) -> None:
        """End it, with all that it has started."""
        for task in self._tasks:
            task.cancel()
        if self._tasks:
            await asyncio.wait(self._tasks)


@asynccontextmanager
async def _watched(
    transport: AbstractAsyncContextManager[TransportStreams], ended: asyncio.Event
) -> AsyncIterator[TransportStreams]:
    async with transport as (read, write):
        yield _Watched(read, ended), write


class _Watched:
    """A read stream that says when it ends: the SDK itself only tells those whose call was in progress."""

    def __init__(self, stream: ReadStream[Message], ended: asyncio.Event) -> None:
        self._stream = stream
        self._ended = ended

    async def receive(self) -> Message:
        return await self._stream.receive()

    async def aclose(self) -> None:
        await self._stream.aclose()

    def __aiter__(self) -> _Watched:
        return self

    async def __anext__(self) -> Message:
        try:
            return await self._stream.__anext__()
        except StopAsyncIteration:
            self._ended.set()
            raise

    async def __aenter__(self) -> _Watched:
        await self._stream.__aenter__()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> bool | None:
        return await self._stream.__aexit__(kind, error, trace)
