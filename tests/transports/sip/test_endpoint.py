"""The endpoint on loopback: UDP, TCP and TLS, both families; registrations; and how it ends."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import asynccontextmanager
from dataclasses import replace
from itertools import count
from pathlib import Path
from typing import TypeVar, cast

import pytest
import uvloop
from tests.certificates import certificate
from tests.patience import PATIENCE_S
from tests.transports.sip.scene import ANSWER, OFFER, invite

from vivavoce.transports.sip.actions import (
    Answered,
    Confirmed,
    Ended,
    Flow,
    Invited,
    Login,
    News,
    Refused,
    Registered,
    RegistrationFailed,
)
from vivavoce.transports.sip.agent import UserAgent
from vivavoce.transports.sip.endpoint import Endpoint, Place
from vivavoce.transports.sip.fields import SipError
from vivavoce.transports.sip.framing import PING, PONG
from vivavoce.transports.sip.options import Options
from vivavoce.transports.sip.registration import Account

Kind = TypeVar("Kind")


class Side:
    """One endpoint and what it is told."""

    def __init__(self, name: str, places: list[Place], **more: object) -> None:
        numbers = count(1)
        self.agent = UserAgent(Options(everybody=True, secret=b"known"), lambda: f"{name}{next(numbers)}")
        self.news: asyncio.Queue[News] = asyncio.Queue()
        self.react: Callable[[News], None] = lambda news: None
        self.endpoint = Endpoint(self.agent, places, self._heard, **more)  # type: ignore[arg-type]

    def _heard(self, news: News) -> None:
        self.news.put_nowait(news)
        self.react(news)

    async def told(self, kind: type[Kind]) -> Kind:
        """The next news, which is of this kind."""
        news = await asyncio.wait_for(self.news.get(), PATIENCE_S)
        assert isinstance(news, kind), news
        return news

    def answer(self, news: News) -> None:
        """Take every call."""
        if isinstance(news, Invited):
            self.endpoint.perform(self.agent.ring(news.dialog, self.endpoint.now()))
            self.endpoint.perform(self.agent.answer(news.dialog, ANSWER, self.endpoint.now()))


@asynccontextmanager
async def listening(name: str, places: list[Place], **more: object) -> AsyncIterator[Side]:
    side = Side(name, places, **more)
    await side.endpoint.start()
    try:
        yield side
    finally:
        await side.endpoint.aclose()


def contexts(folder: Path) -> tuple[dict[str, object], dict[str, object]]:
    """For who listens with TLS, and for who believes it."""
    files = certificate(folder)
    tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    tls.load_cert_chain(files.cert, files.key)
    return {"tls": tls}, {"tls": tls, "trust": ssl.create_default_context(cafile=files.authority)}


async def call(ann: Side, bob: Side, uri: str) -> None:
    """A call from ann, which bob answers and ends."""
    bob.react = bob.answer
    flow = await ann.endpoint.flow_to(uri)
    dialog, actions = ann.agent.invite(uri, OFFER, flow, ann.endpoint.now(), from_uri="sip:ann@localhost")
    ann.endpoint.perform(actions)
    invited = await bob.told(Invited)
    assert invited.flow.transport == flow.transport
    assert (await ann.told(object)) is not None  # 180
    assert await ann.told(Answered) == Answered(dialog, ANSWER)
    await bob.told(Confirmed)
    bob.endpoint.perform(bob.agent.bye(invited.dialog, bob.endpoint.now()))
    assert await ann.told(Ended) == Ended(dialog, "bye")


@pytest.mark.parametrize("transport", ["udp", "tcp", "tls"])
@pytest.mark.parametrize(
    ("host", "runner"),
    [
        ("127.0.0.1", asyncio.run),
        ("127.0.0.1", uvloop.run),
        ("::1", asyncio.run),
        ("0.0.0.0", asyncio.run),
        ("localhost", asyncio.run),
    ],
)
def test_a_call_over_every_transport(
    transport: str, host: str, runner: Callable[[Coroutine[object, object, None]], None], tmp_path: Path
) -> None:
    async def scenario() -> None:
        serving, calling = contexts(tmp_path)
        bound = "127.0.0.1" if host == "localhost" else host
        if transport == "tls" and host == "::1":
            calling["trust"].check_hostname = False  # type: ignore[attr-defined]
        place: Place = (transport, bound, 0)  # type: ignore[assignment]
        async with listening("bob", [place], **serving) as bob, listening("ann", [place], **calling) as ann:
            port = bob.endpoint.places[0][2]
            there = {"::1": "[::1]", "0.0.0.0": "127.0.0.1"}.get(host, host)
            await call(ann, bob, f"sip:bob@{there}:{port};transport={transport}")

    runner(scenario())


def test_a_certificate_that_is_not_believed_is_no_connection(tmp_path: Path) -> None:
    async def scenario() -> None:
        serving, _ = contexts(tmp_path)
        place: Place = ("tls", "127.0.0.1", 0)
        async with listening("bob", [place], **serving) as bob, listening("ann", [place], **serving) as ann:
            uri = f"sips:bob@127.0.0.1:{bob.endpoint.places[0][2]}"
            flow = await ann.endpoint.flow_to(uri)
            _, actions = ann.agent.invite(uri, OFFER, flow, ann.endpoint.now(), from_uri="sip:ann@localhost")
            ann.endpoint.perform(actions)
            assert (await ann.told(Refused)).status == 503

    asyncio.run(scenario())


def test_nobody_listens_there() -> None:
    async def scenario() -> None:
        async with listening("ann", [("tcp", "127.0.0.1", 0)]) as ann:
            closed = await asyncio.get_running_loop().create_server(asyncio.Protocol, "127.0.0.1", 0)
            port = closed.sockets[0].getsockname()[1]
            closed.close()
            uri = f"sip:bob@127.0.0.1:{port};transport=tcp"
            flow = await ann.endpoint.flow_to(uri)
            _, actions = ann.agent.invite(uri, OFFER, flow, ann.endpoint.now(), from_uri="sip:ann@localhost")
            ann.endpoint.perform(actions)
            assert (await ann.told(Refused)).status == 503

    asyncio.run(scenario())


@pytest.mark.parametrize("uri", ["sip:b@127.0.0.1", "sip:b@127.0.0.1;transport=sctp", "sip:b@[::1];transport=tcp"])
def test_what_cannot_be_reached(uri: str) -> None:
    async def scenario() -> None:
        async with listening("ann", [("tcp", "127.0.0.1", 0)]) as ann:
            with pytest.raises(OSError, match="cannot be reached"):
                await ann.endpoint.flow_to(uri)
            with pytest.raises(SipError):
                await ann.endpoint.flow_to("tel:1")

    asyncio.run(scenario())


def test_tls_needs_a_certificate_and_a_port_can_be_had_once() -> None:
    async def scenario() -> None:
        with pytest.raises(OSError, match="certificate"):
            await Side("ann", [("tls", "127.0.0.1", 0)]).endpoint.start()
        async with listening("ann", [("tcp", "127.0.0.1", 0)]) as ann:
            taken = ann.endpoint.places[0]
            with pytest.raises(OSError, match="in use"):
                await Side("bob", [("udp", "127.0.0.1", 0), taken]).endpoint.start()

    asyncio.run(scenario())


def test_what_goes_wrong_with_the_news_is_logged_and_nothing_else(caplog: pytest.LogCaptureFixture) -> None:
    async def scenario() -> None:
        async with listening("bob", [("udp", "127.0.0.1", 0)]) as bob:

            def broken(news: News) -> None:
                raise RuntimeError("a bug")

            bob.react = broken
            flow = Flow("udp", ("127.0.0.1", bob.endpoint.places[0][2]), ("127.0.0.1", 9))
            bob.endpoint.perform(bob.agent.receive(invite(), flow, bob.endpoint.now()))
            await bob.told(Invited)
            assert "Invited" in caplog.text

    asyncio.run(scenario())


ACCOUNT = Account(
    name="carrier", registrar="sip:localhost", address="sip:4930@localhost", login=Login("4930", "secret"), expires_s=60
)


class Registrar(asyncio.DatagramProtocol):
    """Says yes to every REGISTER, and remembers what it was asked."""

    def __init__(self) -> None:
        self.asked: list[bytes] = []

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast(asyncio.DatagramTransport, transport)
        self.port = transport.get_extra_info("sockname")[1]

    def datagram_received(self, data: bytes, address: tuple[str, int]) -> None:
        if not data.startswith(b"REGISTER"):
            return
        self.asked.append(data)
        kept = [
            line for line in data.split(b"\r\n") if line.split(b":")[0] in (b"Via", b"From", b"To", b"Call-ID", b"CSeq")
        ]
        answer = b"\r\n".join((b"SIP/2.0 200 OK", *kept, b"Expires: 60", b"", b""))
        self.transport.sendto(answer, address)


@asynccontextmanager
async def registrar() -> AsyncIterator[Registrar]:
    loop = asyncio.get_running_loop()
    transport, protocol = await loop.create_datagram_endpoint(Registrar, local_addr=("127.0.0.1", 0))
    try:
        yield protocol
    finally:
        transport.close()


def at(port: int) -> Account:
    return replace(ACCOUNT, registrar=f"sip:127.0.0.1:{port}")


def test_accounts_are_registered_and_left() -> None:
    async def scenario() -> None:
        async with registrar() as there:
            async with listening("ann", [("udp", "0.0.0.0", 0)]) as ann:
                ann.endpoint.register(at(there.port))
                assert (await ann.told(Registered)).name == "carrier"
            assert [b"Expires: 0\r\n" in each for each in there.asked] == [False, True]

    asyncio.run(scenario())


def test_a_registrar_that_is_gone_has_failed() -> None:
    async def scenario() -> None:
        async with listening("ann", [("tcp", "127.0.0.1", 0)]) as ann:
            async with listening("bob", [("tcp", "127.0.0.1", 0)]) as bob:
                port = bob.endpoint.places[0][2]
            ann.endpoint.register(replace(ACCOUNT, registrar=f"sip:127.0.0.1:{port};transport=tcp"))
            assert (await ann.told(RegistrationFailed)).status == 503

    asyncio.run(scenario())


def test_a_registrar_that_has_failed_is_looked_up_again() -> None:
    class Looking(Endpoint):
        looked: asyncio.Queue[str] = asyncio.Queue()

        async def flow_to(self, uri: str) -> Flow:
            self.looked.put_nowait(uri)
            return await super().flow_to(uri)

    async def scenario() -> None:
        agent = UserAgent(Options(everybody=True, secret=b"known"), lambda: "ann")
        endpoint = Looking(agent, [("tcp", "127.0.0.1", 0)], lambda news: None)
        await endpoint.start()
        closed = await asyncio.get_running_loop().create_server(asyncio.Protocol, "127.0.0.1", 0)
        port = closed.sockets[0].getsockname()[1]
        closed.close()
        uri = f"sip:127.0.0.1:{port};transport=tcp"
        endpoint.register(replace(ACCOUNT, registrar=uri))
        for _ in range(2):
            assert await asyncio.wait_for(endpoint.looked.get(), 60) == uri
        await endpoint.aclose()

    asyncio.run(scenario())


def test_a_ping_alone_opens_no_connection() -> None:
    async def scenario() -> None:
        async with listening("ann", [("tcp", "127.0.0.1", 0)]) as ann:
            flow = Flow("tcp", ("127.0.0.1", 5060), ("127.0.0.1", 9))
            ann.endpoint._streams.send(PING, flow)
            assert len(ann.endpoint._streams) == 0

    asyncio.run(scenario())


def test_strangers_who_ping_cut_no_phone_off() -> None:
    async def connected(port: int, *said: bytes) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(b"".join(said))
        return reader, writer

    async def scenario() -> None:
        async with listening("bob", [("tcp", "127.0.0.1", 0)], max_connections=2) as bob:
            port = bob.endpoint.places[0][2]
            phone, writer = await connected(port, invite(transport="TCP"))
            await phone.readuntil(b"\r\n\r\n")
            strangers = [await connected(port, PING) for _ in range(6)]
            for number, (reader, _) in enumerate(strangers):
                assert await reader.readexactly(2) == PONG
                assert number == 5 or await reader.read() == b""
            writer.write(PING)
            assert await phone.readexactly(2) == PONG
            for each in (writer, *(stranger for _, stranger in strangers)):
                each.close()

    asyncio.run(scenario())


def test_nothing_happens_once_it_is_closed() -> None:
    async def scenario() -> None:
        async with listening("ann", [("udp", "127.0.0.1", 0)]) as ann:
            flow = await ann.endpoint.flow_to("sip:bob@127.0.0.1:9")
        _, actions = ann.agent.invite(
            "sip:bob@127.0.0.1", OFFER, flow, ann.endpoint.now(), from_uri="sip:ann@localhost"
        )
        ann.endpoint.perform(actions)
        assert ann.endpoint._alarm is None or ann.endpoint._alarm.cancelled()

    asyncio.run(scenario())


def test_what_is_due_already_is_done_on_uvloop_too() -> None:
    """There, the handle of something that is due at once does not know when it was."""

    class Late(UserAgent):
        def deadline(self) -> float | None:
            return 0.0

    async def scenario() -> None:
        agent = Late(Options(everybody=True, secret=b"known"), lambda: "late")
        endpoint = Endpoint(agent, [], lambda news: None)
        endpoint.perform([])
        endpoint.perform([])
        await endpoint.aclose()

    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(scenario())
