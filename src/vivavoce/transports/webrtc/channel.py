"""The data channel `oai-events` as the runtime's `Connection`: one JSON text for each message (PROTOCOL.md 7)."""

from __future__ import annotations

import asyncio
import logging
from collections import deque

import msgspec
from aiortc import RTCDataChannel

from vivavoce.core.session import error_event
from vivavoce.protocol.codec import encode
from vivavoce.protocol.errors import ProtocolError
from vivavoce.runtime.ids import RandomIds

LABEL = "oai-events"
HIGH_WATER_BYTES = 64 * 1024
"""What may wait to be sent inside the channel; beyond it `send` waits, and with it whoever makes more."""
MOST_WAITING_BYTES = 8 * 1024 * 1024
"""Of messages that the session has not taken yet. Who sends more than that, faster than it is answered, is cut off."""
_MESSAGE_BYTES = 64
"""What a message costs besides its text, so that empty ones count too."""

_log = logging.getLogger(__name__)


class _Kind(msgspec.Struct):
    type: str


class Channel:
    """One call's events. Before the channel is open nothing is lost: what is sent waits for it.

    `most_bytes` is how long a message the peer takes may be, 0: of any length. One event cannot be sent in two
    messages, so a longer one is refused with an `error` event in its place.
    """

    def __init__(self, most_bytes: int) -> None:
        self._most_bytes = most_bytes
        self._channel: RTCDataChannel | None = None
        self._open = asyncio.Event()
        """Also when it never will be: the call is over."""
        self._room = asyncio.Event()
        self._room.set()
        self._early: list[str] = []
        self._early_bytes = 0
        """Of what was sent before the channel was open."""
        self._arrived: deque[str | bytes] = deque()
        self._waiting = 0
        self._something = asyncio.Event()
        self._lost = False

    def offered(self, channel: RTCDataChannel) -> None:
        """The peer has opened a channel. Those with other names are closed, and so is a second one."""
        if channel.label != LABEL or self._channel is not None or self._lost:
            channel.close()
            return
        self._channel = channel
        channel.bufferedAmountLowThreshold = HIGH_WATER_BYTES
        channel.on("message", self._message)
        channel.on("bufferedamountlow", self._room.set)
        channel.on("close", self.lost)
        for frame in self._early:
            channel.send(frame)
        self._early.clear()
        self._open.set()

    async def opened(self) -> None:
        """The channel is open, or will never be."""
        await self._open.wait()

    def lost(self) -> None:
        """There is nobody there any more."""
        self._lost = True
        self._arrived.clear()
        for each in (self._open, self._room, self._something):
            each.set()

    # --- a connection ---

    async def receive(self) -> str | bytes | None:
        """The next message; None when the client is gone."""
        while not self._arrived:
            if self._lost:
                return None
            self._something.clear()
            await self._something.wait()
        message = self._arrived.popleft()
        self._waiting -= len(message) + _MESSAGE_BYTES
        return message

    async def send(self, frame: str) -> None:
        """Send; returns once there is room for the next one."""
        size = len(frame.encode())
        if self._most_bytes and size > self._most_bytes:
            frame = self._too_long(frame, size)
        if not self._open.is_set():
            self._early.append(frame)
            self._early_bytes += size
            if self._early_bytes > HIGH_WATER_BYTES:
                await self._open.wait()
        elif self._channel is not None and self._channel.readyState == "open":
            self._channel.send(frame)
            if self._channel.bufferedAmount > HIGH_WATER_BYTES:
                self._room.clear()
                await self._room.wait()

    async def close(self, code: int, reason: str) -> None:
        """Close once everything is sent; a data channel has no way to say why."""
        if self._channel is not None and not self._lost:
            gone = asyncio.Event()
            self._channel.on("close", gone.set)
            self._channel.close()
            await gone.wait()

    def _message(self, message: str | bytes) -> None:
        if self._lost:
            return
        self._arrived.append(message)
        self._waiting += len(message) + _MESSAGE_BYTES
        self._something.set()
        if self._waiting > MOST_WAITING_BYTES:
            _log.warning("a call is ended: more than %d bytes wait on its data channel", MOST_WAITING_BYTES)
            self.lost()

    def _too_long(self, frame: str, size: int) -> str:
        kind = msgspec.json.decode(frame, type=_Kind).type
        message = (
            f"The event '{kind}' is {size} bytes long, and this data channel takes messages of at most "
            f"{self._most_bytes} bytes. A WebSocket that joins with the call's id can get it."
        )
        event = error_event(ProtocolError("event_too_large", message), None)
        return encode(msgspec.structs.replace(event, event_id=RandomIds()("event")))
