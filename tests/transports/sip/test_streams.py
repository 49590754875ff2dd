"""TCP connections that misbehave: endless, idle, too many, or not reading."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
from tests.transports.sip.scene import request

from vivavoce.testing.clock import run_virtual
from vivavoce.transports.sip.actions import Flow
from vivavoce.transports.sip.framing import HEAD_BYTES, PING, PONG
from vivavoce.transports.sip.streams import FIRST_MESSAGE_S, REMEMBERED, UNREAD_BYTES, Streams


class Network:
    """Streams that listen, and what they heard and lost."""

    def __init__(self, most: int) -> None:
        self.heard: asyncio.Queue[tuple[bytes, Flow]] = asyncio.Queue()
        self.lost: asyncio.Queue[Flow] = asyncio.Queue()
        self.known: set[Flow] = set()
        trust = ssl.create_default_context()
        self.streams = Streams(most, trust, self._heard, self.lost.put_nowait, self.known)

    def _heard(self, data: bytes, flow: Flow) -> None:
        if data.startswith(b"INVITE"):
            self.known.add(flow)
        self.heard.put_nowait((data, flow))


@asynccontextmanager
async def listening(most: int = 10) -> AsyncIterator[tuple[Network, int]]:
    network = Network(most)
    loop = asyncio.get_running_loop()
    server = await loop.create_server(lambda: network.streams.accepting("tcp"), "127.0.0.1", 0)
    try:
        yield network, server.sockets[0].getsockname()[1]
    finally:
        server.close()
        await network.streams.aclose()


def test_a_ping_is_answered_and_messages_are_handed_on() -> None:
    async def scenario() -> None:
        async with listening() as (network, port):
            reader, writer = await asyncio.open_connection("127.0.0.1", port)
            writer.write(PING + request("OPTIONS"))
            assert await reader.readexactly(2) == PONG
            data, flow = await network.heard.get()
            assert data == request("OPTIONS")
            assert (flow.transport, flow.local) == ("tcp", ("127.0.0.1", port))
            network.streams.send(b"hello", flow)
            assert await reader.readexactly(5) == b"hello"
            writer.close()
            assert await network.lost.get() == flow
            assert len(network.streams) == 0

    asyncio.run(scenario())


def test_what_is_no_sip_is_hung_up_on() -> None:
    async def scenario() -> None:
        async with listening() as (_, port):
            reader, writer = await asyncio.open_connection("127.0.0.1", port)
            writer.write(b"x" * HEAD_BYTES)
            assert await reader.read() == b""
            writer.close()

    asyncio.run(scenario())


class Silence(asyncio.Transport):
    """A connection on which nothing comes, without a socket: time passes at once."""

    def __init__(self) -> None:
        super().__init__({"socket": self, "sockname": ("127.0.0.1", 5060), "peername": ("127.0.0.1", 5070)})
        self.aborted = asyncio.Event()

    def setsockopt(self, *option: int) -> None:
        """As a socket."""

    def get_write_buffer_size(self) -> int:
        return 0

    def is_closing(self) -> bool:
        return True

    def abort(self) -> None:
        self.aborted.set()


@pytest.mark.parametrize("said", [b"OPTIONS sip:a@b SIP/2.0\r\n", PING])
def test_who_says_nothing_whole_is_hung_up_on(said: bytes) -> None:
    async def scenario() -> float:
        stream, silence = Network(10).streams.accepting("tcp"), Silence()
        began = asyncio.get_running_loop().time()
        stream.connection_made(silence)
        stream.data_received(said)
        await silence.aborted.wait()
        stream.connection_lost(None)
        return asyncio.get_running_loop().time() - began

    assert run_virtual(scenario()) == FIRST_MESSAGE_S


def test_the_longest_idle_gives_way() -> None:
    async def scenario() -> None:
        async with listening(most=2) as (network, port):
            peers = [await asyncio.open_connection("127.0.0.1", port) for _ in range(2)]
            flows = []
            for _, writer in reversed(peers):
                writer.write(request("OPTIONS"))
                flows.append((await network.heard.get())[1])
            third = await asyncio.open_connection("127.0.0.1", port)
            assert await network.lost.get() == flows[0]
            assert len(network.streams) == 2
            for _, writer in (*peers, third):
                writer.close()

    asyncio.run(scenario())


async def known(network: Network, port: int) -> tuple[asyncio.StreamReader, asyncio.StreamWriter, Flow]:
    """A connection on which somebody has spoken who may call."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(request("INVITE"))
    return reader, writer, (await network.heard.get())[1]


