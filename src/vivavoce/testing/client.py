"""The caller's end of the wire, on plain events: for tests, `vivavoce talk` and `vivavoce bench`.

An event is the JSON object itself, so that a client can send what no typed one would and sees what was really sent.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncGenerator, Callable, Mapping
from contextlib import asynccontextmanager, suppress
from typing import NamedTuple
from urllib.parse import urlencode, urlsplit, urlunsplit

import msgspec
from websockets.asyncio.client import ClientConnection
from websockets.asyncio.client import connect as open_socket
from websockets.exceptions import ConnectionClosed, InvalidHandshake, InvalidStatus, InvalidURI

Event = Mapping[str, object]
DEFAULT_MODEL = "gpt-realtime"
WAIT_S = 30.0
"""How long an answer of the server's may take, unless the caller says otherwise."""
_LOOPBACK = frozenset({"localhost", "127.0.0.1", "::1"})
_ANY_KEY = "any"
"""A server without keys takes any, but the wire wants one (PROTOCOL.md 1.2)."""


class ClientError(Exception):
    """The conversation cannot go on; the message is a sentence for people."""


class Arrival(NamedTuple):
    """An event, and when it came (`time.monotonic`)."""

    at: float
    event: Event


class Client:
    """One connection. Everything that arrives is recorded, and handed to `listeners` in the order of arrival."""

    def __init__(self, socket: ClientConnection) -> None:
        self.arrivals: list[Arrival] = []
        self.listeners: list[Callable[[Arrival], None]] = []
        """Called at once for each event; they return at once and never raise."""
        self.ended: str | None = None
        """Why the connection is over; None while it lasts."""
        self._socket = socket
        self._waiting: dict[asyncio.Future[None], Callable[[], bool]] = {}
        self._sending: set[asyncio.Task[None]] = set()

    async def send(self, event: Event) -> None:
        """Send one event. Raises `ClientError` when the connection is over."""
        await self.send_text(msgspec.json.encode(event).decode())

    async def send_text(self, frame: str | bytes) -> None:
        """Send a frame as it is: an event encoded before, or something that no server should accept."""
        try:
            await self._socket.send(frame)
        except ConnectionClosed:
            raise ClientError(self._ending()) from None

    def post(self, event: Event) -> None:
        """Send soon, from a listener. When the connection is over, nobody is left who would want it."""
        task = asyncio.get_running_loop().create_task(self._send_quietly(event))
        self._sending.add(task)
        task.add_done_callback(self._sending.discard)

    async def until(self, met: Callable[[], bool], timeout: float = WAIT_S, what: str = "what was asked for") -> None:
        """Wait until an arrival makes `met` true. Raises `ClientError` after `timeout` seconds, or at the end."""
        if met():
            return
        if self.ended is not None:
            raise ClientError(self.ended)
        future: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiting[future] = met
        try:
            await asyncio.wait_for(future, timeout)
        except TimeoutError:
            raise ClientError(f"The server did not send {what} within {timeout:g} s.") from None
        finally:
            self._waiting.pop(future, None)

    async def expect(self, *types: str, since: int = 0, timeout: float = WAIT_S) -> Arrival:
        """The first event of one of `types` among the arrivals from number `since` on."""
        found: list[Arrival] = []

        def met() -> bool:
            found.extend(arrival for arrival in self.arrivals[since:] if arrival.event.get("type") in types)
            return bool(found)

        await self.until(met, timeout, " or ".join(types))
        return found[0]

    async def update(self, session: Event, timeout: float = WAIT_S) -> Event:
        """`session.update`, and the session in force after it. Raises `ClientError` when it is refused."""
        before = len(self.arrivals)
        await self.send({"type": "session.update", "session": {"type": "realtime", **session}})
        reply = (await self.expect("session.updated", "error", since=before, timeout=timeout)).event
        if reply["type"] == "error":
            raise ClientError(f"The server refused the session's settings: {describe(reply)}")
        updated = at(reply, "session")
        return updated if isinstance(updated, Mapping) else {}

    def abort(self) -> None:
        """Be gone without a word, as a caller whose network fails."""
        self._socket.transport.abort()

    async def receive(self) -> None:
        """Take events until the connection is over. `connect` runs it."""
        try:
            async for frame in self._socket:
                self._take(Arrival(time.monotonic(), msgspec.json.decode(frame, type=dict[str, object])))
        except msgspec.DecodeError:
            self.ended = "The server sent a frame that is not a JSON object."
        except ConnectionClosed:
            pass  # said by the close code
        self.ended = self.ended or self._ending()
        self._wake()

    def _take(self, arrival: Arrival) -> None:
        self.arrivals.append(arrival)
        for listener in self.listeners:
            listener(arrival)
        self._wake()

    def _wake(self) -> None:
        for future, met in list(self._waiting.items()):
            if future.done():
                continue
            if met():
                future.set_result(None)
            elif self.ended is not None:
                future.set_exception(ClientError(self.ended))

    async def _send_quietly(self, event: Event) -> None:
        with suppress(ClientError):
            await self.send(event)

    def _ending(self) -> str:
        """The server's own reason is the last `error` event before its close (PROTOCOL.md 1.2)."""
        last = self.arrivals[-1].event if self.arrivals else {}
        if last.get("type") == "error":
            return f"The server refused: {describe(last)}"
        code, reason = self._socket.close_code, self._socket.close_reason
        return f"The server ended the connection with code {code}{f' ({reason})' if reason else ''}."


