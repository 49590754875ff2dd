"""The suite's own end of the wire: it sends anything, waits for nothing without a limit, and shows every frame to
the rules."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from urllib.parse import urlencode, urlsplit, urlunsplit

import httpx
import msgspec
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed, InvalidHandshake, InvalidStatus
from websockets.typing import Subprotocol

from vivavoce.audio.pcm import Pcm
from vivavoce.conformance import kinds
from vivavoce.conformance.ledger import Ledger
from vivavoce.conformance.rules import Findings
from vivavoce.conformance.verdict import Failed
from vivavoce.testing.client import Event, endpoint, text

_LOOPBACK = frozenset({"localhost", "127.0.0.1", "::1"})
_ANY_KEY = "any"
"""A server without keys takes any, but the wire wants one (PROTOCOL.md 1.2)."""
DEFAULT_TRANSLATION_MODEL = "gpt-realtime-translate"
_CLOSE_S = 1.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """The server under test, and how to treat it."""

    url: str
    """As short as `127.0.0.1:8700`, or with scheme and path."""
    model: str
    key: str | None = None
    timeout: float = 20.0
    """Seconds that any single answer may take."""
    speech: Pcm | None = None
    """Somebody who says a sentence, for the checks that need a voice."""
    fast: bool = False
    """Send audio as fast as the server takes it, and not in real time."""
    translation_model: str = DEFAULT_TRANSLATION_MODEL
    call_id: str | None = None
    """A call in progress that a sideband can join."""

    def ws(self, path: str, query: Mapping[str, str]) -> str:
        """The address of a WebSocket below `/v1`. Raises `ClientError` for what is no address."""
        parts = urlsplit(endpoint(self.url, self.model))
        place = parts.path.removesuffix("/realtime") + path
        return urlunsplit((parts.scheme, parts.netloc, place, urlencode(query), ""))

    def http(self) -> str:
        """The base address of the REST part, `/v1` included."""
        parts = urlsplit(endpoint(self.url, self.model))
        scheme = {"ws": "http", "wss": "https"}[parts.scheme]
        return urlunsplit((scheme, parts.netloc, parts.path.removesuffix("/realtime"), "", ""))

    @property
    def bearer(self) -> str:
        """The Authorization header."""
        return f"Bearer {self.key or _ANY_KEY}"


class Rejected(Exception):
    """The upgrade was answered with an HTTP status instead of a WebSocket."""

    def __init__(self, status: int) -> None:
        super().__init__(f"HTTP status {status}")
        self.status = status

    @property
    def no_such_thing(self) -> bool:
        """There is no such endpoint, rather than a fault of one."""
        return self.status in (400, 403, 404, 405, 501)


class Wire:
    """One connection. `events` is all that arrived; `next` walks through it."""

    def __init__(self, socket: ClientConnection, ledger: Ledger, timeout: float) -> None:
        self.events: list[Event] = []
        self.timeout = timeout
        self.position = 0
        """How many events `next` has passed."""
        self.subprotocol = socket.subprotocol
        self._socket = socket
        self._ledger = ledger
        self._arrived = asyncio.Condition()
        self._over = False
        self._sent = 0

    @property
    def close_code(self) -> int | None:
        """Of the server's close; None while the connection lasts."""
        return self._socket.close_code

    async def send(self, kind: str, /, **fields: object) -> str:
        """Send an event under an `event_id` of its own, which is returned. Raises `Failed` at the connection's end."""
        self._sent += 1
        event_id = f"client_{self._sent}"
        await self.send_event({"type": kind, "event_id": event_id, **fields})
        return event_id

    async def send_event(self, event: Event) -> None:
        """Send an event as it is."""
        if isinstance(event.get("event_id"), str):
            self._ledger.sent(str(event["event_id"]))
        await self.send_frame(msgspec.json.encode(event).decode())

    async def send_frame(self, frame: str | bytes) -> None:
        """Send a frame as it is. Raises `Failed` when the connection is over, or the server does not read."""
        try:
            async with asyncio.timeout(self.timeout):
                await self._socket.send(frame)
        except ConnectionClosed:
            raise Failed(f"The connection should last, but the server closed it{self._code()}.", self._last()) from None
        except TimeoutError:
            raise Failed(f"The server should read what is sent, but took nothing for {self.timeout:g} s.") from None

    async def next(self, *types: str, errors: bool = False, timeout: float | None = None) -> Event:
        """The next event of one of `types`; those before it are passed over.

        Raises `Failed` when none comes in time, when the connection ends, and for an `error` event, unless `errors`
        lets them pass or one is asked for.
        """
        wait = self.timeout if timeout is None else timeout
        wanted = " or ".join(types)
        try:
            async with asyncio.timeout(wait):
                while True:
                    event = await self._one(wanted)
                    if event.get("type") in types:
                        return event
                    if event.get("type") == "error" and not errors:
                        raise Failed(f"{wanted} should come, not an error.", event)
        except TimeoutError:
            raise Failed(f"{wanted} should come within {wait:g} s; the last event is another.", self._last()) from None

    async def closed(self) -> int | None:
        """Wait for the server's close; gives its code. Raises `Failed` when it does not close."""
        try:
            async with asyncio.timeout(self.timeout), self._arrived:
                await self._arrived.wait_for(lambda: self._over)
        except TimeoutError:
            raise Failed("The server should close the connection.", self._last()) from None
        return self.close_code

    async def close(self) -> None:
        """Leave; `dial` does it at the end."""
        await self._socket.close()

    def of(self, *types: str, since: int = 0) -> list[Event]:
        """The events of these types that have arrived."""
        return [event for event in self.events[since:] if event.get("type") in types]

    async def receive(self) -> None:
        """Take frames until the connection is over. `dial` runs it."""
        try:
            async for data in self._socket:
                event = self._ledger.frame(data)
                if event is not None:
                    async with self._arrived:
                        self.events.append(event)
                        self._arrived.notify_all()
        except ConnectionClosed:
            pass  # the close code says it
        async with self._arrived:
            self._over = True
            self._arrived.notify_all()

    async def _one(self, wanted: str) -> Event:
        async with self._arrived:
            await self._arrived.wait_for(lambda: len(self.events) > self.position or self._over)
        if len(self.events) <= self.position:
            raise Failed(f"{wanted} should come, but the server closed the connection{self._code()}.", self._last())
        self.position += 1
        return self.events[self.position - 1]

    def _last(self) -> Event | None:
        return self.events[-1] if self.events else None

    def _code(self) -> str:
        return "" if self.close_code is None else f" with code {self.close_code}"


