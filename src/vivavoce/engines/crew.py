"""The CPU time of an engine's native work, and whose it is.

A call's own thread is measured exactly. But llama.cpp and CTranslate2 compute in threads of their own, and so does
onnxruntime where it may use several cores: these are found when the engine loads (`Crew.hiring`) and their clocks are
read whenever a call begins or ends. What they did in between is shared among the calls that ran in between: by the
tokens that each computed, where it tells (`computed`), else in equal parts.

The clock of another thread is Linux's (clock_getcpuclockid(3): the bits that tell whose clock it is). Elsewhere what
such an engine uses is not known, and nothing is charged for it.
"""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from vivavoce.ports import Charged, Work

_TASKS = Path("/proc/self/task")
_THREAD_CPU = 6
"""CPUCLOCK_PERTHREAD_MASK | CPUCLOCK_SCHED of the kernel's posix-timers."""


@dataclass(slots=True, eq=False)
class _Call:
    """One call in flight. `computed`: tokens since the shares were last settled."""

    whom: Charged | None
    computed: int = 0


class Clocks:
    """Of this process and system; a test brings its own."""

    def threads(self) -> set[int] | None:
        """The ids of all threads, as the system knows them; None where they are not to be had."""
        try:
            return {int(name) for name in os.listdir(_TASKS)}
        except OSError:
            return None

    def cpu_ns(self, thread: int) -> int | None:
        """CPU nanoseconds of a thread, user and system; None when it has ended."""
        try:
            return time.clock_gettime_ns(~thread << 3 | _THREAD_CPU)
        except OSError:
            return None

    def own_ns(self) -> int:
        """The same of the thread that asks."""
        return time.thread_time_ns()


class _Here(threading.local):
    call: _Call | None = None


_here = _Here()


def computed(tokens: int) -> None:
    """From the thread of a call: the engine has computed so many tokens for it."""
    if _here.call is not None:
        _here.call.computed += tokens


class Crew:
    """The threads of one engine's library, and the calls that keep them busy."""

    def __init__(self, clocks: Clocks | None = None) -> None:
        self._system = clocks or Clocks()
        self._lock = threading.Lock()
        self._clocks: dict[int, int] = {}
        """By a thread's id: its CPU nanoseconds when last read."""
        self._calls: list[_Call] = []
        self._blind = False
        """It has threads whose clocks cannot be read."""

    @contextmanager
    def hiring(self, complete: bool = True) -> Iterator[None]:
        """The threads that begin inside and are not Python's are this engine's. Nothing else may load meanwhile.

        `complete` False: more will come later that nobody will notice, so what this engine uses cannot be known.
        """
        before = self._system.threads()
        yield
        after = self._system.threads()
        if before is None or after is None or not complete:
            self._blind = True
            return
        ours = {thread.native_id for thread in threading.enumerate()}
        with self._lock:
            self._clocks |= {thread: self._system.cpu_ns(thread) or 0 for thread in after - before - ours}

    @contextmanager
    def call(self, whom: Charged | None) -> Iterator[None]:
        """In the thread of a call, around it. Charged when it has ended, and whenever another one begins or ends."""
        call = _Call(whom)
        with self._lock:
            self._settle()
            self._calls.append(call)
        _here.call = call
        began = self._system.own_ns()
        try:
            yield
        finally:
            own = self._system.own_ns() - began
            _here.call = None
            with self._lock:
                self._settle()
                self._calls.remove(call)
            self._charge(call, own)

    def _settle(self) -> None:
        spent = self._spent()
        total = sum(call.computed for call in self._calls)
        for call in self._calls:
            self._charge(call, spent * call.computed // total if total else spent // len(self._calls))
            call.computed = 0

    def _spent(self) -> int:
        """CPU nanoseconds of the library's threads since the last time."""
        spent = 0
        for thread, before in list(self._clocks.items()):
            now = self._system.cpu_ns(thread)
            if now is None:
                del self._clocks[thread]  # it has ended
            else:
                self._clocks[thread] = now
                spent += now - before
        return spent

    def _charge(self, call: _Call, cpu_ns: int) -> None:
        if call.whom is not None and cpu_ns > 0 and not self._blind:
            account, role = call.whom
            account.charge(role, Work(cpu_ns=cpu_ns))
