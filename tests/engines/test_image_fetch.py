"""Pictures from elsewhere: through the guard, within limits, and nothing of other answers is told."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from tests.certificates import certificate

from vivavoce.engines.image_fetch import REDIRECTS, GuardedFetcher
from vivavoce.ports import EngineError

MOST = 1000
LOOPBACK = ("127.0.0.1",)
Answer = Callable[[str], bytes]


def ok(body: bytes, *headers: str) -> bytes:
    head = "\r\n".join(["HTTP/1.1 200 OK", "Connection: close", *headers])
    return head.encode() + b"\r\n\r\n" + body


def moved(to: str) -> bytes:
    return f"HTTP/1.1 302 Found\r\nLocation: {to}\r\nContent-Length: 0\r\nConnection: close\r\n\r\n".encode()


class Pages:
    """An HTTPS server on loopback: what it is asked for, and what it answers."""

    def __init__(self, answer: Answer) -> None:
        self.asked: list[str] = []
        self.sent = 0
        self.port = 0
        self._answer = answer

    def url(self, path: str = "/a") -> str:
        return f"https://127.0.0.1:{self.port}{path}"

    async def take(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = await reader.readuntil(b"\r\n\r\n")
        self.asked.append(head.decode().split(" ")[1])
        writer.write(self._answer(self.asked[-1]))
        try:
            await writer.drain()
        except ConnectionError:
            return
        finally:
            writer.close()


@pytest.fixture
def tls(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> ssl.SSLContext:
    """Of a server that the fetcher trusts."""
    files = certificate(tmp_path)
    monkeypatch.setenv("SSL_CERT_FILE", files.authority)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(files.cert, files.key)
    return context


@asynccontextmanager
async def serving(tls: ssl.SSLContext, answer: Answer) -> AsyncIterator[Pages]:
    pages = Pages(answer)
    async with await asyncio.start_server(pages.take, "127.0.0.1", 0, ssl=tls) as server:
        pages.port = server.sockets[0].getsockname()[1]
        yield pages


async def fetch(url: str, *allowed: str) -> bytes:
    fetcher = GuardedFetcher(allowed, silence_s=5.0)
    await fetcher.start()
    try:
        return await fetcher.fetch(url, MOST)
    finally:
        await fetcher.aclose()
        assert fetcher.running == 0


def fetched(tls: ssl.SSLContext, answer: Answer, *allowed: str) -> tuple[bytes, list[str]]:
    async def main() -> tuple[bytes, list[str]]:
        async with serving(tls, answer) as pages:
            return await fetch(pages.url(), *(allowed or LOOPBACK)), pages.asked

    return asyncio.run(main())


def refused(url: str, *allowed: str) -> str:
    with pytest.raises(EngineError) as failure:
        asyncio.run(fetch(url, *allowed))
    assert failure.value.code == "failed_to_download_image"
    return failure.value.message


def why(tls: ssl.SSLContext, answer: Answer) -> str:
    with pytest.raises(EngineError) as failure:
        fetched(tls, answer)
    assert failure.value.code == "failed_to_download_image"
    return failure.value.message


def test_what_is_there_is_fetched(tls: ssl.SSLContext) -> None:
    assert fetched(tls, lambda _: ok(b"x" * MOST)) == (b"x" * MOST, ["/a"])


def test_redirects_are_followed(tls: ssl.SSLContext) -> None:
    assert fetched(tls, lambda path: moved("/b") if path == "/a" else ok(b"x")) == (b"x", ["/a", "/b"])


def test_but_not_for_ever(tls: ssl.SSLContext) -> None:
    assert f"more than {REDIRECTS} times" in why(tls, moved)


def test_nor_away_from_https(tls: ssl.SSLContext) -> None:
    assert "not at an https address" in why(tls, lambda _: moved("http://127.0.0.1/a"))


def test_nor_past_the_guard(tls: ssl.SSLContext) -> None:
    assert "not a public address" in why(tls, lambda _: moved("https://127.0.0.2/a"))


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "2130706433", "[::1]", "169.254.169.254", "10.0.0.1"])
def test_other_machines_inside_are_not_asked(host: str) -> None:
    assert "not a public address" in refused(f"https://{host}/a")


def test_more_than_was_asked_for_is_not_read(tls: ssl.SSLContext) -> None:
    assert "larger than" in why(tls, lambda _: ok(b"x" * (MOST + 1)))
    assert "larger than" in why(tls, lambda _: ok(b"x" * 10_000_000, "Content-Length: 10000000"))


def test_another_status_is_told_and_its_page_is_not(tls: ssl.SSLContext) -> None:
    message = why(tls, lambda _: b"HTTP/1.1 403 Forbidden\r\nContent-Length: 6\r\n\r\nsecret")
    assert message == "The picture could not be fetched. The server answered 403."


@pytest.mark.parametrize("answer", [b"", b"nonsense\r\n\r\n", b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nx"])
def test_a_server_that_speaks_nonsense_or_hangs_up(tls: ssl.SSLContext, answer: bytes) -> None:
    assert "could not be reached" in why(tls, lambda _: answer)


@pytest.mark.parametrize(
    "url", ["https://nowhere.invalid/a", "https://[::1", "https://", "https://a b/", "https://ü" * 99]
)
def test_an_address_that_leads_nowhere(url: str) -> None:
    assert refused(url)


def test_a_stranger_with_another_certificate_is_not_believed(
    tls: ssl.SSLContext, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("SSL_CERT_FILE")
    assert "could not be reached" in why(tls, lambda _: ok(b"x"))
