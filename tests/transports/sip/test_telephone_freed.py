"""A thousand calls, ended in every way, leave nothing behind: no task, no session, and no memory."""

from __future__ import annotations

import gc
import weakref
from collections.abc import Iterator
from contextlib import contextmanager

from tests.runtime.hosting import SETTINGS
from tests.transports.sip.exchange import Exchange, Taker, exchange, settled

from vivavoce.testing.clock import run_virtual
from vivavoce.transports.sip import actions as sip

CALLS = 1000


@contextmanager
def no_collector() -> Iterator[None]:
    """What is not freed at once stays."""
    gc.collect()
    gc.disable()
    try:
        yield
    finally:
        gc.enable()


async def one_call(calls: Exchange, hook: Taker, number: int) -> weakref.ref[object]:
    """Set up and torn down; its session."""
    dialog = f"in{number}"
    await calls.invited(dialog)
    await calls.desk.accept(hook.call_id, None, SETTINGS)
    session: weakref.ref[object] = weakref.ref(calls.session(hook.call_id))
    match number % 4:
        case 0:
            await calls.news(sip.Ended(dialog, "bye"))
        case 1:
            assert calls.desk.hang_up(hook.call_id, None)
        case 2:
            calls.media.gone.set()
        case _:
            calls.desk.refer(hook.call_id, None, "tel:+4930")
            await calls.news(sip.Transfer(dialog, 200, True))
    await settled()
    assert calls.empty
    calls.studio.made.clear()
    return session


def test_a_thousand_calls_leave_nothing_behind() -> None:
    async def main() -> None:
        hook = Taker()
        async with exchange(None, hook) as calls:
            with no_collector():
                left = [await one_call(calls, hook, number) for number in range(CALLS)]
                assert sum(session() is not None for session in left) == 0

    run_virtual(main())
