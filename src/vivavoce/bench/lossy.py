"""A network that loses packets: an event loop whose UDP sockets do."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Callable
from typing import TypeVar

Address = tuple[str, int]
_Protocol = TypeVar("_Protocol", bound=asyncio.DatagramProtocol)


class LossyLoop(asyncio.SelectorEventLoop):
    """Of all datagrams, each way, `share` (0 to 1) is lost by a seeded chance."""

    def __init__(self, share: float, seed: int) -> None:
        super().__init__()
        self._share = share
        self._chance = random.Random(seed)
        self.lost = 0
        """Datagrams so far."""

    async def create_datagram_endpoint(  # type: ignore[override]  # what aioice asks for, and no more
        self, protocol_factory: Callable[[], _Protocol], *, local_addr: Address
    ) -> tuple[asyncio.DatagramTransport, _Protocol]:
        """A socket like any other, on a bad network."""

        def made() -> _Protocol:
            protocol = protocol_factory()
            protocol.datagram_received = self._sometimes(protocol.datagram_received)  # type: ignore[method-assign]
            return protocol

        transport, protocol = await super().create_datagram_endpoint(made, local_addr=local_addr)
        transport.sendto = self._sometimes(transport.sendto)  # type: ignore[method-assign]
        return transport, protocol

    def _sometimes(self, move: Callable[..., None]) -> Callable[..., None]:
        def moved(*datagram: object) -> None:
            if self._chance.random() < self._share:
                self.lost += 1
            else:
                move(*datagram)

        return moved
