"""How long tests wait for what has to come. Only one that fails waits for so long: the machine may be busy with other
things, be many times slower than others, and stand still for seconds."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Coroutine

from vivavoce.testing.conformance import Bounds

PATIENCE_S = 60.0
"""For one event or state."""
WHOLE_S = 180.0
"""For a scenario. It is less than `faulthandler_timeout`, so that what hangs fails, and the other tests go on."""
BUSY = Bounds(lag_ms=500, stall_ms=10_000, stop_s=10, patience_s=PATIENCE_S)
"""For engines that are examined in real time. How soon they stop is the bench's to say."""


def run(scenario: Callable[[], Coroutine[object, object, None]]) -> None:
    """On a real loop: sockets and threads have no virtual time."""
    asyncio.run(asyncio.wait_for(scenario(), WHOLE_S))


async def until(met: Callable[[], bool]) -> None:
    """Wait for something that nothing tells of."""
    async with asyncio.timeout(PATIENCE_S):
        while not met():  # noqa: ASYNC110  # threads, packets and plain attributes set no event of this loop
            await asyncio.sleep(0.005)


async def cpu_until(met: Callable[[], bool]) -> float:
    """Seconds of CPU that this process takes until then: native work that goes on shows, a busy machine does not."""
    began = time.process_time()
    await until(met)
    return time.process_time() - began
