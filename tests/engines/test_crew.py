"""Whose CPU time it is, when an engine's library computes for several calls in threads of its own."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from contextlib import ExitStack

from vivavoce.engines.bridge import Worker
from vivavoce.engines.crew import Clocks, Crew, computed
from vivavoce.ports import Account, Work, charged

LIBRARY = 77


class Told(Account):
    """An account that keeps what it is told."""

    def __init__(self) -> None:
        self.cpu: dict[str, int] = {}

    def charge(self, role: str, work: Work, /) -> None:
        assert work.cpu_ns is not None
        self.cpu[role] = self.cpu.get(role, 0) + work.cpu_ns


class Hands(Clocks):
    """Clocks that a test moves by hand: `library` is that of the one thread that begins while an engine loads."""

    def __init__(self, there: bool = True) -> None:
        self.there = there
        self.library: int | None = None
        self.own = 0

    def threads(self) -> set[int] | None:
        ours = {thread.native_id or 0 for thread in threading.enumerate()}
        return (ours if self.library is None else {*ours, LIBRARY}) if self.there else None

    def cpu_ns(self, thread: int) -> int | None:
        assert thread == LIBRARY
        return self.library

    def own_ns(self) -> int:
        return self.own


def loaded(hands: Hands, at: int = 1000) -> Crew:
    """An engine whose library has used so much for itself."""
    crew = Crew(hands)
    with crew.hiring():
        hands.library = at
    return crew


def test_a_call_is_charged_its_own_thread_and_the_librarys() -> None:
    hands, told = Hands(), Told()
    crew = loaded(hands)
    hands.library = 5000  # nobody's
    with crew.call((told, "llm")):
        hands.library = 5300
        hands.own = 20
    hands.library = 9000  # nobody's
    assert told.cpu == {"llm": 320}


def test_calls_at_once_share_what_is_done_while_both_are_there() -> None:
    hands, one, other = Hands(), Told(), Told()
    crew = loaded(hands, 0)
    with crew.call((one, "llm")):
        hands.library = 100
        with crew.call((other, "llm")):
            hands.library = 300
        hands.library = 350
    assert (one.cpu, other.cpu) == ({"llm": 100 + 100 + 50}, {"llm": 100})


def test_the_shares_are_by_tokens_where_the_engine_tells() -> None:
    hands, one, other = Hands(), Told(), Told()
    crew, ready, told, over = loaded(hands, 0), threading.Event(), threading.Event(), threading.Event()

    def second() -> None:
        with crew.call((other, "llm")):
            computed(30)
            ready.set()
            told.wait()
        over.set()

    with crew.call((one, "llm")):
        thread = threading.Thread(target=second)
        thread.start()
        ready.wait()
        computed(10)
        hands.library = 400
        told.set()
        over.wait()
        thread.join()
    assert (one.cpu, other.cpu) == ({"llm": 100}, {"llm": 300})


def test_work_for_nobody_takes_its_share_and_is_charged_to_nobody() -> None:
    hands, told = Hands(), Told()
    crew = loaded(hands, 0)
    with crew.call((told, "asr")), crew.call(None):
        hands.library = 100
    assert told.cpu == {"asr": 50}


def test_a_thread_that_has_ended_is_forgotten() -> None:
    hands, told = Hands(), Told()
    crew = loaded(hands, 0)
    with crew.call((told, "tts")):
        hands.library = None
        hands.own = 5
    with crew.call((told, "tts")):
        hands.own = 12
    assert told.cpu == {"tts": 12}


def test_where_the_librarys_clocks_cannot_be_read_nothing_is_charged() -> None:
    for hands, complete in ((Hands(there=False), True), (Hands(), False)):
        crew, told = Crew(hands), Told()
        with crew.hiring(complete=complete):
            pass
        with crew.call((told, "llm")):
            hands.own = 100
        assert told.cpu == {}


def test_a_worker_charges_the_session_that_asked() -> None:
    def produce(emit: Callable[[int], bool]) -> None:
        emit(sum(range(200_000)))

    async def scenario() -> None:
        one, other, worker = Told(), Told(), Worker("w", 2)
        with ExitStack() as stack:
            stack.enter_context(charged(one, "asr"))
            task = asyncio.create_task(worker.run(sum, range(200_000)))
        with charged(other, "tts"):
            assert [n async for n in worker.stream(produce)] == [19_999_900_000]
        await task
        await worker.run(sum, range(200_000))  # for nobody
        await worker.aclose()
        assert (set(one.cpu), set(other.cpu)) == ({"asr"}, {"tts"})
        assert min(one.cpu["asr"], other.cpu["tts"]) > 0

    asyncio.run(scenario())


def test_the_clock_of_another_thread_is_that_threads_own() -> None:
    clocks, counted, told, read = Clocks(), threading.Event(), list[int](), threading.Event()

    def work() -> None:
        sum(range(300_000))
        told.append(clocks.own_ns())
        counted.set()
        read.wait()
        told.append(clocks.own_ns())

    thread = threading.Thread(target=work)
    thread.start()
    counted.wait()
    assert thread.native_id is not None
    seen = clocks.cpu_ns(thread.native_id)
    known = clocks.threads()
    read.set()
    thread.join()
    if known is None:
        assert seen is None  # no Linux: neither is to be had
        return
    assert thread.native_id in known
    assert seen is not None
    assert told[0] <= seen <= told[1]
