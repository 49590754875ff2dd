"""One conversation with a Moshi server."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import AsyncGenerator
from contextlib import suppress
from dataclasses import dataclass
from typing import Protocol

from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed, InvalidHandshake, InvalidStatus, InvalidURI

from vivavoce.audio.pcm import Pcm
from vivavoce.engines.moshi.wire import Hearing, Kind, Speaking, check_handshake, malformed, reported
from vivavoce.ports import EngineError, SpokenAudio, SpokenText

HELD_MS = 2000
"""How far the model may be behind what it was sent. Sockets hold minutes of audio: only its own answers tell. It is
behind by a few frames of 80 ms in any case."""
MOST_WAITING = 16
"""Messages that have come and nobody has taken; then the server has to wait."""
LONGEST_MESSAGE = 1 << 20
"""Bytes; an honest one has some hundred."""
CLOSE_S = 1.0
"""How long a server may take to say goodbye."""


@dataclass(frozen=True, slots=True)
class Patience:
    """In seconds."""

    connect: float
    """To open the connection."""
    handshake: float
    """Until the model is ready: it reads its prompts first, or somebody else is talking to it."""


class Seats(Protocol):
    """Of one conversation among those that the server can have at a time."""

    def enter(self) -> str:
        """Take a place; the address of the conversation. Raises `EngineError`."""

    def leave(self) -> None:
        """Give it back."""


class MoshiStream:
    """See `vivavoce.ports.DuplexStream`. `seats` are the engine's, which says where the conversation is."""

    def __init__(self, tls: ssl.SSLContext | None, patience: Patience, seats: Seats) -> None:
        self._tls = tls
        self._patience = patience
        self._seats = seats
        self._taken = False
        self._url = ""
        """Once a place is taken."""
        self._closed = asyncio.Event()
        self._socket: ClientConnection | None = None
        self._opening = asyncio.Lock()
        self._speaking = Speaking()
        self._hearing = Hearing()
        self._given_ms = self._said_ms = 0.0
        self._progress = asyncio.Event()

    async def push(self, pcm: Pcm) -> None:
        """The caller's next audio, 24 kHz. Waits while the model is behind. Raises `EngineError`."""
        socket = await self._open()
        try:
            message = self._speaking.message(pcm)
        except ValueError as error:
            raise EngineError("engine_failed", f"{error}.") from error
        if message is not None:
            await _sent(socket, message)
        self._given_ms += pcm.ms
        while self._given_ms > self._said_ms + HELD_MS and not self._closed.is_set():
            self._progress.clear()
            await self._progress.wait()

    async def listen(self) -> AsyncGenerator[SpokenAudio | SpokenText, None]:
        """What the model says. Raises `EngineError` when the conversation is lost."""
        socket = await self._open()
        while True:
            for part in self._hearing.parts(await _received(socket)):
                if self._closed.is_set():  # the socket still has some
                    raise _over()
                if isinstance(part, SpokenAudio):
                    self._said_ms += part.audio.ms
                    self._progress.set()
                yield part

    async def aclose(self) -> None:
        """Hang up."""
        self._closed.set()
        self._progress.set()
        try:
            if self._socket is not None:
                await self._socket.close()
        finally:
            if self._taken:
                self._taken = False
                self._seats.leave()

    async def _open(self) -> ClientConnection:
        """Whoever comes first, to speak or to listen, opens it."""
        async with self._opening:
            if self._closed.is_set():
                raise _over()
            if self._socket is None:
                if not self._taken:
                    self._url = self._seats.enter()
                    self._taken = True
                socket = await connected(self._url, self._tls, self._patience)
                if self._closed.is_set():
                    await socket.close()
                    raise _over()
                self._socket = socket
                await _sent(socket, self._speaking.header)
            return self._socket


async def connected(url: str, tls: ssl.SSLContext | None, patience: Patience) -> ClientConnection:
    """A conversation whose model is ready. Raises `EngineError` (`engine_unavailable`, `engine_busy`)."""
    where = url.partition("?")[0]  # what follows are the caller's instructions
    try:
        socket = await connect(
            url,
            ssl=tls,
            proxy=None,
            compression=None,
            open_timeout=patience.connect,
            close_timeout=CLOSE_S,
            ping_interval=None,  # the model's frames tell that it is alive
            max_size=LONGEST_MESSAGE,
            max_queue=MOST_WAITING,
        )
    except InvalidStatus as error:
        message = f"The Moshi server at {where} refused the conversation: HTTP {error.response.status_code}."
        raise EngineError("engine_unavailable", message) from error
    except (OSError, InvalidHandshake, InvalidURI, ValueError) as error:
        why = str(error) or type(error).__name__
        raise EngineError("engine_unavailable", f"There is no Moshi server at {where}: {why}.") from error
    try:
        async with asyncio.timeout(patience.handshake):
            await _shaken(socket)
    except TimeoutError:
        message = (
            f"The Moshi server at {where} did not begin within {patience.handshake:g} s. It talks to one caller at a "
            "time: another may be talking to it."
        )
        await _hang_up(socket)
        raise EngineError("engine_busy", message) from None
    except BaseException:
        await _hang_up(socket)
        raise
    return socket


async def _shaken(socket: ClientConnection) -> None:
    while True:
        message = await _received(socket)
        if isinstance(message, str):
            raise malformed("text, where everything is binary")
        if message[:1] == bytes([Kind.HANDSHAKE]):
            check_handshake(message[1:])
            return
        if message[:1] == bytes([Kind.ERROR]):
            raise reported(message)


async def _hang_up(socket: ClientConnection) -> None:
    with suppress(ConnectionClosed):
        await socket.close()


async def _sent(socket: ClientConnection, message: bytes) -> None:
    try:
        await socket.send(message)
    except ConnectionClosed as error:
        raise _lost(error) from error


async def _received(socket: ClientConnection) -> bytes | str:
    try:
        return await socket.recv()
    except ConnectionClosed as error:
        raise _lost(error) from error


def _over() -> EngineError:
    return EngineError("engine_failed", "The conversation is over.")


def _lost(error: ConnectionClosed) -> EngineError:
    close = error.rcvd or error.sent
    code = f" ({close.code})" if close else ""
    return EngineError("engine_failed", f"The Moshi server has broken off the conversation{code}.")
