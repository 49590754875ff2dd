"""The counters of a real server, read from its `/metrics`."""

from __future__ import annotations

import asyncio

import pytest
from tests.live import live
from tests.patience import PATIENCE_S, until

from vivavoce.bench.counters import NoCounters, Stopping, counters
from vivavoce.engines.instant import InstantLlm


class Ahead(InstantLlm):
    """Always reading ahead, and answering when `answers` says so."""

    answers = 0

    @property
    def running(self) -> int:
        """Both."""
        return 1 + self.answers

    @property
    def answering(self) -> int:
        """Not the reading ahead."""
        return self.answers


def test_reading_ahead_is_not_answering() -> None:
    async def scenario() -> None:
        llm = Ahead()
        async with live(llm=llm) as server, counters(server.ws) as seen:
            assert await seen.busy() == {"llm": 0, "tts": 0}
            llm.answers = 2
            assert await seen.busy() == {"llm": 2, "tts": 0}
            found = await seen.read()
            assert found['vivavoce_engine_running{engine="instant",role="llm"}'] == 3
            assert found["vivavoce_tasks"] > 1

    asyncio.run(scenario())


def test_only_a_look_after_the_cut_tells_that_an_engine_has_stopped() -> None:
    async def scenario() -> None:
        llm = Ahead()
        llm.answers = 1
        async with live(llm=llm) as server, counters(server.ws) as seen:
            stopping = Stopping(seen)
            watching = asyncio.create_task(stopping.run())
            await until(lambda: bool(stopping.busy))
            assert stopping.busy == {"llm": 1, "tts": 0}
            assert stopping.after == {}  # the voice is idle, but that was before
            stopping.cut(asyncio.get_running_loop().time())
            await until(lambda: "tts" in stopping.after)
            assert "llm" not in stopping.after
            llm.answers = 0
            await asyncio.wait_for(watching, PATIENCE_S)
            assert 0 <= stopping.after["tts"] < stopping.after["llm"]

    asyncio.run(scenario())


def test_a_server_without_counters() -> None:
    async def scenario() -> None:
        async with counters("ws://127.0.0.1:9") as seen:
            with pytest.raises(NoCounters, match="does not answer"):
                await seen.busy()

    asyncio.run(scenario())
