"""Where that server is, and one connection to it.

Neither end waits for anybody: what is said lies in the order in which it was said until the socket takes it, and what
comes is taken at once. So a listener who is slow never keeps that server's pings from being answered.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from typing import Literal
from urllib.parse import parse_qsl, urlencode, urlsplit, urlunsplit

import msgspec
from websockets.asyncio.client import ClientConnection
from websockets.asyncio.client import connect as open_socket
from websockets.exceptions import ConnectionClosed, InvalidHandshake, InvalidStatus, InvalidURI

from vivavoce.engines.realtime import events
from vivavoce.ports import EngineError

Json = Mapping[str, object]
MAX_FRAME_BYTES = 32 << 20
FRAMES_AHEAD = 8
"""Frames that wait here before the socket is read no further."""
CLOSE_S = 1.0
"""Longest wait for that server's goodbye."""
_MOST_TEXT = 500
_log = logging.getLogger(__name__)


class Lost(EngineError):
    """There is no connection any more; another one may do."""


@dataclass(frozen=True, slots=True)
class Patience:
    """With that server, in seconds."""

    connect: float = 5.0
    """To open a connection, until that server says hello."""
    first: float = 20.0
    """From a request to the answer's first event; and for what is only acknowledged."""
    silence: float = 10.0
    """Longest silence in an answer."""
    cancelled: float = 2.0
    """Until an answer ends that was cancelled."""


class Remote:
    """The server. `running`: answers that it makes for us now."""

    def __init__(
        self,
        url: str,
        model: str,
        api_key: str | None,
        *,
        key_header: Literal["authorization", "api-key"] = "authorization",
        patience: Patience = Patience(),
        proxy: str | None = None,
    ) -> None:
        """Raises `ValueError` for an address or a key that cannot be used. Nothing is sent yet."""
        parts = urlsplit(url)
        if parts.scheme not in ("ws", "wss") or not parts.hostname:
            raise ValueError(f"the realtime server needs a ws or wss address, not {url!r}")
        if api_key is not None and not (api_key.isascii() and api_key.isprintable() and api_key.strip() == api_key):
            raise ValueError("the key of the realtime server holds blanks or characters that no header can carry")
        query = parse_qsl(parts.query)
        if not any(name in ("model", "deployment") for name, _ in query):  # Azure names it in the address
            query.append(("model", model))
        self.running = 0
        self.patience = patience
        self._address = urlunsplit((*parts[:3], urlencode(query), ""))
        self._who = f"The realtime server ({model} at {parts.netloc.rpartition('@')[2]})"
        self._key = api_key
        bearer = {"Authorization": f"Bearer {api_key}"} if key_header == "authorization" else {"api-key": api_key or ""}
        self._headers = bearer if api_key is not None else {}
        self._proxy = proxy

    def failure(self, code: str, what: str) -> EngineError:
        """An error of this server. `what` goes on after its name: "sent no audio"."""
        return EngineError(code, f"{self._who} {what}.")

    def lost(self, what: str, code: str = "engine_unavailable") -> Lost:
        """The same, where another connection may help."""
        return Lost(code, f"{self._who} {what}.")

    def said(self, fault: events.Fault, code: str = "engine_failed") -> EngineError:
        """That server's own account of what is wrong."""
        told = fault.message or "it does not say why"
        return self.failure(str(fault.code or code), f"failed: {self.plain(told).rstrip('.')}")

    def plain(self, text: str) -> str:
        """What that server wrote, as it may be shown: not at length, and never with the key."""
        if self._key:
            text = text.replace(self._key, "***")
        return text if len(text) <= _MOST_TEXT else f"{text[:_MOST_TEXT]}..."

    async def connect(self, take: Callable[[events.Event], object]) -> Link:
        """A connection on which that server has said hello. Raises `EngineError`."""
        try:
            async with asyncio.timeout(self.patience.connect):
                socket = await self._open()
                try:
                    await self._greeting(socket)
                except BaseException:
                    socket.transport.abort()
                    raise
        except TimeoutError:
            raise self.failure("engine_timeout", f"did not answer within {self.patience.connect:g} s") from None
        return Link(self, socket, take)

    async def _open(self) -> ClientConnection:
        try:
            return await open_socket(
                self._address,
                additional_headers=self._headers,
                compression=None,  # audio in base64 gains little from it
                max_size=MAX_FRAME_BYTES,
                max_queue=FRAMES_AHEAD,
                open_timeout=None,
                ping_timeout=None,  # a server that is busy may be late with a pong: silence is what gives it up
                close_timeout=CLOSE_S,
                proxy=self._proxy,
            )
        except InvalidStatus as error:
            status = error.response.status_code
            body = self.plain(bytes(error.response.body or b"").decode(errors="replace").strip())
            code = "engine_rejected" if 400 <= status < 500 else "engine_unavailable"
            raise self.failure(code, f"answered {status}" + (f": {body.rstrip('.')}" if body else "")) from None
        except (InvalidHandshake, InvalidURI) as error:
            raise self.failure("engine_failed", f"cannot be talked to ({type(error).__name__})") from None
        except OSError as error:
            raise self.failure("engine_unavailable", f"cannot be reached ({type(error).__name__})") from None

    async def _greeting(self, socket: ClientConnection) -> None:
        try:
            event = self.event(await socket.recv())
        except ConnectionClosed as error:
            raise self.failure("engine_rejected", f"hung up at once{_why(error, self)}") from None
        if event.type == "error":
            raise self.said(event.fault, "engine_rejected")
        if event.type != "session.created":
            raise self.failure("engine_failed", f"began with {self.plain(event.type)!r}, not with a session")

    def event(self, frame: str | bytes) -> events.Event:
        """What a frame holds. Raises `EngineError`."""
        if isinstance(frame, bytes):
            raise self.failure("engine_failed", "sent a binary frame")
        try:
            return events.decode(frame)
        except (ValueError, RecursionError):
            raise self.failure("engine_failed", "sent a frame that is no event") from None


