"""Frames on their way to one client.

Putting never waits, since the core's outputs are facts that must not be lost or reordered. What bounds the queue is
that everybody who makes more of them awaits `drained()` first: a client that reads slowly slows its own answer and its
own requests, and nobody else's. Nobody waits for those who only join a session; theirs has an upper bound (`most`).
"""

from __future__ import annotations

import asyncio
from collections import deque
from contextlib import suppress

from vivavoce.runtime.connection import Connection

HIGH_WATER_BYTES = 128 * 1024
"""About two seconds of 24 kHz audio as base64."""
PATIENCE_S = 4.0
"""How long a client that is told to go may take to read what was said before."""
CLOSE_S = 1.0
"""And then to take the close itself. Together no more than a stopping server waits."""
TOO_SLOW = 1008
"""Policy violation (RFC 6455 7.4.1). Stock clients do not reconnect on it (PROTOCOL.md 1.2): it would happen again."""


class Outbox:
    """One client's frames, in order. `most`: bytes that it did not ask for and that may wait for it; None: any."""

    def __init__(self, connection: Connection, most: int | None = None) -> None:
        self._connection = connection
        self._most = most
        self._frames: deque[tuple[str, bool]] = deque()
        self._bytes = 0
        self._unasked = 0
        """Those of the bytes that count against `most`."""
        self._closing: tuple[int, str] | None = None
        self._until: float | None = None
        """When patience ends, on the loop's clock; None while the connection goes on."""
        self._sending: asyncio.Timeout | None = None
        self._something = asyncio.Event()
        self._room = asyncio.Event()
        self._room.set()

    def put(self, frame: str, asked: bool = False) -> None:
        """Send this after everything before it; nothing is sent after `close`. `asked`: the client's own request."""
        if self._closing is not None:
            return
        if self._most is not None and not asked and self._unasked > self._most:
            self._frames.clear()
            self.close(TOO_SLOW, "The session's events were read too slowly.", patience=0.0)
            return
        self._frames.append((frame, asked))
        self._count(frame, asked, 1)
        if self._bytes > HIGH_WATER_BYTES:
            self._room.clear()
        self._something.set()

    def close(self, code: int, reason: str, patience: float = PATIENCE_S) -> None:
        """Close the connection once everything before this has been sent, or after so many seconds."""
        if self._closing is not None:
            return
        self._closing = (code, reason)
        self._until = asyncio.get_running_loop().time() + patience
        if self._sending is not None:
            self._sending.reschedule(self._until)
        self._something.set()

    async def drained(self) -> None:
        """There is room for more."""
        await self._room.wait()

    async def run(self) -> None:
        """Send until closed, then close the connection. After a cancellation it may be run again, to the end."""
        with suppress(TimeoutError):
            try:
                async with asyncio.timeout_at(self._until) as self._sending:
                    await self._send()
            finally:
                self._sending = None
        assert self._closing is not None
        with suppress(TimeoutError):
            async with asyncio.timeout(CLOSE_S):
                await self._connection.close(*self._closing)

    async def _send(self) -> None:
        while True:
            while self._frames:
                frame, asked = self._frames[0]
                await self._connection.send(frame)
                # Only now: what a cancellation finds unsent is still there for the next `run`.
                if self._frames:
                    self._frames.popleft()
                self._count(frame, asked, -1)
                if self._bytes <= HIGH_WATER_BYTES:
                    self._room.set()
            if self._closing is not None:
                return
            self._something.clear()
            await self._something.wait()

    def _count(self, frame: str, asked: bool, sign: int) -> None:
        self._bytes += sign * len(frame)
        if not asked:
            self._unasked += sign * len(frame)
