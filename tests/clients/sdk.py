"""The stock `openai` SDK in this process; only `base_url` and `api_key` are changed."""

from __future__ import annotations

import asyncio
import base64
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

from openai import AsyncOpenAI
from openai.resources.realtime.realtime import AsyncRealtimeConnection
from openai.types.realtime import RealtimeServerEvent
from pydantic import TypeAdapter
from tests.live import Live, frames, spoken
from tests.patience import PATIENCE_S

ORACLE: TypeAdapter[Any] = TypeAdapter(RealtimeServerEvent)


class Caller:
    """A connection that keeps, and checks against the SDK's types, every event it receives."""

    def __init__(self, connection: AsyncRealtimeConnection) -> None:
        self.connection = connection
        self.events: list[Any] = []

    async def until(self, wanted: str | Callable[[Any], bool]) -> Any:
        """The next event of a type, or that fits."""
        while True:
            raw = await asyncio.wait_for(self.connection.recv_bytes(), PATIENCE_S)
            event = ORACLE.validate_json(raw)
            self.events.append(event)
            if event.type == wanted if isinstance(wanted, str) else wanted(event):
                return event

    @property
    def types(self) -> list[str]:
        """What came, in order."""
        return [event.type for event in self.events]

    @property
    def audio(self) -> bytes:
        """What was heard."""
        deltas = [event.delta for event in self.events if event.type == "response.output_audio.delta"]
        return b"".join(map(base64.b64decode, deltas))

    async def write(self, text: str) -> None:
        """A message that wants an answer."""
        await self.connection.conversation.item.create(
            item={"type": "message", "role": "user", "content": [{"type": "input_text", "text": text}]}
        )
        await self.connection.response.create()

    async def say(self, ms: int = 600) -> None:
        """Stream a spoken turn of so much sound, faster than real time."""
        for frame in frames(spoken(ms)):
            await self.connection.input_audio_buffer.append(audio=frame)


@asynccontextmanager
async def call(server: Live, **session: object) -> AsyncIterator[Caller]:
    """A connection whose session is set up."""
    client = AsyncOpenAI(base_url=server.http, api_key="any")
    async with client, client.realtime.connect(model="gpt-realtime") as connection:
        caller = Caller(connection)
        assert (await caller.until("session.created")).session.model == "gpt-realtime"
        if session:
            await connection.session.update(session={"type": "realtime", **session})  # type: ignore[arg-type]
            await caller.until("session.updated")
        yield caller