class Link:
    """One connection. `take` gets its events, one after the other."""

    def __init__(self, remote: Remote, socket: ClientConnection, take: Callable[[events.Event], object]) -> None:
        self.over: asyncio.Future[EngineError] = asyncio.get_running_loop().create_future()
        """Why there is no connection any more."""
        self._remote = remote
        self._socket = socket
        self._take = take
        self._waiting: asyncio.Queue[str] = asyncio.Queue()
        self._tasks = [asyncio.create_task(self._send()), asyncio.create_task(self._receive())]

    def check(self) -> None:
        """Raises `EngineError` when it is over."""
        if self.over.done():
            raise self.over.result()

    def post(self, event: Json) -> None:
        """Say this, behind what was said before."""
        self._waiting.put_nowait(msgspec.json.encode(event).decode())

    def end(self, why: EngineError) -> None:
        """Use this connection no more."""
        if not self.over.done():
            self.over.set_result(why)
            self._socket.transport.abort()

    async def aclose(self) -> None:
        """Say goodbye."""
        if not self.over.done():
            self.over.set_result(self._remote.lost("is not needed any more"))
            await self._socket.close()
        for task in self._tasks:
            task.cancel()
        await asyncio.wait(self._tasks)

    async def _send(self) -> None:
        with suppress(ConnectionClosed):  # the receiving end says why
            while True:
                await self._socket.send(await self._waiting.get())

    async def _receive(self) -> None:
        try:
            while not self.over.done():
                self._take(self._remote.event(await self._socket.recv()))
        except ConnectionClosed as error:
            self.end(self._remote.lost(f"closed the connection{_why(error, self._remote)}"))
        except EngineError as error:
            self.end(error)
        except Exception:  # a fault of ours, which must not leave anybody waiting
            _log.exception("an event of the realtime server could not be taken")
            self.end(self._remote.failure("engine_failed", "sent something that could not be used"))


def _why(error: ConnectionClosed, remote: Remote) -> str:
    if error.rcvd is None:
        return " without a word"
    return f" ({error.rcvd.code}{f': {remote.plain(error.rcvd.reason)}' if error.rcvd.reason else ''})"
