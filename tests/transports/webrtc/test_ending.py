"""How calls end: by either side, by neither, and with the server; nothing of them is left."""

from __future__ import annotations

import asyncio
import gc
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import httpx
import pytest
from tests.live import live
from tests.patience import PATIENCE_S, run
from tests.transports.calling import emptied, post
from tests.transports.webrtc.caller import SDP, Caller, calling
from tests.transports.webrtc.offers import GOOD

from vivavoce.transports.webrtc.call import LiveCall
from vivavoce.transports.webrtc.ice import Ice, Network
from vivavoce.transports.webrtc.sdp import Offer

GONE_S = 3.0
"""Longer than a machine stands still."""


async def closed(caller: Caller) -> None:
    """The caller has noticed that it is over."""
    await caller.until(lambda: caller.channel.readyState == "closed" and caller.peer.connectionState == "closed")


class Quiet:
    """A session that says nothing, and is told what happens on the line."""

    async def heard(self, pcm: bytes) -> None:
        """Nobody listens."""

    def playing(self, response_id: str) -> None:
        """Nothing is played."""

    def played(self, response_id: str) -> None:
        """Nothing is played."""

    def pressed(self, key: str) -> None:
        """There are no keys."""

    async def run(self, call: LiveCall) -> None:
        """Until the caller is gone."""
        call.line.open(self)
        while await call.channel.receive() is not None:
            pass


@asynccontextmanager
async def between(
    caller: Caller, network: Network, open_s: float = 15.0, session: Quiet | None = None
) -> AsyncIterator[asyncio.Task[None]]:
    """A call without a server; gives what runs it."""
    call = LiveCall("rtc_1", Offer.parse(await caller.offer()), network, open_s)
    answer = await call.answer()
    running = asyncio.create_task(call.run((session or Quiet()).run(call)))
    await call.begun(running)
    await caller.take(answer)
    try:
        yield running
    finally:
        await caller.aclose()
        await running


def test_the_caller_hangs_up() -> None:
    async def scenario() -> None:
        async with live() as server:
            async with calling(server.http) as caller:
                await caller.event("session.created")
                assert server.server.sessions == 1
            await emptied(server)

    run(scenario)


def test_the_caller_closes_its_channel() -> None:
    async def scenario() -> None:
        async with live() as server, calling(server.http) as caller:
            caller.channel.close()
            await emptied(server)

    run(scenario)


def test_somebody_hangs_up_over_http() -> None:
    async def scenario() -> None:
        async with live() as server, calling(server.http) as caller:
            await caller.event("session.created")
            path = f"/realtime/calls/{caller.call_id}/hangup"
            assert (await post(server, path)).status_code == 200
            await closed(caller)
            await emptied(server)
            assert (await post(server, path)).status_code == 404

    run(scenario)


def test_the_server_stops() -> None:
    async def scenario() -> None:
        caller = Caller()
        async with live() as server, httpx.AsyncClient(verify=False, timeout=PATIENCE_S) as client:
            offer = await caller.offer()
            await caller.answered(await client.post(f"{server.http}/realtime/calls", content=offer, headers=SDP))
            await caller.event("session.created")
        await closed(caller)
        await caller.aclose()

    run(scenario)


def test_a_caller_that_is_gone_without_a_word_is_noticed() -> None:
    async def scenario() -> None:
        caller = Caller()
        async with between(caller, Network(gone_s=GONE_S)) as running:
            await caller.until(lambda: caller.channel.readyState == "open")
            await asyncio.wait({running}, timeout=GONE_S + 1)
            assert not running.done()  # its silence is sound too
            caller.vanish()
            async with asyncio.timeout(PATIENCE_S):
                await running

    run(scenario)


def test_a_caller_without_a_microphone_is_there_as_long_as_it_answers() -> None:
    async def scenario() -> None:
        caller = Caller(microphone=False)
        async with between(caller, Network(gone_s=GONE_S)) as running:
            await caller.until(lambda: caller.channel.readyState == "open")
            await asyncio.wait({running}, timeout=GONE_S + 1)
            assert not running.done()

    run(scenario)


def test_a_channel_that_never_opens_ends_the_call() -> None:
    async def scenario() -> None:
        caller = Caller(label="chat")
        async with between(caller, Network(), open_s=0.5) as running:
            async with asyncio.timeout(PATIENCE_S):
                await running
            assert caller.channel.readyState == "closed"

    run(scenario)


def test_nobody_who_comes_ends_the_call_too() -> None:
    async def scenario() -> None:
        call = LiveCall("rtc_1", Offer.parse(GOOD), Network(), open_s=0.2)
        await call.answer()
        async with asyncio.timeout(PATIENCE_S):
            await call.run(Quiet().run(call))

    run(scenario)


def test_a_caller_with_another_certificate_than_it_offered_is_not_talked_to() -> None:
    async def scenario() -> None:
        caller = Caller()
        offer = re.sub("(?m)^(a=fingerprint:sha-256) ..", r"\1 00", await caller.offer())
        call = LiveCall("rtc_1", Offer.parse(offer), Network())
        await caller.take(await call.answer())
        async with asyncio.timeout(PATIENCE_S):
            await call.run(Quiet().run(call))
        await caller.aclose()

    run(scenario)


def test_a_bug_on_the_line_ends_that_call_and_is_told(caplog: pytest.LogCaptureFixture) -> None:
    class Broken(Quiet):
        async def heard(self, pcm: bytes) -> None:
            raise RuntimeError("out of order")

    async def scenario() -> None:
        caller = Caller()
        async with between(caller, Network(), session=Broken()) as running:
            async with asyncio.timeout(PATIENCE_S):
                await running
            await closed(caller)

    run(scenario)
    [record] = [each for each in caplog.records if each.name.startswith("vivavoce")]
    assert record.getMessage() == "call rtc_1 failed"
    assert record.exc_info is not None


def test_a_session_that_cannot_begin_is_a_bug_that_is_told() -> None:
    async def scenario() -> None:
        async def broken() -> None:
            raise RuntimeError("out of order")

        call = LiveCall("rtc_1", Offer.parse(GOOD), Network())
        await call.answer()
        running = asyncio.create_task(call.run(broken()))
        with pytest.raises(RuntimeError, match="out of order"):
            await call.begun(running)

    run(scenario)


def test_a_hundred_calls_that_are_dropped_leave_nothing_behind() -> None:
    async def scenario() -> None:
        async with live() as server, httpx.AsyncClient(verify=False, timeout=PATIENCE_S) as client:
            before = asyncio.all_tasks()

            async def dropped() -> None:
                response = await client.post(f"{server.http}/realtime/calls", content=GOOD, headers=SDP)
                path = response.headers["Location"].removeprefix("/v1")
                await client.post(f"{server.http}{path}/hangup")

            for _ in range(20):
                await asyncio.gather(*(dropped() for _ in range(5)))
            await emptied(server)
            async with asyncio.timeout(PATIENCE_S):
                while left := {task for task in asyncio.all_tasks() - before if "webrtc" in repr(task)}:
                    await asyncio.wait(left)
            gc.collect()
            assert not [each for each in gc.get_objects() if type(each) in (LiveCall, Ice)]

    run(scenario)
