"""UDP sockets: which of them sends, and by which address a peer reaches us."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine

import pytest
import uvloop

from vivavoce.transports.sip.actions import Flow
from vivavoce.transports.sip.datagrams import REMEMBERED, Datagrams


def test_each_flow_has_its_socket() -> None:
    async def scenario() -> None:
        heard = asyncio.Queue[tuple[bytes, Flow]]()
        datagrams = Datagrams(lambda *each: heard.put_nowait(each))
        one = await datagrams.listen("127.0.0.1", 0)
        two = await datagrams.listen("0.0.0.0", 0)
        six = await datagrams.listen("::", two)
        assert six == two
        local = "127.0.0.1"
        datagrams.send(b"lost", Flow("udp", (local, 1), (local, one)))
        datagrams.send(b"from the second", Flow("udp", (local, two), (local, one)))
        assert await heard.get() == (b"from the second", Flow("udp", (local, one), (local, two)))
        datagrams.send(b"over the sixth", Flow("udp", ("::1", six), ("::1", six)))
        assert await heard.get() == (b"over the sixth", Flow("udp", ("::1", six), ("::1", six)))
        with pytest.raises(OSError, match="in use"):
            await datagrams.listen("0.0.0.0", two)
        datagrams.close()
        datagrams.send(b"closed", Flow("udp", (local, two), (local, one)))

    asyncio.run(scenario())


@pytest.mark.parametrize("runner", [asyncio.run, uvloop.run])
def test_what_no_socket_can_send_is_lost(runner: Callable[[Coroutine[None, None, None]], None]) -> None:
    async def scenario() -> None:
        heard = asyncio.Queue[bytes]()
        datagrams = Datagrams(lambda data, flow: heard.put_nowait(data))
        local = "127.0.0.1"
        port = await datagrams.listen(local, 0)
        try:
            datagrams.send(b"lost", Flow("udp", (local, port), ("::1", port)))
            datagrams.send(b"next", Flow("udp", (local, port), (local, port)))
            assert await heard.get() == b"next"
        finally:
            datagrams.close()

    runner(scenario())


def test_how_peers_reach_us_is_remembered_of_so_many() -> None:
    datagrams = Datagrams(lambda data, flow: None)
    for number in range(REMEMBERED + 1):
        assert datagrams.address("0.0.0.0", f"127.0.{number // 250}.{number % 250 + 1}").startswith("127.")
    assert len(datagrams._here) == 1


def test_a_peer_to_whom_there_is_no_way_is_not_heard() -> None:
    heard: list[bytes] = []
    datagrams = Datagrams(lambda data, flow: heard.append(data))
    datagrams.received(b"x", "0.0.0.0", 5060, ("no address", 5060))
    assert heard == []
