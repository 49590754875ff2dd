"""Gives the user agent sockets and a clock; decides nothing."""

from __future__ import annotations

import asyncio
import logging
import socket
import ssl
from collections import deque
from collections.abc import Callable, Iterable, Sequence
from ipaddress import ip_address

from vivavoce.transports.sip.accounts import GOODBYE_S, Accounts
from vivavoce.transports.sip.actions import (
    Action,
    Address,
    Flow,
    News,
    RegistrationFailed,
    Send,
    Transport,
    Unregistered,
)
from vivavoce.transports.sip.agent import UserAgent
from vivavoce.transports.sip.datagrams import Datagrams
from vivavoce.transports.sip.fields import Uri
from vivavoce.transports.sip.registration import Account
from vivavoce.transports.sip.streams import FIRST_MESSAGE_S, Streams

Place = tuple[Transport, str, int]
"""Where to listen: transport, IP address without brackets, port (0: any)."""

_log = logging.getLogger(__name__)


class Endpoint:
    """The sockets of one agent. `heard` gets its news, in order; it may ask the agent for more and `perform` it.

    `tls` is the certificate of this side, needed where a place is of TLS; `trust` is who is believed where it connects.
    `goodbye_s` is what phones get to answer the end of their calls when it closes, in seconds.
    """

    def __init__(
        self,
        agent: UserAgent,
        places: Sequence[Place],
        heard: Callable[[News], None],
        *,
        tls: ssl.SSLContext | None = None,
        trust: ssl.SSLContext | None = None,
        max_connections: int = 1000,
        goodbye_s: float = GOODBYE_S,
    ) -> None:
        self.agent = agent
        self.places: list[Place] = list(places)
        """Where it listens; the ports are real ones once it has started."""
        self._heard = heard
        self._tls = tls
        trusted = trust or ssl.create_default_context()
        self._streams = Streams(max_connections, trusted, self._received, self._lost, agent.known)
        self._servers: list[asyncio.Server] = []
        self._datagrams = Datagrams(self._received)
        self._accounts = Accounts(self)
        self._queue: deque[Action] = deque()
        self._performing = False
        self._quiet: asyncio.Event | None = None  # set when nobody needs to hear of an end any more; None: not closing
        self._goodbye_s = goodbye_s
        self._closed = False
        self._alarm: asyncio.TimerHandle | None = None
        self._due: float | None = None

    async def start(self) -> None:
        """Listen. Raises `OSError`."""
        try:
            for index, place in enumerate(self.places):
                self.places[index] = await self._listen(place)
        except OSError:
            await self.aclose()
            raise

    async def aclose(self) -> None:
        """Tell the registrars, end every call, and leave the network once all have heard of it, or soon."""
        self._quiet, end = asyncio.Event(), self.now() + self._goodbye_s
        self.perform(self.agent.close(self.now()))
        await self._accounts.aclose()
        if not self._closed and not self._quiet.is_set():
            try:
                async with asyncio.timeout_at(end):
                    await self._quiet.wait()
            except TimeoutError:
                _log.warning("a phone has not answered the end of its call; it may ring or be up until it gives up")
        for server in self._servers:
            server.close()
        await self._streams.aclose()
        self._datagrams.close()
        self._closed = True
        if self._alarm is not None:
            self._alarm.cancel()

    def now(self) -> float:
        """The agent's time: the loop's."""
        return asyncio.get_running_loop().time()

    def perform(self, actions: Iterable[Action]) -> None:
        """Send what is to be sent and tell what is to be told, in the order in which it was decided.

        Nothing happens once it is closed.
        """
        if self._closed:
            return
        self._queue.extend(actions)
        if self._performing:
            return
        self._performing = True
        try:
            while self._queue:
                self._do(self._queue.popleft())
        finally:
            self._performing = False
        if self._quiet is not None and not self.agent.ending():
            self._quiet.set()
        self._set_alarm()

    async def flow_to(self, uri: str) -> Flow:
        """How to reach a SIP URI: its address, by its transport. Names are looked up, without SRV records.

        Raises `SipError` for what is no SIP URI, `OSError` when there is no such name or no place for that transport.
        """
        wanted = Uri.parse(uri)
        named = (wanted.parameters.get("transport") or ("tls" if wanted.scheme == "sips" else "udp")).lower()
        found = [(each, host, port) for each, host, port in self.places if each == named]
        port = wanted.port or (5061 if named == "tls" else 5060)
        loop = asyncio.get_running_loop()
        for *_, address in await loop.getaddrinfo(wanted.host, port, type=socket.SOCK_STREAM):
            there: Address = (str(address[0]), port)
            for transport, host, listening in found:
                if ip_address(host).version == ip_address(there[0]).version:
                    self._streams.called(wanted.host, there)
                    return Flow(transport, (self._datagrams.address(host, there[0]), listening), there)
        raise OSError(f"{uri} cannot be reached: no address of sip.listen is for {named} and its kind of address")

    def register(self, account: Account) -> None:
        """Keep it registered until `aclose`."""
        self._accounts.register(account)

    async def _listen(self, place: Place) -> Place:
        transport, host, port = place
        loop = asyncio.get_running_loop()
        if transport == "udp":
            return transport, host, await self._datagrams.listen(host, port)
        if transport == "tls" and self._tls is None:
            raise OSError("TLS needs a certificate")
        server = await loop.create_server(
            lambda: self._streams.accepting(transport),
            host,
            port,
            ssl=self._tls if transport == "tls" else None,
            ssl_handshake_timeout=FIRST_MESSAGE_S if transport == "tls" else None,
        )
        listening: int = server.sockets[0].getsockname()[1]
        self._servers.append(server)
        return transport, host, listening

    def _received(self, data: bytes, flow: Flow) -> None:
        self.perform(self.agent.receive(data, flow, self.now()))

    def _lost(self, flow: Flow) -> None:
        self.perform(self.agent.lost(flow, self.now()))

    def _do(self, action: Action) -> None:
        if isinstance(action, Send):
            network = self._datagrams if action.flow.transport == "udp" else self._streams
            network.send(action.data, action.flow)
            return
        if isinstance(action, Unregistered):
            self._accounts.ended(action.name)
        elif isinstance(action, RegistrationFailed):
            self._accounts.failed(action.name)
        try:
            self._heard(action)
        except Exception:
            _log.exception("the news %s was not taken", type(action).__name__)

    def _set_alarm(self) -> None:
        due = self.agent.deadline()
        if self._alarm is not None:
            if self._due == due:
                return
            self._alarm.cancel()
            self._alarm = None
        # Kept here: of what is due at once, uvloop gives a handle that does not know when.
        self._due = due
        if due is not None:
            self._alarm = asyncio.get_running_loop().call_at(due, self._tick)

    def _tick(self) -> None:
        self._alarm = None
        self.perform(self.agent.tick(self.now()))
