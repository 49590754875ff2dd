"""TCP and TLS connections: messages in and out, a limit on how many there are, and how they end."""

from __future__ import annotations

import asyncio
import socket
import ssl
from collections.abc import Callable, Container
from dataclasses import replace
from typing import cast

from vivavoce.transports.sip.actions import Address, Flow, Transport
from vivavoce.transports.sip.fields import SipError
from vivavoce.transports.sip.framing import PING, PONG, Framer

FIRST_MESSAGE_S = 10.0
"""How long a connection may take to say something whole, and to be made."""
UNREAD_BYTES = 256 * 1024
"""What a peer may leave unread before it is given up."""
CLOSE_S = 1.0
"""What connections get to send the rest."""
REMEMBERED = 1000
"""Names of addresses."""


class Streams:
    """All connections. `message` gets what arrives, `lost` the flows that are gone or could not be connected.

    `known` holds the flows on which somebody has spoken who may call; others are strangers, who give way.
    """

    def __init__(
        self,
        most: int,
        trust: ssl.SSLContext,
        message: Callable[[bytes, Flow], None],
        lost: Callable[[Flow], None],
        known: Container[Flow],
    ) -> None:
        self._names: dict[Address, str] = {}  # by which addresses were asked for: their certificates hold those
        self._most = most
        self._trust = trust
        self._message = message
        self._lost = lost
        self._known = known
        self._open: dict[Flow, _Stream] = {}  # the longest idle first
        self._strangers: dict[Flow, _Stream] = {}  # those of them that nobody vouches for, in the same order
        self._connecting: dict[Flow, list[bytes]] = {}
        self._tasks: set[asyncio.Task[None]] = set()

    def __len__(self) -> int:
        return len(self._open) + len(self._connecting)

    def called(self, name: str, address: Address) -> None:
        """This is the address of that name, which its certificate must hold."""
        self._names.pop(address, None)
        self._names[address] = name
        if len(self._names) > REMEMBERED:
            del self._names[next(iter(self._names))]

    def accepting(self, transport: Transport) -> _Stream:
        """For a connection that comes."""
        return _Stream(self, Flow(transport, ("", 0), ("", 0)), accepted=True)

    def send(self, data: bytes, flow: Flow) -> None:
        """Over the connection of this flow, or a new one."""
        if (stream := self._open.get(flow)) is not None:
            stream.send(data)
        elif (waiting := self._connecting.get(flow)) is not None:
            waiting.append(data)
        elif data != PING:  # a sign of life is no reason to connect
            self._connecting[flow] = [data]
            task = asyncio.create_task(self._connect(flow))
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)

    async def aclose(self) -> None:
        """Send what is left to be sent, for a moment, and close them all."""
        for task in tuple(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        self._connecting.clear()
        streams = tuple(self._open.values())
        for stream in streams:
            stream.close()
        if streams:
            await asyncio.wait([asyncio.ensure_future(each.closed.wait()) for each in streams], timeout=CLOSE_S)
        for stream in streams:
            stream.abort()
        await asyncio.gather(*(stream.closed.wait() for stream in streams))

    async def _connect(self, flow: Flow) -> None:
        loop = asyncio.get_running_loop()
        secure = flow.transport == "tls"
        host, port = flow.remote
        try:
            async with asyncio.timeout(FIRST_MESSAGE_S):
                _, stream = await loop.create_connection(
                    lambda: _Stream(self, flow, accepted=False),
                    host,
                    port,
                    ssl=self._trust if secure else None,
                    server_hostname=self._names.get(flow.remote, host) if secure else None,
                )
        except (OSError, TimeoutError, ssl.SSLError):
            del self._connecting[flow]
            self._lost(flow)
            return
        for data in self._connecting.pop(flow):
            stream.send(data)

    def opened(self, stream: _Stream) -> None:
        """The stranger that is idle longest gives way to it; where there is none, one that comes is not let in."""
        if len(self._open) >= self._most:
            giving_way = self._strangers or ({stream.flow: stream} if stream.accepted else self._open)
            last = next(iter(giving_way.values()))
            last.abort()
            self.ended(last)
            if last is stream:
                return
        self._open[stream.flow] = stream
        if stream.accepted:
            self._strangers[stream.flow] = stream

    def received(self, stream: _Stream, message: bytes) -> None:
        """It is not idle."""
        for table in (self._open, self._strangers):
            if table.get(stream.flow) is stream:
                table[stream.flow] = table.pop(stream.flow)
        self._message(message, stream.flow)
        if stream.flow in self._known:
            self._strangers.pop(stream.flow, None)

    def ended(self, stream: _Stream) -> None:
        """It is gone."""
        if self._open.get(stream.flow) is stream:
            del self._open[stream.flow]
            self._strangers.pop(stream.flow, None)
            self._lost(stream.flow)


class _Stream(asyncio.Protocol):
    def __init__(self, owner: Streams, flow: Flow, accepted: bool) -> None:
        self.flow = flow
        self.closed = asyncio.Event()
        self.accepted = accepted
        self._owner = owner
        self._framer = Framer()
        self._transport: asyncio.Transport | None = None
        self._patience: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)  # uvloop's are none by inheritance
        raw = transport.get_extra_info("socket")
        raw.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)  # a phone that lost power says nothing
        if self.accepted:
            here, there = transport.get_extra_info("sockname"), transport.get_extra_info("peername")
            self.flow = replace(self.flow, local=here[:2], remote=there[:2])
            self._patience = asyncio.get_running_loop().call_later(FIRST_MESSAGE_S, self.abort)
        self._owner.opened(self)

    def data_received(self, data: bytes) -> None:
        try:
            messages = self._framer.feed(data)
        except SipError:
            self.close()
            return
        for message in messages:
            if message == PING:  # anybody can do that, and need not even know what is spoken here
                self.send(PONG)
                continue
            if self._patience is not None:
                self._patience.cancel()
            self._owner.received(self, message)

    def connection_lost(self, error: Exception | None) -> None:
        if self._patience is not None:
            self._patience.cancel()
        self.closed.set()
        self._owner.ended(self)

    def send(self, data: bytes) -> None:
        assert self._transport is not None
        if self._transport.get_write_buffer_size() > UNREAD_BYTES:
            self.abort()
        elif not self._transport.is_closing():
            self._transport.write(data)

    def close(self) -> None:
        assert self._transport is not None
        self._transport.close()

    def abort(self) -> None:
        assert self._transport is not None
        self._transport.abort()