@dataclass(slots=True)
class Suite:
    """What a check works with: the server under test, and the rules that watch over every connection."""

    target: Target
    findings: Findings = field(default_factory=Findings)
    during: str = ""
    """The name of the check that runs."""

    @asynccontextmanager
    async def dial(
        self,
        *,
        path: str = "/realtime",
        query: Mapping[str, str] | None = None,
        headers: Mapping[str, str] | None = None,
        subprotocols: tuple[str, ...] = (),
    ) -> AsyncGenerator[Wire]:
        """A connection on which nothing has happened yet. Raises `Rejected`, or `Failed` when nobody answers."""
        target = self.target
        address = target.ws(path, {"model": target.model} if query is None else query)
        socket = await _open(
            address, {"Authorization": target.bearer} if headers is None else headers, subprotocols, target.timeout
        )
        vocabulary = kinds.TRANSLATION if "translations" in path else kinds.REALTIME
        wire = Wire(socket, Ledger(self.findings, self.during, vocabulary), target.timeout)
        receiving = asyncio.create_task(wire.receive())
        try:
            yield wire
        finally:
            await socket.close()
            await receiving

    @asynccontextmanager
    async def session(self, **session: object) -> AsyncGenerator[Wire]:
        """A session on which `session.created` has come and, if any are given, these settings are in force."""
        async with self.dial() as wire:
            await wire.next("session.created")
            if session:
                await wire.send("session.update", session={"type": "realtime", **session})
                await wire.next("session.updated")
            yield wire

    @asynccontextmanager
    async def http(self, authorised: bool = True) -> AsyncGenerator[httpx.AsyncClient]:
        """A client of the REST part."""
        headers = {"Authorization": self.target.bearer} if authorised else {}
        base = self.target.http()
        trust = urlsplit(base).hostname not in _LOOPBACK
        async with httpx.AsyncClient(
            base_url=base, headers=headers, timeout=self.target.timeout, trust_env=trust
        ) as client:
            yield client


async def _open(
    address: str, headers: Mapping[str, str], subprotocols: tuple[str, ...], timeout: float
) -> ClientConnection:
    host = urlsplit(address).hostname or ""
    try:
        return await connect(
            address,
            additional_headers=dict(headers),
            subprotocols=[Subprotocol(each) for each in subprotocols] or None,
            compression=None,
            max_size=None,
            open_timeout=timeout,
            close_timeout=_CLOSE_S,
            proxy=None if host in _LOOPBACK else True,
        )
    except InvalidStatus as error:
        raise Rejected(error.response.status_code) from None
    except InvalidHandshake as error:
        raise Failed(f"The upgrade to a WebSocket should be answered properly: {error}.") from None
    except TimeoutError:
        raise Failed(f"The upgrade to a WebSocket should be answered within {timeout:g} s.") from None
    except (OSError, EOFError) as error:
        raise Failed(f"The server should take a connection: {error}.") from None


def error_of(event: Event) -> str:
    """The message of an error event, its code in brackets."""
    code = text(event, "error", "code")
    return text(event, "error", "message") + (f" ({code})" if code else "")
