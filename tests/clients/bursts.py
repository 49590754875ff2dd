"""A network between a client and a server that delivers in bursts: what the server says waits, and comes at once."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress

BURST_S = 0.15
"""Longer than the scripted engines need for an answer, so that one burst holds the end of one and much of the next."""


async def _at_once(source: asyncio.StreamReader, sink: asyncio.StreamWriter) -> None:
    while piece := await source.read(1 << 16):
        sink.write(piece)
        await sink.drain()
    sink.write_eof()


async def _in_bursts(source: asyncio.StreamReader, sink: asyncio.StreamWriter) -> None:
    while piece := await source.read(1 << 20):
        await asyncio.sleep(BURST_S)
        sink.write(piece)
        await sink.drain()
    sink.write_eof()


@asynccontextmanager
async def in_bursts(port: int) -> AsyncIterator[int]:
    """A way to a port of this machine; gives the port to connect to."""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        from_server, to_server = await asyncio.open_connection("127.0.0.1", port, limit=1 << 20)
        with suppress(ConnectionError, OSError):
            await asyncio.gather(_at_once(reader, to_server), _in_bursts(from_server, writer))
        to_server.close()
        writer.close()

    async with await asyncio.start_server(serve, "127.0.0.1", 0) as server:
        yield server.sockets[0].getsockname()[1]