@asynccontextmanager
async def connect(
    url: str, *, key: str | None = None, model: str = DEFAULT_MODEL, timeout: float = WAIT_S
) -> AsyncGenerator[Client]:
    """A connection on which `session.created` has arrived. Raises `ClientError` when there is no such thing.

    `url` may be as short as `127.0.0.1:8700`; see `endpoint`.
    """
    address = endpoint(url, model)
    socket = await _open(address, key, timeout)
    client = Client(socket)
    receiving = asyncio.create_task(client.receive())
    try:
        await client.expect("session.created", timeout=timeout)
        yield client
    finally:
        await socket.close()
        await receiving


async def _open(address: str, key: str | None, timeout: float) -> ClientConnection:
    host = urlsplit(address).hostname or ""
    try:
        return await open_socket(
            address,
            additional_headers={"Authorization": f"Bearer {key or _ANY_KEY}"},
            compression=None,  # audio in base64 gains little from it, and it costs both ends
            max_size=None,
            open_timeout=timeout,
            proxy=None if host in _LOOPBACK else True,
        )
    except InvalidStatus as error:
        status = error.response.status_code
        raise ClientError(f"{_place(address)} is no realtime server: it answered with HTTP status {status}.") from None
    except (InvalidHandshake, InvalidURI) as error:
        raise ClientError(f"{_place(address)} is no realtime server: {error}.") from None
    except TimeoutError:
        raise ClientError(f"{_place(address)} did not answer within {timeout:g} s.") from None
    except OSError as error:
        reason = "connection refused" if isinstance(error, ConnectionRefusedError) else error.strerror or str(error)
        raise ClientError(f"No server answers at {_place(address)}: {reason}.") from None


def endpoint(url: str, model: str = DEFAULT_MODEL) -> str:
    """The WebSocket address of a server: `url` may lack the scheme, the path or the model.

    Raises `ClientError` for what is no address.
    """
    text = url if "://" in url else f"ws://{url}"
    try:
        parts = urlsplit(text)
        port = parts.port
    except ValueError as error:
        raise ClientError(f"{url} is not the address of a server: {error}.") from None
    scheme = {"ws": "ws", "wss": "wss", "http": "ws", "https": "wss"}.get(parts.scheme)
    if scheme is None or not parts.hostname or port == 0:
        raise ClientError(f"{url} is not the address of a server, as in ws://127.0.0.1:8700 is.")
    path = parts.path.rstrip("/")
    if not path.endswith("/realtime"):
        path = f"{path or '/v1'}/realtime"
    return urlunsplit((scheme, parts.netloc, path, parts.query or urlencode({"model": model}), ""))


def at(event: object, *path: str) -> object:
    """What lies at a path of keys; None where it ends early."""
    for key in path:
        event = event.get(key) if isinstance(event, Mapping) else None
    return event


def text(event: object, *path: str) -> str:
    """The string at a path of keys; empty where there is none."""
    value = at(event, *path)
    return value if isinstance(value, str) else ""


def describe(event: Event) -> str:
    """An `error` event as one line for people."""
    detail = [f"{name} {text(event, 'error', name)}" for name in ("code", "param") if text(event, "error", name)]
    return text(event, "error", "message") + (f" ({', '.join(detail)})" if detail else "")


def _place(address: str) -> str:
    """The address without its query."""
    return urlunsplit((*urlsplit(address)[:3], "", ""))
