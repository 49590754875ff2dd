"""One try over HTTP: whatever the endpoint does, it is over in time, and only its status counts."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import aclosing, asynccontextmanager, suppress

import pytest
from tests.patience import PATIENCE_S

from vivavoce.transports.sip.webhooks import Hook, HttpPost, PostError

Handler = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]
HEADERS = {"content-type": "application/json", "webhook-id": "wh_1"}


@asynccontextmanager
async def endpoint(handler: Handler, timeout_s: float = PATIENCE_S) -> AsyncIterator[HttpPost]:
    """The way to a server that treats each connection so."""
    tasks: list[asyncio.Task[None]] = []

    async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(ConnectionError):
            await handler(reader, writer)
        writer.close()
        with suppress(ConnectionError):
            await writer.wait_closed()

    def connected(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        tasks.append(asyncio.create_task(handle(reader, writer)))

    server = await asyncio.start_server(connected, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    async with aclosing(HttpPost(Hook(f"http://127.0.0.1:{port}/hook", b"key", timeout_s=timeout_s))) as post:
        yield post
    server.close()
    await server.wait_closed()
    await asyncio.gather(*tasks)


def says(answer: bytes, then_wait: bool = False) -> Handler:
    """Reads a request and gives this answer."""

    async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = await reader.readuntil(b"\r\n\r\n")
        assert head.startswith(b"POST /hook HTTP/1.1\r\n")
        assert b"webhook-id: wh_1\r\n" in head
        assert await reader.readexactly(4) == b"body"
        writer.write(answer)
        if then_wait:
            await reader.read()  # until the other side has gone

    return handle


@pytest.mark.parametrize(
    ("answer", "status"),
    [
        (b"HTTP/1.1 204 No Content\r\n\r\n", 204),
        (b"HTTP/1.1 500 Oops\r\nContent-Length: 0\r\n\r\n", 500),
        (b"HTTP/1.1 302 Found\r\nLocation: http://127.0.0.1:1/\r\nContent-Length: 0\r\n\r\n", 302),
    ],
)
def test_the_status_is_what_counts(answer: bytes, status: int) -> None:
    async def main() -> None:
        async with endpoint(says(answer)) as post:
            assert await post.send(HEADERS, b"body") == status

    asyncio.run(main())


def test_a_body_without_an_end_is_not_waited_for() -> None:
    async def main() -> None:
        answer = b"HTTP/1.1 200 OK\r\nContent-Length: 1000000\r\n\r\nIt begins"
        async with endpoint(says(answer, then_wait=True)) as post:
            assert await post.send(HEADERS, b"body") == 200

    asyncio.run(main())


@pytest.mark.parametrize("answer", [b"\x00\xff garbage\r\n\r\n", b""])
def test_garbage_is_no_answer(answer: bytes) -> None:
    async def main() -> None:
        async with endpoint(says(answer)) as post:
            with pytest.raises(PostError):
                await post.send(HEADERS, b"body")

    asyncio.run(main())


def test_an_answer_that_trickles_is_given_up_in_time() -> None:
    async def trickle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 200 OK\r\n")
        while not reader.at_eof():
            writer.write(b"X-A: b\r\n")
            try:
                async with asyncio.timeout(0.02):
                    await reader.read()
            except TimeoutError:
                continue

    async def main() -> None:
        async with endpoint(trickle, timeout_s=0.2) as post:
            with pytest.raises(PostError, match=r"no answer within 0\.2 s"):
                await post.send(HEADERS, b"body")

    asyncio.run(main())


def test_where_nobody_listens() -> None:
    async def main() -> None:
        async with endpoint(says(b"")) as post:
            gone = post
        async with aclosing(HttpPost(Hook("http://127.0.0.1:1/hook", b"key"))) as post:
            with pytest.raises(PostError):
                await post.send(HEADERS, b"body")
        with pytest.raises(RuntimeError):
            await gone.send(HEADERS, b"body")  # it is closed

    asyncio.run(main())
