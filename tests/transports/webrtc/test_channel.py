"""The data channel as a connection: order, room, what is too long, and what is too much."""

from __future__ import annotations

import asyncio
import json
from typing import cast

import pytest
from aiortc import RTCDataChannel
from pyee.asyncio import AsyncIOEventEmitter

from vivavoce.testing.clock import run_virtual
from vivavoce.transports.webrtc.channel import HIGH_WATER_BYTES, LABEL, MOST_WAITING_BYTES, Channel


class Wire(AsyncIOEventEmitter):
    """A data channel of aiortc's, whose other end takes what it is told to take."""

    def __init__(self, label: str = LABEL) -> None:
        super().__init__()
        self.label = label
        self.readyState = "open"
        self.bufferedAmount = self.bufferedAmountLowThreshold = 0
        self.sent: list[str] = []

    def send(self, frame: str) -> None:
        self.sent.append(frame)
        self.bufferedAmount += len(frame)

    def take(self) -> None:
        """Everything that waits."""
        self.bufferedAmount = 0
        self.emit("bufferedamountlow")

    def close(self) -> None:
        self.readyState = "closing"

    def closed(self) -> None:
        self.readyState = "closed"
        self.emit("close")


def opened(most_bytes: int = 0) -> tuple[Channel, Wire]:
    channel, wire = Channel(most_bytes), Wire()
    channel.offered(cast(RTCDataChannel, wire))
    return channel, wire


def test_what_is_said_before_it_opens_is_not_lost() -> None:
    async def main() -> None:
        channel, wire = Channel(0), Wire()
        long = "x" * HIGH_WATER_BYTES
        await channel.send("first")
        sending = asyncio.create_task(channel.send(long))  # beyond a little, whoever makes more has to wait
        await asyncio.sleep(1)
        assert not sending.done()
        channel.offered(cast(RTCDataChannel, wire))
        await sending
        wire.take()
        await channel.send("last")
        assert wire.sent == ["first", long, "last"]

    run_virtual(main())


def test_a_peer_that_reads_slowly_is_waited_for() -> None:
    async def main() -> None:
        channel, wire = opened()
        assert wire.bufferedAmountLowThreshold == HIGH_WATER_BYTES
        sending = asyncio.create_task(channel.send("x" * (HIGH_WATER_BYTES + 1)))
        await asyncio.sleep(60)
        assert not sending.done()
        wire.take()
        await sending

    run_virtual(main())


def test_messages_arrive_in_their_order() -> None:
    async def main() -> None:
        channel, wire = opened()
        receiving = asyncio.create_task(channel.receive())
        await asyncio.sleep(1)
        wire.emit("message", "one")
        wire.emit("message", b"two")
        assert await receiving == "one"
        assert await channel.receive() == b"two"

    run_virtual(main())


def test_an_event_that_is_too_long_for_the_peer_is_refused_and_nothing_else() -> None:
    async def main() -> None:
        channel, wire = opened(most_bytes=300)
        event = json.dumps({"type": "conversation.item.retrieved", "audio": "é" * 150}, ensure_ascii=False)
        assert len(event) < 300 < len(event.encode())  # bytes count, not characters
        await channel.send(event)
        await channel.send("{}")
        refused, kept = map(json.loads, wire.sent)
        assert refused["type"] == "error"
        assert refused["event_id"].startswith("event_")
        assert refused["error"]["code"] == "event_too_large"
        assert "'conversation.item.retrieved' is " in refused["error"]["message"]
        assert kept == {}

    run_virtual(main())


@pytest.mark.parametrize("message", ["x" * 100_000, ""])
def test_a_flood_ends_the_call(message: str) -> None:
    async def main() -> None:
        channel, wire = opened()
        for _ in range(MOST_WAITING_BYTES // (len(message) + 64)):
            wire.emit("message", message)
        assert await channel.receive() == message
        for _ in range(3):
            wire.emit("message", message)
        assert await channel.receive() is None
        wire.emit("message", message)
        assert await channel.receive() is None

    run_virtual(main())


def test_a_closed_channel_is_a_client_that_is_gone() -> None:
    async def main() -> None:
        channel, wire = opened()
        receiving, sending = asyncio.create_task(channel.receive()), asyncio.create_task(channel.send("x" * 100_000))
        await asyncio.sleep(1)
        wire.closed()
        assert await receiving is None
        await sending
        await channel.send("more")
        await channel.close(1000, "over")
        assert len(wire.sent) == 1

    run_virtual(main())


def test_closing_waits_for_the_peer() -> None:
    async def main() -> None:
        channel, wire = opened()
        closing = asyncio.create_task(channel.close(1000, "over"))
        await asyncio.sleep(1)
        assert wire.readyState == "closing"
        assert not closing.done()
        wire.closed()
        await closing
        assert await channel.receive() is None

    run_virtual(main())


def test_a_call_that_ends_before_there_is_a_channel_waits_for_nothing() -> None:
    async def main() -> None:
        channel, late = Channel(0), Wire()
        sending = asyncio.create_task(channel.send("x" * 100_000))
        await asyncio.sleep(0)
        channel.lost()
        await sending
        await channel.opened()
        await channel.close(1000, "over")
        assert await channel.receive() is None
        channel.offered(cast(RTCDataChannel, late))
        assert late.readyState == "closing"

    run_virtual(main())


def test_only_the_channel_of_events_is_taken_and_only_once() -> None:
    async def main() -> None:
        channel, other, right, again = Channel(0), Wire("chat"), Wire(), Wire()
        for each in (other, right, again):
            channel.offered(cast(RTCDataChannel, each))
        assert [each.readyState for each in (other, right, again)] == ["closing", "open", "closing"]

    run_virtual(main())
