"""Timers of a machine that is told the time: nothing here waits."""

from __future__ import annotations

import heapq
import logging
from collections.abc import Callable
from itertools import count

T1 = 0.5
"""Seconds: how long a message may take to the other side and back (RFC 3261, 17.1.1.1)."""
T2 = 4.0
"""Seconds: the longest pause between two transmissions."""
T4 = 5.0
"""Seconds that a message may stay in the network."""
GIVE_UP = 64 * T1
"""Seconds after which an unanswered message has failed."""
CLUTTER = 64
"""Cancelled timers that are left lying about before they are swept up."""

_log = logging.getLogger(__name__)

Call = Callable[[float], None]


class Timer:
    """Calls `call` once, with the time, unless it is cancelled before."""

    __slots__ = ("_owner", "call")

    def __init__(self, owner: Timers, call: Call) -> None:
        self._owner = owner
        self.call: Call | None = call

    def cancel(self) -> None:
        """Not any more. Nothing is kept of what it would have called."""
        if self.call is not None:
            self.call = None
            self._owner.cancelled()


class Timers:
    """Timers by their time."""

    def __init__(self) -> None:
        self._heap: list[tuple[float, int, Timer]] = []
        self._order = count()
        self._idle = 0

    def __len__(self) -> int:
        return len(self._heap) - self._idle

    def at(self, when: float, call: Call) -> Timer:
        """`call` will be called by the first `run` that is not before `when`."""
        timer = Timer(self, call)
        heapq.heappush(self._heap, (when, next(self._order), timer))
        return timer

    def deadline(self) -> float | None:
        """The next one's time."""
        while self._heap and self._heap[0][2].call is None:
            heapq.heappop(self._heap)
            self._idle -= 1
        return self._heap[0][0] if self._heap else None

    def run(self, now: float) -> None:
        """Call what is due; what that sets for the past is called too. Of one that fails the log tells."""
        while (due := self.deadline()) is not None and due <= now:
            timer = heapq.heappop(self._heap)[2]
            call, timer.call = timer.call, None
            assert call is not None, "the idle ones are gone"
            try:
                call(now)
            except Exception:
                _log.exception("what a timer called has failed")

    def cancelled(self) -> None:
        """One of them lies idle now."""
        self._idle += 1
        if self._idle > CLUTTER and self._idle > len(self._heap) // 2:
            self._heap = [each for each in self._heap if each[2].call is not None]
            heapq.heapify(self._heap)
            self._idle = 0
