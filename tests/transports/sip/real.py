"""A telephone with its real signalling and media on this machine, and a caller that writes every message by hand."""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from tests.patience import PATIENCE_S
from tests.transports.sip.exchange import FakeHost, settled
from tests.transports.sip.handset import HOST, until
from tests.transports.sip.scene import request

from vivavoce.transports.sip.actions import Confirmed, Headers, News
from vivavoce.transports.sip.agent import UserAgent
from vivavoce.transports.sip.endpoint import Endpoint, Place
from vivavoce.transports.sip.media import Options as MediaOptions
from vivavoce.transports.sip.media import Studio
from vivavoce.transports.sip.message import Request, Response, parse
from vivavoce.transports.sip.options import Options
from vivavoce.transports.sip.ports import Ports
from vivavoce.transports.sip.rules import Rule
from vivavoce.transports.sip.switch import AgentSwitch
from vivavoce.transports.sip.telephone import Policy, Telephone
from vivavoce.transports.sip.webhooks import Webhooks


class Server:
    """Takes every call, over UDP and TCP; its media has these ports."""

    def __init__(self, ports: Ports | None = None) -> None:
        agent = UserAgent(Options(everybody=True), lambda: secrets.token_hex(8))
        places: list[Place] = [("udp", HOST, 0), ("tcp", HOST, 0)]
        self.endpoint = Endpoint(agent, places, self._heard)
        self.news: list[News] = []
        self.host = FakeHost()
        media = Studio(MediaOptions(ports=ports or Ports(), host=HOST))
        hooks = Webhooks([], lambda hook: None)  # type: ignore[arg-type, return-value]
        self.telephone = Telephone(self.host, AgentSwitch(self.endpoint), media, hooks, Policy((Rule("accept"),)))

    def _heard(self, news: News) -> None:
        self.news.append(news)
        self.telephone.news(news)

    def hang_up(self) -> None:
        """The one call."""
        (call_id,) = self.host.sessions
        assert self.telephone.decisions.hang_up(call_id, None)

    def pass_(self, seconds: float) -> None:
        """For the signalling, so much time has passed."""
        self.endpoint.perform(self.endpoint.agent.tick(self.endpoint.now() + seconds))

    async def emptied(self) -> None:
        """No call is left."""
        await until(lambda: not len(self.telephone) and not self.host.sessions)


@asynccontextmanager
async def server(ports: Ports | None = None) -> AsyncIterator[Server]:
    made = Server(ports)
    await made.endpoint.start()
    try:
        yield made
    finally:
        for session in list(made.host.sessions.values()):
            session.stop(1001, "server is shutting down")
        await settled()
        await made.telephone.aclose()
        await made.endpoint.aclose()


class Caller(asyncio.DatagramProtocol):
    """One UDP socket. It answers nothing by itself."""

    def __init__(self) -> None:
        self._got: asyncio.Queue[Request | Response] = asyncio.Queue()
        self._transport: asyncio.DatagramTransport | None = None
        self._to = (HOST, 0)
        self._tag = ""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = transport  # type: ignore[assignment]

    def datagram_received(self, data: bytes, address: tuple[str, int]) -> None:
        self._got.put_nowait(parse(data))

    @property
    def port(self) -> int:
        """Its own."""
        assert self._transport is not None
        return int(self._transport.get_extra_info("sockname")[1])

    @property
    def contact(self) -> Headers:
        """Where it is."""
        return (("Contact", f"<sip:ann@{HOST}:{self.port}>"),)

    def send(self, message: bytes | Response) -> None:
        assert self._transport is not None
        self._transport.sendto(bytes(message), self._to)

    def ask(self, method: str, number: int, sdp: str | None = None, headers: Headers = ()) -> None:
        """A request of the one call."""
        branch = f"z9hG4bK-{method}-{number}"
        made = request(method, branch=branch, host=HOST, to=self._tag, number=number, sdp=sdp, headers=headers)
        self.send(made.replace(b":5060;branch", f":{self.port};branch".encode()))

    async def call(self, server: Server, sdp: str, headers: Headers = ()) -> None:
        """It is answered. `headers`: with a Contact."""
        self._to = (HOST, server.endpoint.places[0][2])
        self.ask("INVITE", 1, sdp, headers)
        self._tag = (await self.answer(200)).to.tag or ""
        self.ask("ACK", 1)
        await until(lambda: Confirmed(self._tag, None) in server.news)

    async def answer(self, status: int) -> Response:
        """The next final answer, which is this one."""
        while True:
            message = await self._next()
            if isinstance(message, Response) and message.final:
                assert message.status == status
                return message

    async def asked(self, method: str) -> Request:
        """The next request, which is this one."""
        while True:
            message = await self._next()
            if isinstance(message, Request):
                assert message.method == method, message
                return message

    async def _next(self) -> Request | Response:
        return await asyncio.wait_for(self._got.get(), PATIENCE_S)


@asynccontextmanager
async def caller() -> AsyncIterator[Caller]:
    loop = asyncio.get_running_loop()
    transport, made = await loop.create_datagram_endpoint(Caller, local_addr=(HOST, 0))
    try:
        yield made
    finally:
        transport.close()
