"""The bridge between blocking engine code and the event loop: a few threads, bounded, cancellable, counted.

An engine owns one `Worker`. `run` is for a call that gives one result, `stream` for a call that hands out
pieces while it works. Native code cannot be killed, so cancelling means two things: the awaiting task goes on
at once, and the thread stops at its next piece (`emit` returns False) or at the end of its call. `running`
tells how many have not stopped yet. Work that has not got a thread when it is cancelled never runs.
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncGenerator, Callable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Final, Generic, ParamSpec, TypeVar

from vivavoce.engines.crew import Crew
from vivavoce.ports import Charged, EngineError, current

AHEAD = 8
"""Pieces that a `stream` may hold which its consumer has not taken; then the thread waits."""

T = TypeVar("T")
P = ParamSpec("P")


class _End:
    """Marks the end of a feed."""


_END: Final = _End()


class _Feed(Generic[T]):
    """The way of pieces from one thread to one consumer on the loop.

    The queue needs no bound of its own: nothing enters it without a credit, which the consumer gives back.
    """

    def __init__(self, ahead: int) -> None:
        self._loop = asyncio.get_running_loop()
        self._credits = threading.Semaphore(ahead)
        self._stopped = threading.Event()
        self._queue: asyncio.Queue[T | _End] = asyncio.Queue()

    def emit(self, item: T) -> bool:
        """From the thread: hand `item` over, waiting while the consumer is behind. False: stop."""
        if not self._stopped.is_set():
            self._credits.acquire()
        if self._stopped.is_set():
            return False
        return self._post(item)

    def end(self, _done: Future[None]) -> None:
        """From the thread: nothing follows."""
        self._post(_END)

    async def take(self) -> T | _End:
        """From the loop: the next piece, or the end."""
        item = await self._queue.get()
        self._credits.release()
        return item

    def stop(self) -> None:
        """From the loop: the consumer is gone. Frees a thread that waits for a credit."""
        self._stopped.set()
        self._credits.release()

    def _post(self, item: T | _End) -> bool:
        try:
            self._loop.call_soon_threadsafe(self._queue.put_nowait, item)
        except RuntimeError:  # the loop was closed under a thread that had not stopped yet
            return False
        return True


class Worker:
    """`threads` threads for the blocking calls of one engine. Calls get a thread in the order they came.

    The CPU time of each call is charged to the session that asked for it. `crew`: that of the engine's other workers,
    where it has several; an engine whose library has threads of its own loads it inside `crew.hiring()`.
    """

    def __init__(self, name: str, threads: int, crew: Crew | None = None) -> None:
        self._name = name
        self.crew = crew or Crew()
        self._pool = ThreadPoolExecutor(threads, thread_name_prefix=name)
        self._lock = threading.Lock()
        self._running = 0
        self._closed = False
        self._stops: set[Callable[[], None]] = set()  # one for each open stream

    @property
    def running(self) -> int:
        """Calls that hold a thread now, abandoned ones included; not those that still wait for one."""
        return self._running

    async def run(self, fn: Callable[P, T], /, *args: P.args, **kwargs: P.kwargs) -> T:
        """The result of `fn(*args, **kwargs)`, computed in a thread.

        Cancelling returns at once: a call that waits for a thread is dropped, one that runs ends there.
        Raises what `fn` raises, and `EngineError` (`engine_unavailable`) when the worker is closed.
        """
        future = self._submit(lambda: fn(*args, **kwargs))
        try:
            return await asyncio.wrap_future(future)
        except asyncio.CancelledError:
            if self._closed and not _cancelling():
                raise self._unavailable() from None  # `aclose` dropped it; nobody cancelled this task
            raise

    async def stream(
        self, produce: Callable[[Callable[[T], bool]], None], ahead: int = AHEAD
    ) -> AsyncGenerator[T, None]:
        """What `produce(emit)`, run in a thread, hands to `emit(item)`, in order.

        `emit` blocks the thread while `ahead` items wait, and returns False once the generator is closed:
        `produce` must then return soon. Closing never waits for it. Raises what `produce` raises, after the
        items before it, and `EngineError` (`engine_unavailable`) when the worker is closed.
        """
        feed: _Feed[T] = _Feed(ahead)
        future = self._submit(lambda: produce(feed.emit))
        self._stops.add(feed.stop)
        future.add_done_callback(feed.end)
        try:
            while not isinstance(item := await feed.take(), _End):
                yield item
            if self._closed and (future.cancelled() or future.exception() is None):
                raise self._unavailable()  # it was cut short, or may have been
            future.result()
        finally:
            feed.stop()
            future.cancel()
            self._stops.discard(feed.stop)

    async def aclose(self) -> None:
        """Stop every stream, drop what waits, and join the threads, however long their native calls take."""
        self._closed = True
        # First what waits: a thread that a stopped stream frees would begin it.
        self._pool.shutdown(wait=False, cancel_futures=True)
        for stop in self._stops:
            stop()
        await asyncio.to_thread(self._pool.shutdown, wait=True)

    def _submit(self, call: Callable[[], T]) -> Future[T]:
        if self._closed:
            raise self._unavailable()
        return self._pool.submit(self._counted, call, current())

    def _counted(self, call: Callable[[], T], whom: Charged | None) -> T:
        with self._lock:
            self._running += 1
        try:
            with self.crew.call(whom):
                return call()
        finally:
            with self._lock:
                self._running -= 1

    def _unavailable(self) -> EngineError:
        return EngineError("engine_unavailable", f"The engine {self._name} is shut down.")


def _cancelling() -> bool:
    """Whether somebody asked the current task to stop."""
    task = asyncio.current_task()
    return task is not None and task.cancelling() > 0
