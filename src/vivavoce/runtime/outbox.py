"""Frames on their way to one client.

Putting never waits, since the core's outputs are facts that must not be lost or reordered. What bounds the queue is
that everybody who makes more of them awaits `drained()` first: a client that reads slowly slows its own answer and its
own requests, and nobody else's.
"""

from __future__ import annotations

import asyncio
from collections import deque

from vivavoce.protocol.codec import encode
from vivavoce.protocol.server import ServerEvent
from vivavoce.runtime.connection import Connection

HIGH_WATER_BYTES = 128 * 1024
"""About two seconds of 24 kHz audio as base64."""


class Outbox:
    """One client's frames, in order."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._frames: deque[str] = deque()
        self._bytes = 0
        self._closing: tuple[int, str] | None = None
        self._something = asyncio.Event()
        self._room = asyncio.Event()
        self._room.set()

    def put(self, event: ServerEvent) -> None:
        """Send this after everything before it; nothing is sent after `close`."""
        if self._closing is not None:
            return
        frame = encode(event)
        self._frames.append(frame)
        self._bytes += len(frame)
        if self._bytes > HIGH_WATER_BYTES:
            self._room.clear()
        self._something.set()

    def close(self, code: int, reason: str) -> None:
        """Close the connection once everything before this has been sent."""
        if self._closing is None:
            self._closing = (code, reason)
            self._something.set()

    async def drained(self) -> None:
        """There is room for more."""
        await self._room.wait()

    async def run(self) -> None:
        """Send until closed."""
        while True:
            while self._frames:
                frame = self._frames.popleft()
                await self._connection.send(frame)
                self._bytes -= len(frame)
                if self._bytes <= HIGH_WATER_BYTES:
                    self._room.set()
            if self._closing is not None:
                await self._connection.close(*self._closing)
                return
            self._something.clear()
            await self._something.wait()
