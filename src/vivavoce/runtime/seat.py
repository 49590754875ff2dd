"""One client of a session: what it sends is decoded here, and what it gets waits here.

A session has one client that opened it, the caller, and any number that joined it. All of them act alike; what tells
them apart is that the session ends with the caller, and waits for nobody else.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Protocol

from msgspec.structs import replace

from vivavoce.core import effects as fx
from vivavoce.protocol import client as c
from vivavoce.protocol import server as wire
from vivavoce.protocol import translation
from vivavoce.protocol.codec import binary_refused
from vivavoce.protocol.errors import ProtocolError
from vivavoce.protocol.items import ItemReference
from vivavoce.protocol.session import AudioFormat
from vivavoce.runtime import locks, tool_check
from vivavoce.runtime.connection import Connection
from vivavoce.runtime.core import AnyEvent
from vivavoce.runtime.locks import UNLOCKED, Locks
from vivavoce.runtime.noise import Cleaner
from vivavoce.runtime.outbox import Outbox
from vivavoce.runtime.wire_audio import Decoder, decoded_item, pieces

JOINED_BYTES = 1024 * 1024
"""What may wait for a client that joined: some sixteen seconds of audio. More, and it is dropped."""


class Desk(Protocol):
    """What a seat needs of its session."""

    @property
    def input_format(self) -> AudioFormat:
        """Of the caller's audio on the wire."""

    def cleaner(self) -> Cleaner:
        """For the audio of one client."""

    def decode(self, frame: str) -> AnyEvent:
        """What a client sends. Raises `ProtocolError`."""

    @property
    def refused(self) -> tool_check.Refused:
        """Why the language model cannot call a tool."""

    def take(self, event: fx.AnyInput, seat: Seat) -> Sequence[fx.AnyOutput]:
        """Handle what this client sent; the outputs that it caused."""


class Seat:
    """One client's connection, outbox, audio stream and locks. `caller`: the one whom the session waits for."""

    def __init__(self, connection: Connection, desk: Desk, held: Locks = UNLOCKED, caller: Seat | None = None) -> None:
        self.outbox = Outbox(connection, None if caller is None else JOINED_BYTES)
        self._connection = connection
        self._desk = desk
        self._locks = held
        # Whatever anybody asks for is told to the caller too: who asks waits until there is room for it.
        self._rooms = [self.outbox] if caller is None else [self.outbox, caller.outbox]
        self._decoder = Decoder(desk.input_format)
        self._cleaner = desk.cleaner()

    async def run(self) -> None:
        """Until the client is gone, or its outbox is closed and everything is out."""
        # No TaskGroup: one that is cancelled keeps its frames, and with them the session, until the garbage collector
        # comes round.
        tasks = [asyncio.create_task(self.outbox.run()), asyncio.create_task(self._receive())]
        try:
            await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.wait(tasks)
        for task in tasks:
            if not task.cancelled():
                task.result()  # a bug ends the session

    def tell(self, event: wire.ServerEvent, frame: str, asked: bool) -> None:
        """Send this event, whose frame is `frame` for those who may see all of it."""
        self.outbox.put(locks.masked(event, self._locks) or frame, asked)

    async def _receive(self) -> None:
        while (frame := await self._connection.receive()) is not None:
            try:
                if isinstance(frame, bytes):
                    raise binary_refused()
                event = self._desk.decode(frame)
                locks.check(event, self._locks)
                await tool_check.check(event, self._desk.refused)
            except ProtocolError as error:
                self._take(
                    fx.BadFrame(code=error.code, message=error.message, param=error.param, event_id=error.event_id)
                )
            else:
                await self._client(event)
            for outbox in self._rooms:
                await outbox.drained()

    async def _client(self, event: AnyEvent) -> None:
        wire_format = self._desk.input_format
        match event:
            case c.InputAudioBufferAppend():
                await self._append(event)
            case c.InputAudioBufferCommit() | translation.SessionClose():
                if rest := await self._cleaner.clean(self._decoder.flush()) + await self._cleaner.flush():
                    self._take(fx.AudioIn(pcm=rest))
                self._take(event)
            case c.InputAudioBufferClear():
                self._decoder.flush()
                await self._cleaner.flush()
                self._take(event)
            case c.ConversationItemCreate():
                self._take(replace(event, item=await decoded_item(wire_format, event.item)))
            case c.ResponseCreate(response=c.ResponseParams(input=list() as given) as params):
                decoded = [
                    item if isinstance(item, ItemReference) else await decoded_item(wire_format, item) for item in given
                ]
                self._take(replace(event, response=replace(params, input=decoded)))
            case _:
                self._take(event)

    async def _append(self, event: c.InputAudioBufferAppend) -> None:
        if self._decoder.format != self._desk.input_format:
            self._decoder = Decoder(self._desk.input_format)
        for piece in pieces(event.audio):
            pcm = await self._cleaner.clean(self._decoder.decode(piece))
            heard = self._take(fx.AudioIn(pcm=pcm, event_id=event.event_id))
            if any(isinstance(output, wire.ErrorEvent) for output in heard):
                return
            await asyncio.sleep(0)  # so that other sessions get their turn while a long one is heard

    def _take(self, event: fx.AnyInput) -> Sequence[fx.AnyOutput]:
        return self._desk.take(event, self)
