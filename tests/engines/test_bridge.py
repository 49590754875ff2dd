"""The bridge between blocking code and the event loop: bounded, fair, cancellable, counted."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import AsyncGenerator, Callable
from contextlib import aclosing

import pytest
from tests.patience import run, until

from vivavoce.engines.bridge import AHEAD, Worker
from vivavoce.ports import EngineError


def test_run_gives_the_result_and_the_exception() -> None:
    async def scenario() -> None:
        worker = Worker("w", 1)
        assert await worker.run(divmod, 7, 2) == (3, 1)
        with pytest.raises(ZeroDivisionError):
            await worker.run(divmod, 7, 0)
        assert worker.running == 0
        await worker.aclose()

    run(scenario)


def test_run_uses_a_thread_of_its_own_name() -> None:
    async def scenario() -> None:
        worker = Worker("speech", 1)
        assert (await worker.run(threading.current_thread)).name.startswith("speech")
        await worker.aclose()

    run(scenario)


def test_cancelled_run_returns_at_once_and_stays_counted() -> None:
    async def scenario() -> None:
        worker, release = Worker("w", 1), threading.Event()
        task = asyncio.create_task(worker.run(release.wait))
        await until(lambda: worker.running == 1)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert worker.running == 1
        release.set()
        await until(lambda: worker.running == 0)
        await worker.aclose()

    run(scenario)


def test_waiting_calls_get_a_thread_in_order_and_cancelled_ones_never_run() -> None:
    async def scenario() -> None:
        worker, release, ran = Worker("w", 1), threading.Event(), list[int]()
        first = asyncio.create_task(worker.run(release.wait))
        waiting = [asyncio.create_task(worker.run(ran.append, n)) for n in range(5)]
        await until(lambda: worker.running == 1)
        waiting[1].cancel()
        waiting[3].cancel()
        await asyncio.sleep(0)
        release.set()
        await asyncio.gather(first, *waiting, return_exceptions=True)
        assert ran == [0, 2, 4]
        assert worker.running == 0
        await worker.aclose()

    run(scenario)


def test_no_more_threads_than_agreed() -> None:
    async def scenario() -> None:
        worker, most = Worker("w", 2), 0

        def call() -> None:
            nonlocal most
            most = max(most, worker.running)
            time.sleep(0.01)

        await asyncio.gather(*(worker.run(call) for _ in range(6)))
        assert most == 2
        await worker.aclose()

    run(scenario)


def test_stream_yields_in_order_then_ends() -> None:
    async def scenario() -> None:
        worker = Worker("w", 1)

        def produce(emit: Callable[[int], bool]) -> None:
            for n in range(100):
                assert emit(n)

        assert [n async for n in worker.stream(produce)] == list(range(100))
        assert worker.running == 0
        await worker.aclose()

    run(scenario)


def test_stream_raises_after_what_came_before() -> None:
    async def scenario() -> None:
        worker, got = Worker("w", 1), list[int]()

        def produce(emit: Callable[[int], bool]) -> None:
            emit(1)
            raise OSError("broken")

        async def consume() -> None:
            async for n in worker.stream(produce):
                got.append(n)

        with pytest.raises(OSError, match="broken"):
            await consume()
        assert got == [1]
        await worker.aclose()

    run(scenario)


@pytest.mark.parametrize("ahead", [1, AHEAD])
def test_stream_holds_the_thread_when_the_consumer_is_slow(ahead: int) -> None:
    async def scenario() -> None:
        worker, emitted = Worker("w", 1), list[int]()

        def produce(emit: Callable[[int], bool]) -> None:
            for n in range(50):
                if not emit(n):
                    return
                emitted.append(n)

        async with aclosing(worker.stream(produce, ahead)) as stream:
            assert await anext(stream) == 0
            await asyncio.sleep(0.05)
            assert len(emitted) <= ahead + 1
        await until(lambda: worker.running == 0)
        assert len(emitted) <= ahead + 1
        await worker.aclose()

    run(scenario)


def test_closing_a_stream_stops_the_thread_at_its_next_piece() -> None:
    async def scenario() -> None:
        worker, answers = Worker("w", 1), list[bool]()
        closed = threading.Event()

        def produce(emit: Callable[[int], bool]) -> None:
            emit(1)
            closed.wait()
            answers.append(emit(2))

        stream = worker.stream(produce)
        assert await anext(stream) == 1
        await stream.aclose()
        assert worker.running == 1
        closed.set()
        await until(lambda: worker.running == 0)
        assert answers == [False]
        await worker.aclose()

    run(scenario)


def test_cancelling_the_consumer_closes_the_stream() -> None:
    async def scenario() -> None:
        worker = Worker("w", 1)

        def produce(emit: Callable[[int], bool]) -> None:
            while emit(0):
                time.sleep(0.001)

        async def consume() -> None:
            async with aclosing(worker.stream(produce)) as stream:
                async for _ in stream:
                    pass

        task = asyncio.create_task(consume())
        await until(lambda: worker.running == 1)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        await until(lambda: worker.running == 0)
        await worker.aclose()

    run(scenario)


def test_a_stream_that_waits_for_a_thread_and_is_cancelled_never_runs() -> None:
    async def scenario() -> None:
        worker, release, ran = Worker("w", 1), threading.Event(), list[int]()
        first = asyncio.create_task(worker.run(release.wait))
        await until(lambda: worker.running == 1)

        async def first_piece(stream: AsyncGenerator[int, None]) -> int:
            return await anext(stream)

        stream: AsyncGenerator[int, None] = worker.stream(lambda emit: ran.append(1))
        waiting = asyncio.create_task(first_piece(stream))
        await asyncio.sleep(0.01)
        waiting.cancel()
        with pytest.raises(asyncio.CancelledError):
            await waiting
        release.set()
        await first
        await worker.run(lambda: None)  # the thread has come past where it would have run
        assert ran == []
        await worker.aclose()

    run(scenario)


def test_closing_the_worker_ends_everything() -> None:
    async def scenario() -> None:
        worker, release = Worker("w", 2), threading.Event()

        def produce(emit: Callable[[int], bool]) -> None:
            while emit(0):
                pass

        stream = worker.stream(produce)
        await anext(stream)
        running = asyncio.create_task(worker.run(release.wait))
        await until(lambda: worker.running == 2)
        waiting = asyncio.create_task(worker.run(release.wait))
        await asyncio.sleep(0)
        closing = asyncio.create_task(worker.aclose())
        with pytest.raises(EngineError) as dropped:
            await waiting
        assert dropped.value.code == "engine_unavailable"
        release.set()
        assert await running
        with pytest.raises(EngineError):
            [n async for n in stream]
        await closing
        assert worker.running == 0
        assert not [t for t in threading.enumerate() if t.name.startswith("w_")]
        with pytest.raises(EngineError):
            await worker.run(lambda: None)
        await worker.aclose()

    run(scenario)


def test_one_worker_serves_several_loops_one_after_another() -> None:
    worker = Worker("w", 1)

    async def once() -> None:
        assert await worker.run(lambda: 1) == 1

    run(once)
    run(once)
    run(worker.aclose)
