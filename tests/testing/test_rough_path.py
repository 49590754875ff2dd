"""An emulated bad network: what it does to datagrams, and that its chances come from a seed."""

from __future__ import annotations

import asyncio

from tests.patience import PATIENCE_S

from vivavoce.testing.rough_path import Address, Roughness, Way, rough_path


def test_what_is_lost_is_the_same_each_time() -> None:
    def lost(seed: int) -> list[bool]:
        way = Way(Roughness(loss=0.2), seed)
        return [way.arrives(now) is None for now in range(1000)]

    assert lost(1) == lost(1) != lost(2)
    assert 150 < sum(lost(1)) < 250


def test_a_way_counts() -> None:
    way = Way(Roughness(loss=1.0), 1)
    assert way.arrives(0.0) is None
    assert (way.sent, way.lost) == (1, 1)


def test_each_datagram_has_a_delay_of_its_own() -> None:
    def arrivals(*, overtaking: bool) -> list[float]:
        way = Way(Roughness(delay_ms=10, jitter_ms=100, overtaking=overtaking), 1)
        return [at for number in range(100) if (at := way.arrives(number * 0.02)) is not None]

    loose, strict = arrivals(overtaking=True), arrivals(overtaking=False)
    assert all(number * 0.02 + 0.01 <= at <= number * 0.02 + 0.11 for number, at in enumerate(loose))
    assert loose != sorted(loose)
    assert strict == sorted(strict)
    assert all(late >= early for late, early in zip(strict, loose, strict=True))


def test_a_smooth_path_passes_everything_on_both_ways() -> None:
    """Between a server that returns what it gets, and a caller that never learns its address."""
    asyncio.run(_there_and_back())


async def _there_and_back() -> None:
    server, at = await _socket(_Echo())
    returned: asyncio.Queue[bytes] = asyncio.Queue()
    async with rough_path(at, Roughness()) as path:
        caller, _ = await _socket(_Listener(returned))
        for number in range(3):
            caller.sendto(bytes([number]), path.address)
            async with asyncio.timeout(PATIENCE_S):
                assert await returned.get() == bytes([number])
        assert (path.there.sent, path.back.sent, path.back.lost) == (3, 3, 0)
        caller.close()
    server.close()


async def _socket(protocol: asyncio.DatagramProtocol) -> tuple[asyncio.DatagramTransport, Address]:
    loop = asyncio.get_running_loop()
    transport, _ = await loop.create_datagram_endpoint(lambda: protocol, local_addr=("127.0.0.1", 0))
    return transport, transport.get_extra_info("sockname")


class _Echo(asyncio.DatagramProtocol):
    def connection_made(self, transport: asyncio.DatagramTransport) -> None:  # type: ignore[override]
        self.transport = transport

    def datagram_received(self, data: bytes, addr: Address) -> None:
        self.transport.sendto(data, addr)


class _Listener(asyncio.DatagramProtocol):
    def __init__(self, received: asyncio.Queue[bytes]) -> None:
        self._received = received

    def datagram_received(self, data: bytes, addr: Address) -> None:
        self._received.put_nowait(data)
