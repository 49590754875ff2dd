"""How a session ends: its time is up, the server stops, or we have a bug."""

from __future__ import annotations

import asyncio
import logging

import pytest
from tests.runtime.hosting import CAN, SETTINGS, Hosted, engines, hosted, session

from vivavoce.core import effects as fx
from vivavoce.core.ids import CountingIds
from vivavoce.core.session import Session
from vivavoce.protocol.client import ResponseCreate
from vivavoce.runtime.outbox import PATIENCE_S
from vivavoce.runtime.registry import Registry
from vivavoce.testing.clock import run_virtual
from vivavoce.testing.fakes import STALL, ScriptedResponder


class Buggy(Session):
    """A core with a bug that is met at `response.create` and at ticks."""

    def handle(self, event: fx.Input, now: float) -> list[fx.Output]:
        if isinstance(event, ResponseCreate | fx.Tick):
            raise KeyError("a bug")
        return super().handle(event, now)


def buggy(expires_in: float | None = None) -> Session:
    return Buggy(SETTINGS, CAN, CountingIds(), asyncio.get_running_loop().time(), expires_in)


def test_a_session_whose_time_is_up_gets_an_error_and_a_normal_close() -> None:
    async def main() -> None:
        async with hosted(engines(responder=ScriptedResponder([STALL])), session(expires_in=60.0)) as live:
            began = asyncio.get_running_loop().time()
            await asyncio.sleep(50.0)
            live.client.say("response.create")
            error = await live.client.expect("error")
            assert error["error"]["code"] == "session_expired"
            await live.task
            assert live.client.closed == (1000, "session_expired")
            assert asyncio.get_running_loop().time() == began + 60.0

    run_virtual(main())


def test_a_bug_closes_its_session_with_1011_and_no_other(caplog: pytest.LogCaptureFixture) -> None:
    async def main() -> None:
        both = engines()
        async with hosted(both, buggy()) as ours, hosted(both) as other:
            ours.client.say("response.create")
            await ours.task
            assert ours.client.closed == (1011, "internal error")
            other.client.say("session.update", session={"type": "realtime"})
            await other.client.expect("session.updated")

    with caplog.at_level(logging.ERROR):
        run_virtual(main())
    assert "session sess_1 failed" in caplog.text


def test_a_bug_at_a_tick_closes_the_session_too() -> None:
    async def main() -> None:
        async with hosted(engines(), buggy(expires_in=60.0)) as live:
            await live.task
            assert live.client.closed == (1011, "internal error")

    run_virtual(main())


class TestAServerThatStops:
    def test_closes_every_session_so_that_clients_come_back(self) -> None:
        async def main() -> None:
            registry = Registry()
            async with hosted(engines()) as one, hosted(engines()) as two:
                ends = [asyncio.create_task(registered(registry, each, str(n))) for n, each in enumerate((one, two))]
                await asyncio.sleep(0)
                assert len(registry) == 2
                await registry.drain(5.0)
                assert (len(registry), registry.full) == (0, True)
                assert one.client.closed == two.client.closed == (1012, "server is shutting down")
                await asyncio.gather(*ends)

        run_virtual(main())

    def test_does_not_wait_for_ever_for_a_client_that_does_not_read(self) -> None:
        async def main() -> None:
            registry = Registry()
            async with hosted(engines()) as stuck:
                stuck.client.stop_reading()
                stuck.client.say("session.update", session={"type": "realtime"})
                end = asyncio.create_task(registered(registry, stuck, "stuck"))
                await asyncio.sleep(0.1)
                began = asyncio.get_running_loop().time()
                await registry.drain(1.0)
                assert asyncio.get_running_loop().time() == began + 1.0
                assert len(registry) == 1
                await end
                assert asyncio.get_running_loop().time() == began + PATIENCE_S

        run_virtual(main())

    def test_is_full_at_its_limit(self) -> None:
        async def main() -> None:
            registry = Registry(limit=1)
            assert not registry.full
            async with hosted(engines()) as live:
                with registry.entered("one", live.runner):
                    full = registry.full
                assert (full, registry.full) == (True, False)

        run_virtual(main())


async def registered(registry: Registry, live: Hosted, name: str) -> None:
    with registry.entered(name, live.runner):
        await live.task
