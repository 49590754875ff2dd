"""A client in the same process: the runtime's `Connection` without a wire."""

from __future__ import annotations

import asyncio
import base64
import json
from typing import Any


class MemoryConnection:
    """Both ends of a connection. The runtime's side is `receive`, `send` and `close`; the rest is the client's."""

    def __init__(self) -> None:
        self.events: list[dict[str, Any]] = []
        """What the client has read, in order."""
        self.closed: tuple[int, str] | None = None
        """Code and reason, once the server has closed."""
        self._to_server: asyncio.Queue[str | bytes | None] = asyncio.Queue()
        self._gone = False
        self._reading = asyncio.Event()
        self._reading.set()
        self._news = asyncio.Condition()
        self._looked = 0

    # --- the runtime's side ---

    async def receive(self) -> str | bytes | None:
        """The client's next frame; None when it is gone."""
        return None if self._gone else await self._to_server.get()

    async def send(self, frame: str) -> None:
        """Returns when the client has read the frame."""
        await self._reading.wait()
        if not self._gone:
            self.events.append(json.loads(frame))
            await self._tell()

    async def close(self, code: int, reason: str) -> None:
        """The server ends it. A client that does not read does not see it, but the server is through."""
        if self.closed is None:
            self.closed = (code, reason)
            await self._tell()

    # --- the client's side ---

    def frame(self, frame: str | bytes) -> None:
        """Send anything."""
        self._to_server.put_nowait(frame)

    def say(self, type_: str, **fields: object) -> None:
        """Send a client event."""
        self.frame(json.dumps({"type": type_, **fields}))

    def append(self, audio: bytes, **fields: object) -> None:
        """Send audio in the session's input format."""
        self.say("input_audio_buffer.append", audio=base64.b64encode(audio).decode(), **fields)

    async def expect(self, *types: str) -> dict[str, Any]:
        """The next event of these types after those that were looked at before; what lies between is skipped."""
        async with self._news:
            while True:
                while self._looked < len(self.events):
                    event = self.events[self._looked]
                    self._looked += 1
                    if event["type"] in types:
                        return event
                if self.closed is not None:
                    raise ConnectionError(f"closed with {self.closed} before a {' or '.join(types)}")
                await self._news.wait()

    def types(self) -> list[str]:
        """The types of everything read so far."""
        return [event["type"] for event in self.events]

    def stop_reading(self) -> None:
        """From now on the server's frames find no room."""
        self._reading.clear()

    def go_on_reading(self) -> None:
        """There is room again."""
        self._reading.set()

    def vanish(self) -> None:
        """Be gone without a word: nothing is read or sent any more."""
        self._gone = True
        self._reading.set()
        self._to_server.put_nowait(None)

    async def _tell(self) -> None:
        async with self._news:
            self._news.notify_all()
