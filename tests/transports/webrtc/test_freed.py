"""A call that is over is freed at once: its encryption, codecs and audio do not wait for a full collection."""

from __future__ import annotations

import asyncio
import gc
import weakref
from contextlib import aclosing

from tests.patience import run
from tests.transports.webrtc.caller import Caller

from vivavoce.transports.webrtc.call import LiveCall
from vivavoce.transports.webrtc.ice import Network
from vivavoce.transports.webrtc.sdp import Offer


class Talking:
    """A session that plays what it hears, until the caller is gone."""

    def __init__(self, call: LiveCall) -> None:
        self._call = call

    async def run(self) -> None:
        """The whole of it."""
        self._call.line.open(self)
        while await self._call.channel.receive() is not None:
            pass

    async def heard(self, pcm: bytes) -> None:
        """Back."""
        self._call.line.play("echo", pcm)

    def playing(self, response_id: str) -> None:
        """It is heard."""

    def played(self, response_id: str) -> None:
        """It never ends."""

    def pressed(self, key: str) -> None:
        """There are no keys."""


async def one_call() -> list[weakref.ref[object]]:
    """From offer to end; what held its weight."""
    async with aclosing(Caller()) as caller:
        call = LiveCall("rtc_1", Offer.parse(await caller.offer()), Network())
        answer = await call.answer()
        running = asyncio.create_task(call.run(Talking(call).run()))
        await call.begun(running)
        await caller.take(answer)
        await caller.until(lambda: bool(caller.heard))
        peer = call._peer
        parts = (call.line, call._stream, peer, peer._dtls, peer._sctp, peer._ice)
        held: list[weakref.ref[object]] = [weakref.ref(each) for each in parts]
    await running
    return held


def test_a_call_that_is_over_is_freed_at_once() -> None:
    async def scenario() -> None:
        gc.disable()
        try:
            held = await one_call()
            await asyncio.sleep(0)  # a task that has ended is let go in the loop's next round
            assert [type(each()).__name__ for each in held if each() is not None] == []
        finally:
            gc.enable()

    run(scenario)
