"""The plain client: what it takes for an address, what it reads out of events, and how a connection ends."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

import pytest
from tests.patience import PATIENCE_S
from websockets.asyncio.server import ServerConnection, serve

from vivavoce.testing.client import ClientError, at, connect, describe, endpoint, text


@pytest.mark.parametrize(
    ("given", "address"),
    [
        ("127.0.0.1:8700", "ws://127.0.0.1:8700/v1/realtime?model=m"),
        ("http://host:1", "ws://host:1/v1/realtime?model=m"),
        ("https://host/v1", "wss://host/v1/realtime?model=m"),
        ("wss://host/openai/v1/realtime/", "wss://host/openai/v1/realtime?model=m"),
        ("ws://host/v1/realtime?model=other", "ws://host/v1/realtime?model=other"),
        ("ws://[::1]:8700", "ws://[::1]:8700/v1/realtime?model=m"),
    ],
)
def test_an_address_may_be_short(given: str, address: str) -> None:
    assert endpoint(given, "m") == address


@pytest.mark.parametrize("given", ["", "ftp://host", "http://", "host:port", "ws://host:99999"])
def test_what_is_no_address(given: str) -> None:
    with pytest.raises(ClientError, match="not the address of a server"):
        endpoint(given)


def test_reading_events() -> None:
    error = {"type": "error", "error": {"message": "No.", "code": "invalid_value", "param": None}}
    assert at(error, "error", "code") == "invalid_value"
    assert at(error, "type", "code") is None
    assert text(error, "error", "param") == ""
    assert describe(error) == "No. (code invalid_value)"


def talk_to(handler: Callable[[ServerConnection], Awaitable[None]], timeout: float = PATIENCE_S) -> str:
    """The error that ends a conversation with such a server."""

    async def scenario() -> str:
        async with serve(handler, "127.0.0.1", 0) as server:
            port = server.sockets[0].getsockname()[1]
            with pytest.raises(ClientError) as caught:
                async with connect(f"127.0.0.1:{port}", timeout=PATIENCE_S) as client:
                    await client.expect("never", timeout=timeout)
            return str(caught.value)

    return asyncio.run(scenario())


CREATED = '{"type":"session.created","session":{}}'


def test_how_a_connection_ends() -> None:
    async def refuse(socket: ServerConnection) -> None:
        await socket.send('{"type":"error","error":{"message":"Wrong key.","code":"invalid_api_key"}}')
        await socket.close(3000, "invalid_request_error.invalid_api_key")

    async def go_away(socket: ServerConnection) -> None:
        await socket.send(CREATED)
        await socket.close(1001, "bye")

    async def mumble(socket: ServerConnection) -> None:
        await socket.send("mumble")

    async def wait(socket: ServerConnection) -> None:
        await socket.send(CREATED)
        await socket.wait_closed()

    assert talk_to(refuse) == "The server refused: Wrong key. (code invalid_api_key)"
    assert talk_to(go_away) == "The server ended the connection with code 1001 (bye)."
    assert talk_to(mumble) == "The server sent a frame that is not a JSON object."
    assert talk_to(wait, timeout=0.3) == "The server did not send never within 0.3 s."
