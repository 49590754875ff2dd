"""UDP sockets, and by which of our addresses a peer reaches us."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Callable
from contextlib import suppress

from vivavoce.transports.sip.actions import Flow

REMEMBERED = 1000
"""Peers of which it is known how they reach us."""


class Datagrams:
    """All UDP sockets. `message` gets what arrives."""

    def __init__(self, message: Callable[[bytes, Flow], None]) -> None:
        self._message = message
        self._bound: dict[tuple[str, int], asyncio.DatagramTransport] = {}
        self._here: dict[str, str] = {}

    async def listen(self, host: str, port: int) -> int:
        """The port; 0 lets the system choose. Raises `OSError`."""
        family = socket.AF_INET6 if ":" in host else socket.AF_INET
        bare = socket.socket(family, socket.SOCK_DGRAM)
        try:
            if family == socket.AF_INET6:  # `[::]` beside `0.0.0.0` on one port, as for TCP
                bare.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
            bare.setblocking(False)
            bare.bind((host, port))
            loop = asyncio.get_running_loop()
            transport, _ = await loop.create_datagram_endpoint(lambda: _Socket(self, host), sock=bare)
        except OSError:
            bare.close()
            raise
        bound: int = transport.get_extra_info("sockname")[1]
        self._bound[host, bound] = transport
        return bound

    def send(self, data: bytes, flow: Flow) -> None:
        """From the socket of this flow. A datagram that cannot be sent is lost, as any may be."""
        for (host, port), transport in self._bound.items():
            fits = host == flow.local[0] or (is_any(host) and (":" in host) == (":" in flow.local[0]))
            if port == flow.local[1] and fits and not transport.is_closing():
                with suppress(ValueError):  # uvloop's, where another loop tells the protocol: not this socket's family
                    transport.sendto(data, flow.remote)
                return

    def close(self) -> None:
        """All of them."""
        for transport in self._bound.values():
            transport.close()

    def address(self, bound: str, remote: str) -> str:
        """Ours, as `remote` sees it, where we listen on `bound`. Raises `OSError` when there is no way there."""
        if not is_any(bound):
            return bound
        if remote not in self._here:
            if len(self._here) >= REMEMBERED:
                self._here.clear()
            with socket.socket(socket.AF_INET6 if ":" in bound else socket.AF_INET, socket.SOCK_DGRAM) as asking:
                asking.connect((remote, 9))  # sends nothing: it only chooses the way
                self._here[remote] = asking.getsockname()[0]
        return self._here[remote]

    def received(self, data: bytes, bound: str, port: int, remote: tuple[str, int]) -> None:
        """One datagram."""
        try:
            here = self.address(bound, remote[0])
        except OSError:
            return  # nobody could be answered there
        self._message(data, Flow("udp", (here, port), remote))


def is_any(host: str) -> bool:
    """Whether it stands for every address of this machine."""
    return host in ("0.0.0.0", "::")


class _Socket(asyncio.DatagramProtocol):
    def __init__(self, owner: Datagrams, host: str) -> None:
        self._owner = owner
        self._host = host
        self._port = 0

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._port = transport.get_extra_info("sockname")[1]

    def datagram_received(self, data: bytes, address: tuple[str | int, ...]) -> None:
        self._owner.received(data, self._host, self._port, (str(address[0]), int(address[1])))

    def error_received(self, error: Exception) -> None:
        """A peer whose port is closed: its transaction will time out."""
