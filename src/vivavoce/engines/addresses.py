"""HTTP to addresses that callers name: only to public ones, unless the configuration allows more.

A caller who may name an address could otherwise have this server ask its own network on the caller's behalf. What a URL
looks like proves nothing: a name may stand for any address, and for another one a moment later, and `2130706433` is
127.0.0.1. So the guard stands where connections are made: it resolves a name once, and connects to the very address
that it has checked. TLS still checks the certificate against the name.
"""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterable, AsyncIterator, Iterable, Iterator
from contextlib import contextmanager
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network

import httpcore2
import httpx2

_GLOBAL_UNICAST = IPv6Network("2000::/3")
"""All public IPv6 addresses (RFC 4291, 2.4), apart from the special ones in it, which `is_global` knows."""
_NAT64 = IPv6Network("64:ff9b::/96")
"""IPv4 addresses behind a translator (RFC 6052)."""
_MOST_ADDRESSES = 4
"""Of one name that are tried, one after the other."""

Address = IPv4Address | IPv6Address


class Forbidden(httpx2.ConnectError):
    """A connection that the guard does not allow."""


def is_public(address: Address) -> bool:
    """Whether everybody on the Internet means the same machine by it. Of an IPv6 address that stands for an IPv4 one
    (RFC 4291 2.5.5.2, RFC 6052, RFC 3056), what it stands for."""
    if (inner := _embedded(address)) is not None:
        return is_public(inner)
    if isinstance(address, IPv6Address) and address not in _GLOBAL_UNICAST:
        return False
    return address.is_global and not (address.is_multicast or address.is_reserved)


def _embedded(address: Address) -> IPv4Address | None:
    if isinstance(address, IPv4Address):
        return None
    if address in _NAT64:
        return IPv4Address(int(address) & 0xFFFF_FFFF)
    return address.ipv4_mapped or address.sixtofour


class Guard:
    """Which addresses may be reached: public ones, and those that are allowed by name or network."""

    def __init__(self, allowed: Iterable[str] = ()) -> None:
        """`allowed`: host names ("tools.internal"), addresses and networks ("10.0.0.0/8")."""
        self._names: set[str] = set()
        self._networks: list[IPv4Network | IPv6Network] = []
        for each in allowed:
            try:
                self._networks.append(ip_network(each, strict=False))
            except ValueError:
                self._names.add(_plain(each))

    async def resolve(self, host: str, port: int) -> list[str]:
        """The addresses of `host` that may be reached, best first. Raises `Forbidden`, and `OSError` if it has none."""
        loop = asyncio.get_running_loop()
        found = await loop.getaddrinfo(host.strip("[]"), port, type=socket.SOCK_STREAM)
        addresses = list(dict.fromkeys(str(where[4][0]) for where in found))
        permitted = [each for each in addresses if self._permits(host, ip_address(each))]
        if not permitted:
            raise Forbidden(f"{host} is not a public address, and not one that this server's configuration allows")
        return permitted[:_MOST_ADDRESSES]

    def _permits(self, host: str, address: Address) -> bool:
        if is_public(address) or _plain(host) in self._names:
            return True
        inner = _embedded(address)
        return any(address in network or (inner is not None and inner in network) for network in self._networks)


def _plain(host: str) -> str:
    return host.lower().rstrip(".")


class _Network(httpcore2.AsyncNetworkBackend):
    """Connects to what the guard has checked."""

    def __init__(self, guard: Guard) -> None:
        self._guard = guard
        self._inner = httpcore2.AnyIOBackend()

    async def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[httpcore2.SOCKET_OPTION] | None = None,
    ) -> httpcore2.AsyncNetworkStream:
        try:
            async with asyncio.timeout(timeout):
                addresses = await self._guard.resolve(host, port)
        except TimeoutError as error:
            raise httpcore2.ConnectTimeout(f"{host} was not resolved in time") from error
        except (OSError, UnicodeError) as error:  # a name that no name can be is not encoded
            raise httpcore2.ConnectError(f"{host} is not known") from error
        # Each gets its share of the time: the first may be one that this machine has no way to.
        share = None if timeout is None else timeout / len(addresses)
        for address in addresses[:-1]:
            try:
                return await self._inner.connect_tcp(address, port, share, local_address, socket_options)
            except (httpcore2.ConnectError, httpcore2.ConnectTimeout):
                continue
        return await self._inner.connect_tcp(addresses[-1], port, share, local_address, socket_options)


class GuardedTransport(httpx2.AsyncBaseTransport):
    """What an `httpx2.AsyncClient` sends with, through a guard. It follows no redirects and uses no proxy.

    Made of the public parts of both libraries, so that a release of theirs that has changed fails instead of
    connecting without the guard.
    """

    def __init__(self, guard: Guard, connections: int = 100) -> None:
        self._pool = httpcore2.AsyncConnectionPool(
            ssl_context=httpx2.create_ssl_context(),
            max_connections=connections,
            max_keepalive_connections=connections,
            keepalive_expiry=30.0,
            network_backend=_Network(guard),
        )

    async def handle_async_request(self, request: httpx2.Request) -> httpx2.Response:
        """Raises `httpx2.TransportError`, `Forbidden` among them."""
        url = request.url
        outgoing = httpcore2.Request(
            request.method,
            httpcore2.URL(scheme=url.raw_scheme, host=url.raw_host, port=url.port, target=url.raw_path),
            headers=request.headers.raw,
            content=request.stream,
            extensions=request.extensions,
        )
        with _translated():
            response = await self._pool.handle_async_request(outgoing)
        assert isinstance(response.stream, AsyncIterable)
        return httpx2.Response(
            response.status,
            headers=response.headers,
            stream=_Body(response.stream),
            extensions=response.extensions,
        )

    async def aclose(self) -> None:
        """Close every connection."""
        with _translated():
            await self._pool.aclose()


class _Body(httpx2.AsyncByteStream):
    def __init__(self, stream: AsyncIterable[bytes]) -> None:
        self._stream = stream

    async def __aiter__(self) -> AsyncIterator[bytes]:
        with _translated():
            async for part in self._stream:
                yield part

    async def aclose(self) -> None:
        if isinstance(self._stream, httpx2.AsyncByteStream) or hasattr(self._stream, "aclose"):
            await self._stream.aclose()


@contextmanager
def _translated() -> Iterator[None]:
    """The lower library's errors are the upper one's, by the same names."""
    try:
        yield
    except (
        httpcore2.TimeoutException,
        httpcore2.NetworkError,
        httpcore2.ProtocolError,
        httpcore2.UnsupportedProtocol,
    ) as error:
        upper = getattr(httpx2, type(error).__name__, httpx2.TransportError)
        raise upper(str(error)) from error
