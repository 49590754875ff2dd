"""Virtual time jumps, hangs raise, and the outside world is waited for at its own pace."""

from __future__ import annotations

import asyncio
import contextlib
import threading
import time
from concurrent.futures import ThreadPoolExecutor

import pytest
from tests.patience import PATIENCE_S

from vivavoce.testing.clock import START, Stalled, run_virtual


def test_hours_pass_in_no_time() -> None:
    async def main() -> float:
        await asyncio.sleep(3000)
        return asyncio.get_running_loop().time()

    began = time.perf_counter()
    assert run_virtual(main()) == pytest.approx(START + 3000)
    assert time.perf_counter() - began < PATIENCE_S


def test_timers_fire_in_order_and_at_their_time() -> None:
    seen: list[tuple[str, float]] = []

    async def tick(name: str, every: float, times: int) -> None:
        for _ in range(times):
            await asyncio.sleep(every)
            seen.append((name, asyncio.get_running_loop().time() - START))

    async def main() -> None:
        await asyncio.gather(tick("a", 0.3, 3), tick("b", 0.5, 2))

    run_virtual(main())
    assert [name for name, _ in seen] == ["a", "b", "a", "a", "b"]
    assert [at for _, at in seen] == pytest.approx([0.3, 0.5, 0.6, 0.9, 1.0])


def test_a_timeout_expires_at_once() -> None:
    async def main() -> None:
        async with asyncio.timeout(60):
            await asyncio.Event().wait()

    with pytest.raises(TimeoutError):
        run_virtual(main())


def test_a_hang_names_the_tasks_that_wait() -> None:
    async def lost() -> None:
        await asyncio.Event().wait()

    async def main() -> None:
        task = asyncio.create_task(lost(), name="the-lost-one")
        await task

    with pytest.raises(Stalled, match=r"the-lost-one: .*lost \(testing/test_clock.py:\d+\)"):
        run_virtual(main())


def test_tasks_of_a_stalled_scenario_are_cancelled() -> None:
    cancelled: list[bool] = []

    async def main() -> None:
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            cancelled.append(True)
            raise

    with pytest.raises(Stalled):
        run_virtual(main())
    assert cancelled == [True]


def test_a_hang_beside_a_periodic_timer_meets_the_limit() -> None:
    async def heartbeat() -> None:
        while True:  # noqa: ASYNC110 - a timer that always comes again is the subject
            await asyncio.sleep(1)

    async def main() -> None:
        beat = asyncio.create_task(heartbeat())
        await asyncio.Event().wait()
        beat.cancel()

    with pytest.raises(Stalled, match="still running after 100 virtual seconds"):
        run_virtual(main(), limit=100)


def test_a_busy_thread_is_not_overtaken_by_a_timer() -> None:
    def work() -> str:
        time.sleep(0.05)
        return "done"

    async def main() -> str:
        async with asyncio.timeout(PATIENCE_S):
            return await asyncio.to_thread(work)

    assert run_virtual(main()) == "done"


def test_an_idle_executor_does_not_slow_the_clock() -> None:
    async def main() -> None:
        with ThreadPoolExecutor(1) as pool:
            await asyncio.get_running_loop().run_in_executor(pool, time.sleep, 0.01)
            await asyncio.to_thread(time.sleep, 0.01)
            await asyncio.sleep(600)

    began = time.perf_counter()
    run_virtual(main())
    assert time.perf_counter() - began < PATIENCE_S


def test_a_cancelled_call_that_still_runs_is_the_outside() -> None:
    release = threading.Event()

    async def main() -> float:
        call = asyncio.ensure_future(asyncio.to_thread(release.wait))
        await asyncio.sleep(0.01)
        call.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await call
        began = time.perf_counter()
        await asyncio.sleep(0.05)
        release.set()
        return time.perf_counter() - began

    assert run_virtual(main()) > 0.04  # at the real pace


def test_a_timer_that_rings_late_rings_in_time() -> None:
    """However long the machine stands still, or does other things, no more time passes than was waited for."""
    release = threading.Event()

    async def main() -> float:
        call = asyncio.ensure_future(asyncio.to_thread(release.wait))
        await asyncio.sleep(0.05)
        passed = asyncio.get_running_loop().time() - START
        release.set()
        assert await call
        return passed

    assert run_virtual(main()) == pytest.approx(0.05, abs=1e-4)


def test_a_thread_that_calls_back_is_waited_for() -> None:
    async def main() -> str:
        loop = asyncio.get_running_loop()
        answer: asyncio.Future[str] = loop.create_future()

        def work() -> None:
            time.sleep(0.03)
            loop.call_soon_threadsafe(answer.set_result, "done")

        threading.Thread(target=work).start()
        return await answer

    assert run_virtual(main()) == "done"


def test_sockets_work() -> None:
    async def echo(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(await reader.readline())
        await writer.drain()
        writer.close()

    async def main() -> bytes:
        server = await asyncio.start_server(echo, "127.0.0.1", 0)
        async with server:
            reader, writer = await asyncio.open_connection(*server.sockets[0].getsockname()[:2])
            writer.write(b"hello\n")
            line = await reader.readline()
            writer.close()
        return line

    assert run_virtual(main()) == b"hello\n"


def test_errors_and_results_pass_through() -> None:
    async def main() -> None:
        raise KeyError("mine")

    with pytest.raises(KeyError, match="mine"):
        run_virtual(main())
