"""Virtual time for asyncio: a scenario of seconds runs in milliseconds, and a hang raises at once.

Theory of operation. An event loop asks its selector one question: wait this long, or until something happens.
Here the answer comes at once when nothing outside of the loop could make anything happen: the clock jumps to
the next timer. No timer either means that the loop would wait for ever, so `Stalled` is raised instead, with
what every task waits for.

While something outside is at work (a socket is watched, a call runs in an executor, somebody started a
thread), time passes at its real pace, for nobody can know what the outside will do. Slower, never wrong: and
so a machine that stands still for seconds, while it does other things, is not seen.
"""

from __future__ import annotations

import asyncio
import selectors
import threading
import time
from collections.abc import Callable, Coroutine, Iterator, Mapping
from concurrent.futures import Executor
from types import FrameType
from typing import TYPE_CHECKING, TypeVar, TypeVarTuple, Unpack
from weakref import WeakSet

if TYPE_CHECKING:
    from _typeshed import FileDescriptorLike

T = TypeVar("T")
Ts = TypeVarTuple("Ts")

START = 1000.0
"""Seconds at which the clock begins. Not 0, which would hide code that takes a time for a truth value."""
LIMIT_S = 3600.0
"""Virtual seconds after which a scenario counts as hung: periodic timers keep a hung one from stalling."""
PATIENCE_S = 60.0
"""Real seconds for which the outside may stay silent while no timer is set."""

_SELF_PIPE = 1  # The loop watches one socket of its own, which wakes it from other threads.


class Stalled(Exception):
    """Nothing can ever happen again: nothing is ready, no timer is set, and nothing outside is at work."""


def run_virtual(main: Coroutine[object, object, T], *, limit: float = LIMIT_S) -> T:
    """Run `main` on a `VirtualLoop` and return its result. Raises `Stalled` when it hangs.

    Tasks that are left are cancelled, as `asyncio.run` does.
    """
    with asyncio.Runner(loop_factory=lambda: VirtualLoop(limit)) as runner:
        return runner.run(main)


class VirtualLoop(asyncio.SelectorEventLoop):
    """An event loop whose `time()` jumps to the next timer when nothing is ready.

    `limit` is in virtual seconds from the start of the clock.
    """

    def __init__(self, limit: float = LIMIT_S) -> None:
        self._now = START
        self._end = START + limit
        self._calls = 0  # calls to executors whose result has not come back to the loop
        self._idle: WeakSet[threading.Thread] = WeakSet()  # workers of executors, between two calls
        self._known = frozenset(threading.enumerate())  # threads that were there before, and are not ours
        self._waiter = _Waiter(self)
        super().__init__(self._waiter)

    def time(self) -> float:
        """Virtual seconds."""
        return self._now

    def run_in_executor(
        self, executor: Executor | None, func: Callable[[Unpack[Ts]], T], *args: *Ts
    ) -> asyncio.Future[T]:
        """As in asyncio; until the result is back, time passes at its real pace."""
        self._calls += 1
        future = super().run_in_executor(executor, self._marked(func), *args)
        future.add_done_callback(self._returned)
        return future

    def _marked(self, func: Callable[[Unpack[Ts]], T]) -> Callable[[Unpack[Ts]], T]:
        def call(*args: *Ts) -> T:
            worker = threading.current_thread()
            self._idle.discard(worker)
            try:
                return func(*args)
            finally:
                self._idle.add(worker)

        return call

    def _returned(self, future: asyncio.Future[T]) -> None:
        self._calls -= 1

    def outside(self) -> bool:
        """Something outside of the loop is at work: an executor's call, a thread or a socket."""
        if self._calls or len(self._waiter.get_map()) > _SELF_PIPE:
            return True
        idle = set(self._idle)
        return any(t not in self._known and t not in idle for t in threading.enumerate())

    def advance(self, seconds: float) -> None:
        """Let `seconds` pass. Raises `Stalled` beyond the limit."""
        self._now += seconds
        if self._now > self._end:
            raise Stalled(f"still running after {self._end - START:g} virtual seconds:\n{self.pending()}")

    def stall(self, why: str) -> Stalled:
        """The error for a loop that waits for ever."""
        return Stalled(f"{why}; these tasks wait for ever:\n{self.pending()}")

    def pending(self) -> str:
        """The tasks that are not done, one a line, with where each of them waits."""
        tasks = sorted(asyncio.all_tasks(self), key=lambda task: task.get_name())
        return "\n".join(f"  {task.get_name()}: {_where(task)}" for task in tasks) or "  (none)"


class _Waiter(selectors.BaseSelector):
    """The selector of a `VirtualLoop`: where an event loop waits, and so where time is made."""

    def __init__(self, loop: VirtualLoop) -> None:
        self._loop = loop
        self._real = selectors.DefaultSelector()

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        # Asked before the poll: work that ends in between wrote to the loop's pipe, and the poll sees it.
        outside = self._loop.outside()
        events = self._real.select(0)
        if events or (timeout is not None and timeout <= 0):
            return events
        if outside:
            return self._wait(timeout)
        if timeout is None:
            raise self._loop.stall("nothing is ready and no timer is set")
        self._loop.advance(timeout)
        return []

    def _wait(self, timeout: float | None) -> list[tuple[selectors.SelectorKey, int]]:
        began = time.monotonic()
        patience = PATIENCE_S if timeout is None else timeout
        events = self._real.select(patience)
        # What is beyond that, the machine stood still or did other things: no time passes for that.
        self._loop.advance(min(time.monotonic() - began, patience))
        if not events and timeout is None:
            raise self._loop.stall(f"no timer is set, sockets and threads were silent for {PATIENCE_S:g} s")
        return events

    def register(self, fileobj: FileDescriptorLike, events: int, data: object = None) -> selectors.SelectorKey:
        return self._real.register(fileobj, events, data)

    def unregister(self, fileobj: FileDescriptorLike) -> selectors.SelectorKey:
        return self._real.unregister(fileobj)

    def modify(self, fileobj: FileDescriptorLike, events: int, data: object = None) -> selectors.SelectorKey:
        return self._real.modify(fileobj, events, data)

    def close(self) -> None:
        self._real.close()

    def get_map(self) -> Mapping[FileDescriptorLike, selectors.SelectorKey]:
        return self._real.get_map()


def _where(task: asyncio.Task[object]) -> str:
    """The functions that a task is in, innermost first, with file and line."""
    places = [f"{frame.f_code.co_qualname} ({_place(frame)})" for frame in _frames(task.get_coro())]
    return " < ".join(reversed(places)) or repr(task)


def _frames(awaited: object) -> Iterator[FrameType]:
    """Down the chain of awaits, as far as Python shows it: a generator's `asend` hides what is below."""
    while awaited is not None:
        frame = getattr(awaited, "cr_frame", None) or getattr(awaited, "gi_frame", None)
        if not isinstance(frame, FrameType):
            return
        yield frame
        awaited = getattr(awaited, "cr_await", None) or getattr(awaited, "gi_yieldfrom", None)


def _place(frame: FrameType) -> str:
    return "/".join(frame.f_code.co_filename.rsplit("/", 2)[-2:]) + f":{frame.f_lineno}"
