"""Where callers may have this server connect to."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from ipaddress import ip_address
from pathlib import Path

import httpx2
import pytest
import trustme

from vivavoce.engines.addresses import Forbidden, Guard, GuardedTransport, is_public

PRIVATE = [
    "127.0.0.1",
    "127.8.9.1",
    "0.0.0.0",
    "10.1.2.3",
    "172.16.0.1",
    "192.168.1.1",
    "169.254.169.254",
    "100.64.0.1",
    "192.0.2.1",
    "198.18.0.1",
    "224.0.0.1",
    "239.255.255.250",
    "240.0.0.1",
    "255.255.255.255",
    "::",
    "::1",
    "::10.0.0.1",
    "::ffff:127.0.0.1",
    "::ffff:10.0.0.1",
    "64:ff9b::7f00:1",
    "64:ff9b::a9fe:a9fe",
    "64:ff9b:1::808:808",
    "2002:7f00:1::1",
    "2001:db8::1",
    "2001::1",
    "fc00::1",
    "fd12::1",
    "fe80::1",
    "fe80::1%1",
    "fec0::1",
    "ff02::1",
]
PUBLIC = ["1.1.1.1", "193.99.144.80", "::ffff:1.1.1.1", "64:ff9b::101:101", "2002:101:101::1", "2606:4700::1111"]


@pytest.mark.parametrize("address", PRIVATE)
def test_an_address_of_no_public_machine_is_not_public(address: str) -> None:
    assert not is_public(ip_address(address))


@pytest.mark.parametrize("address", PUBLIC)
def test_a_public_address_is(address: str) -> None:
    assert is_public(ip_address(address))


def resolved(host: str, *allowed: str) -> list[str]:
    return asyncio.run(Guard(allowed).resolve(host, 80))


@pytest.mark.parametrize(
    "host",
    ["127.0.0.1", "2130706433", "0x7f000001", "0177.0.0.1", "127.1", "localhost", "LocalHost", "[::1]", "::1", "0"],
)
def test_no_spelling_leads_past_the_guard(host: str) -> None:
    with pytest.raises(Forbidden, match="not a public address"):
        resolved(host)


@pytest.mark.parametrize(
    ("host", "allowed"),
    [
        ("localhost", "localhost"),
        ("LocalHost", "localhost."),
        ("127.0.0.1", "127.0.0.0/8"),
        ("127.0.0.1", "127.0.0.1"),
        ("[::1]", "::1"),
        ("::ffff:10.1.2.3", "10.0.0.0/8"),
    ],
)
def test_the_configuration_allows_names_and_networks(host: str, allowed: str) -> None:
    assert resolved(host, allowed)


@pytest.mark.parametrize("allowed", ["example.com", "10.0.0.0/8", "::1", "ocalhost"])
def test_what_is_allowed_is_nothing_else(allowed: str) -> None:
    with pytest.raises(Forbidden):
        resolved("127.0.0.1", allowed)


def test_public_addresses_are_given_as_they_are() -> None:
    assert resolved("1.1.1.1") == ["1.1.1.1"]


class Rebound(Guard):
    """A name that stands for this machine, and that no resolver knows."""

    async def resolve(self, host: str, port: int) -> list[str]:
        assert host == "tools.test"
        return ["127.0.0.2", "127.0.0.1"]  # nobody listens on the first


@asynccontextmanager
async def greeting(tls: ssl.SSLContext | None = None) -> AsyncIterator[tuple[int, list[bytes]]]:
    """An HTTP server that says hello; gives its port and what it was asked."""
    asked: list[bytes] = []

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        asked.append(await reader.readuntil(b"\r\n\r\n"))
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello")
        await writer.drain()
        writer.close()

    server = await asyncio.start_server(answer, "127.0.0.1", 0, ssl=tls)
    async with server:
        yield server.sockets[0].getsockname()[1], asked


async def get(guard: Guard, url: str) -> str:
    async with httpx2.AsyncClient(transport=GuardedTransport(guard), timeout=5.0, trust_env=False) as client:
        return (await client.get(url)).text


def test_it_connects_to_the_address_that_was_checked_and_asks_for_the_name() -> None:
    async def scenario() -> None:
        async with greeting() as (port, asked):
            assert await get(Rebound(), f"http://tools.test:{port}/") == "hello"
            assert f"Host: tools.test:{port}\r\n".encode() in asked[0]

    asyncio.run(scenario())


def test_nothing_is_sent_to_an_address_that_is_not_allowed() -> None:
    async def scenario() -> None:
        async with greeting() as (port, asked):
            for host in ("127.0.0.1", "localhost", "2130706433"):
                with pytest.raises(Forbidden):
                    await get(Guard(), f"http://{host}:{port}/")
            assert asked == []

    asyncio.run(scenario())


@pytest.mark.parametrize("name", ["tools.test", "other.test"])
def test_the_certificate_has_to_be_that_of_the_name(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    authority = trustme.CA()
    tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert(name).configure_cert(tls)
    authority.cert_pem.write_to_path(str(tmp_path / "ca.pem"))
    monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "ca.pem"))

    async def scenario() -> None:
        async with greeting(tls) as (port, _):
            if name == "tools.test":
                assert await get(Rebound(), f"https://tools.test:{port}/") == "hello"
            else:
                with pytest.raises(httpx2.ConnectError, match=r"not valid for 'tools\.test'"):
                    await get(Rebound(), f"https://tools.test:{port}/")

    asyncio.run(scenario())


@pytest.mark.parametrize("url", ["http://nowhere.invalid/", "http://127.0.0.1:9/", "ftp://127.0.0.1/"])
def test_what_cannot_be_reached_is_an_error_of_the_client_library(url: str) -> None:
    with pytest.raises(httpx2.TransportError):
        asyncio.run(get(Guard(("127.0.0.1",)), url))


def test_a_body_that_ends_too_soon_is_one_too() -> None:
    async def scenario() -> None:
        async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            await reader.readuntil(b"\r\n\r\n")
            writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 50\r\n\r\nhello")
            await writer.drain()
            writer.close()

        async with await asyncio.start_server(answer, "127.0.0.1", 0) as server:
            port = server.sockets[0].getsockname()[1]
            with pytest.raises(httpx2.RemoteProtocolError):
                await get(Guard(("127.0.0.1",)), f"http://127.0.0.1:{port}/")

    asyncio.run(scenario())