def test_strangers_give_way_and_who_may_call_does_not() -> None:
    async def scenario() -> None:
        async with listening(most=3) as (network, port):
            _, writer, flow = await known(network, port)
            writers, strangers = [writer], []
            for number in range(8):
                writers.append((await asyncio.open_connection("127.0.0.1", port))[1])
                writers[-1].write(request("OPTIONS"))
                strangers.append((await network.heard.get())[1])
                assert len(network.streams) == min(number + 2, 3)
            assert [network.lost.get_nowait() for _ in range(6)] == strangers[:6]
            writer.write(request("BYE"))
            assert (await network.heard.get())[1] == flow
            for each in writers:
                each.close()

    asyncio.run(scenario())


def test_where_all_may_call_one_more_is_not_let_in() -> None:
    async def scenario() -> None:
        async with listening(most=2) as (network, port):
            kept = [await known(network, port) for _ in range(2)]
            reader, writer = await asyncio.open_connection("127.0.0.1", port)
            assert await reader.read() == b""
            assert network.lost.empty()
            for _, each, flow in kept:
                each.write(request("BYE"))
                assert (await network.heard.get())[1] == flow
                each.close()
                assert await network.lost.get() == flow
            writer.close()

    asyncio.run(scenario())


def test_where_this_side_connects_the_longest_idle_gives_way_whoever_it_is() -> None:
    async def scenario() -> None:
        async with listening(most=2) as (network, port):
            kept = [await known(network, port) for _ in range(2)]
            got = asyncio.Queue[bytes]()

            async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
                got.put_nowait(await reader.readexactly(3))
                writer.close()

            server = await asyncio.start_server(serve, "127.0.0.1", 0)
            flow = Flow("tcp", ("127.0.0.1", port), server.sockets[0].getsockname()[:2])
            network.streams.send(b"one", flow)
            assert await asyncio.wait_for(got.get(), 60) == b"one"
            assert await network.lost.get() == kept[0][2]
            assert await network.lost.get() == flow
            server.close()
            for _, writer, _ in kept:
                writer.close()

    asyncio.run(scenario())


def test_who_reads_nothing_is_given_up() -> None:
    async def scenario() -> None:
        async with listening() as (network, port):
            reader, writer = await asyncio.open_connection("127.0.0.1", port)
            writer.write(request("OPTIONS"))
            _, flow = await network.heard.get()
            while network.lost.empty():
                network.streams.send(b"x" * UNREAD_BYTES, flow)
                await asyncio.sleep(0)
            assert await network.lost.get() == flow
            writer.close()
            del reader

    asyncio.run(scenario())


def test_what_is_sent_while_connecting_is_not_forgotten() -> None:
    async def scenario() -> None:
        got = asyncio.Queue[bytes]()

        async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            got.put_nowait(await reader.readexactly(6))
            writer.close()

        server = await asyncio.start_server(serve, "127.0.0.1", 0)
        network = Network(10)
        flow = Flow("tcp", ("127.0.0.1", 5060), server.sockets[0].getsockname()[:2])
        network.streams.send(b"one", flow)
        network.streams.send(b"two", flow)
        assert await got.get() == b"onetwo"
        assert await network.lost.get() == flow
        network.streams.send(b"again", flow)
        await network.streams.aclose()
        assert len(network.streams) == 0
        server.close()

    asyncio.run(scenario())


def test_one_that_is_closing_takes_nothing_and_its_follower_is_not_lost_with_it() -> None:
    async def scenario() -> None:
        network = Network(10)
        old, new = network.streams.accepting("tcp"), network.streams.accepting("tcp")
        for stream in (old, new):
            stream.connection_made(Silence())
        old.send(b"nothing")
        old.connection_lost(None)
        assert network.lost.empty()
        new.connection_lost(None)
        assert network.lost.qsize() == 1

    run_virtual(scenario())


def test_names_of_so_many_addresses_are_remembered() -> None:
    network = Network(10)
    for port in range(REMEMBERED + 5):
        network.streams.called("example.com", ("192.0.2.1", port))
    assert len(network.streams._names) == REMEMBERED
