"""Plain sockets and requests against a live server: no SDK that might smooth anything over."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import httpx
from tests.live import Live
from tests.patience import PATIENCE_S, until
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed


def bearer(key: str) -> dict[str, str]:
    """The header of a key or secret."""
    return {"Authorization": f"Bearer {key}"}


@asynccontextmanager
async def call(server: Live, query: str, key: str = "") -> AsyncIterator[tuple[ClientConnection, dict[str, Any]]]:
    """A connection, and its first event."""
    async with connect(server.ws + query, additional_headers=bearer(key) if key else None) as socket:
        yield socket, await receive(socket)


async def receive(socket: ClientConnection, type_: str | None = None) -> dict[str, Any]:
    """The next event, or the next of a type."""
    while True:
        event: dict[str, Any] = json.loads(await asyncio.wait_for(socket.recv(), PATIENCE_S))
        if type_ is None or event["type"] == type_:
            return event


async def send(socket: ClientConnection, type_: str, **fields: object) -> None:
    """One client event."""
    await socket.send(json.dumps({"type": type_, **fields}))


async def closed(socket: ClientConnection) -> tuple[int, str]:
    """The code and reason of the close that follows, whatever comes before it."""
    try:
        while True:
            await asyncio.wait_for(socket.recv(), PATIENCE_S)
    except ConnectionClosed as over:
        return (over.rcvd.code, over.rcvd.reason) if over.rcvd else (1006, "")


async def emptied(server: Live) -> None:
    """Every session is over."""
    await until(lambda: server.server.sessions == 0)


async def refused(server: Live, query: str, key: str = "") -> tuple[str | None, int]:
    """The error's code and the close code of a connection that is not let in."""
    async with call(server, query, key) as (socket, event):
        assert event["type"] == "error", event
        return event["error"]["code"], (await closed(socket))[0]


async def post(server: Live, path: str, body: object = None, key: str = "") -> httpx.Response:
    """POST JSON, or bytes as they are."""
    content = body if isinstance(body, bytes) else json.dumps(body).encode() if body is not None else b""
    async with httpx.AsyncClient(base_url=server.http, timeout=PATIENCE_S) as client:
        return await client.post(path, content=content, headers=bearer(key) if key else {})


async def minted(server: Live, body: object = None, key: str = "", path: str = "/realtime/client_secrets") -> str:
    """The value of a new client secret."""
    answer = await post(server, path, body, key)
    assert answer.status_code == 200, answer.text
    value: str = answer.json()["value"]
    return value
