"""A bad network between two UDP sockets of this machine: datagrams are lost, late, and overtake each other.

It is a relay with real sockets, so neither end need know of it: send to `address` what is meant for `to`.
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass

Address = tuple[str, int]


@dataclass(frozen=True, slots=True)
class Roughness:
    """What happens to a datagram, on its way there as on its way back.

    `loss` is the share that is lost, 0 to 1. Each of the others takes `delay_ms` and up to `jitter_ms` more, by chance;
    with `overtaking` some that were sent later come sooner, otherwise they wait for those before them.
    """

    loss: float = 0.0
    delay_ms: float = 0.0
    jitter_ms: float = 0.0
    overtaking: bool = True


class Way:
    """One direction. Its chances come from `seed`, so that two runs are alike."""

    def __init__(self, roughness: Roughness, seed: int) -> None:
        self.sent = self.lost = 0
        """Datagrams, so far."""
        self._rough = roughness
        self._chance = random.Random(seed)
        self._latest = 0.0

    def arrives(self, now: float) -> float | None:
        """When a datagram that is sent `now` arrives, in seconds of the same clock; None: never."""
        rough = self._rough
        lost, jitter = self._chance.random() < rough.loss, self._chance.random() * rough.jitter_ms
        self.sent += 1
        if lost:
            self.lost += 1
            return None
        at = now + (rough.delay_ms + jitter) / 1000
        if not rough.overtaking:
            at = self._latest = max(at, self._latest)
        return at


class RoughPath:
    """`rough_path` makes it."""

    def __init__(self, to: Address, roughness: Roughness, seed: int) -> None:
        self.address: Address = ("", 0)
        """Where to send."""
        self.there, self.back = Way(roughness, seed), Way(roughness, seed + 1)
        self._to = to
        self._caller: Address | None = None
        self._near: asyncio.DatagramTransport | None = None
        self._far: asyncio.DatagramTransport | None = None
        self._timers: set[asyncio.TimerHandle] = set()

    async def open(self) -> None:
        """Both sockets."""
        loop = asyncio.get_running_loop()
        host = self._to[0]
        self._near, _ = await loop.create_datagram_endpoint(lambda: _End(self._from_caller), local_addr=(host, 0))
        self._far, _ = await loop.create_datagram_endpoint(lambda: _End(self._from_server), local_addr=(host, 0))
        self.address = self._near.get_extra_info("sockname")[:2]

    def close(self) -> None:
        """What is on its way is lost."""
        for timer in self._timers:
            timer.cancel()
        for end in (self._near, self._far):
            if end is not None:
                end.close()

    def _from_caller(self, data: bytes, sender: Address) -> None:
        self._caller = sender
        self._pass(self.there, self._far, data, self._to)

    def _from_server(self, data: bytes, sender: Address) -> None:
        if self._caller is not None:
            self._pass(self.back, self._near, data, self._caller)

    def _pass(self, way: Way, end: asyncio.DatagramTransport | None, data: bytes, to: Address) -> None:
        assert end is not None, "nothing comes before the path is open"
        loop = asyncio.get_running_loop()
        at = way.arrives(loop.time())
        if at is None:
            return

        def arrive() -> None:
            self._timers.discard(timer)
            end.sendto(data, to)

        timer = loop.call_at(at, arrive)
        self._timers.add(timer)


@asynccontextmanager
async def rough_path(to: Address, roughness: Roughness, seed: int = 1) -> AsyncGenerator[RoughPath]:
    """A path to the UDP socket at `to`, closed at the end."""
    path = RoughPath(to, roughness, seed)
    try:
        await path.open()
        yield path
    finally:
        path.close()


class _End(asyncio.DatagramProtocol):
    """One socket of the relay."""

    def __init__(self, received: Callable[[bytes, Address], None]) -> None:
        self._received = received

    def datagram_received(self, data: bytes, addr: Address) -> None:
        """On its way."""
        self._received(data, addr)
