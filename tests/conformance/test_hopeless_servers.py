"""Servers that no client can talk to: each check comes to an end, and says what is wrong."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

import pytest
from websockets.asyncio.server import ServerConnection, serve

from vivavoce.conformance.checks import SECTIONS
from vivavoce.conformance.client import Target
from vivavoce.conformance.run import conform
from vivavoce.conformance.verdict import Result, Verdict

Handler = Callable[[ServerConnection], Awaitable[None]]
CREATED = '{"type":"session.created","event_id":"event_1","session":{"type":"realtime"}}'


async def silent(socket: ServerConnection) -> None:
    await socket.wait_closed()


async def closing(socket: ServerConnection) -> None:
    await socket.close(1011)


async def raving(socket: ServerConnection) -> None:
    await socket.send(b"\x00\x01")
    await socket.send("nonsense")
    await socket.send("[]")
    await socket.send('{"type": 7}')
    await socket.wait_closed()


async def stuck(socket: ServerConnection) -> None:
    await socket.send(CREATED)
    await socket.wait_closed()


async def parrot(socket: ServerConnection) -> None:
    async for frame in socket:
        await socket.send(frame)


async def endless(socket: ServerConnection) -> None:
    await socket.send(CREATED)
    while True:
        await socket.send('{"type":"input_audio_buffer.cleared","event_id":"event_2"}')
        await asyncio.sleep(0.001)


def tried(handler: Handler, *keys: str, timeout: float = 0.1) -> list[Result]:
    async def scenario() -> list[Result]:
        async with serve(handler, "127.0.0.1", 0) as server:
            port = next(iter(server.sockets)).getsockname()[1]
            target = Target(url=f"ws://127.0.0.1:{port}", model="any", timeout=timeout)
            return await conform(target, [section for section in SECTIONS if section.key in keys])

    return asyncio.run(scenario())


@pytest.mark.parametrize("handler", [silent, closing, raving, stuck, parrot, endless])
def test_every_check_ends_and_fails(handler: Handler) -> None:
    results = [result for result in tried(handler, "cancel") if result.section == "cancel"]
    assert {result.verdict for result in results} == {Verdict.fails}
    assert all(result.detail.endswith(".") for result in results)


def test_frames_that_are_no_events_are_shown() -> None:
    results = {result.name: result for result in tried(raving, "cancel", timeout=0.5)}
    frame = results["each frame is a text frame that holds one JSON object"]
    assert frame.event == {"binary": "2 bytes"}


def test_nobody_there() -> None:
    target = Target(url="ws://127.0.0.1:9", model="any", timeout=0.1)
    results = asyncio.run(conform(target, [each for each in SECTIONS if each.key in ("connecting", "models")]))
    tried_ones = [result for result in results if result.section != "always"]
    assert {result.verdict for result in tried_ones} == {Verdict.fails}


def test_a_server_of_something_else() -> None:
    async def scenario() -> list[Result]:
        async def web(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            await reader.readline()
            writer.write(b"HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\nHello")
            writer.close()

        async with await asyncio.start_server(web, "127.0.0.1", 0) as server:
            port = server.sockets[0].getsockname()[1]
            target = Target(url=f"ws://127.0.0.1:{port}", model="any", timeout=0.5)
            return await conform(target, [each for each in SECTIONS if each.key in ("connecting", "models")])

    results = asyncio.run(scenario())
    assert {result.verdict for result in results if result.section != "always"} == {Verdict.fails}
