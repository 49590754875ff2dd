"""How the conformance checks look at an engine: its results, its errors, its effect on the loop, its end."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable, Iterable
from contextlib import aclosing, asynccontextmanager, suppress
from dataclasses import dataclass
from typing import TypeVar

from vivavoce.audio.pcm import Pcm
from vivavoce.ports import MAX_CHUNK_MS, Engine, EngineError, WordTimes

T = TypeVar("T")

TICK_S = 0.005
_POLL_S = 0.005


class ConformanceError(AssertionError):
    """An engine breaks its contract; the message is a sentence that says how."""


@dataclass(frozen=True, slots=True)
class Bounds:
    """How strict to be. Slow machines and slow models need more of each."""

    lag_ms: float = 100.0
    """Longest time for which an engine may compute on the event loop, by the clock of its thread, which stands still
    while other programs have the processor. On a virtual loop, all that is computed between two jumps of its clock
    counts as one; measure on a real loop."""
    stall_ms: float = 1000.0
    """Longest time for which the loop may be held up by whatever it is, waiting included: more than a busy machine does
    by itself."""
    stop_s: float = 1.0
    """Longest time from closing a call until `running` tells that it has ended."""
    patience_s: float = 30.0
    """Longest time for one call."""
    concurrent: int = 4
    """Calls at the same time."""


@dataclass(frozen=True, slots=True)
class Report:
    """What was measured on an engine that keeps its contract."""

    max_lag_ms: float
    """Longest time for which the engine computed on the event loop."""


def require(condition: bool, sentence: str) -> None:
    """Raises `ConformanceError` with the sentence unless the condition holds."""
    if not condition:
        raise ConformanceError(sentence)


class Probe:
    """One engine under examination."""

    def __init__(self, engine: Engine, bounds: Bounds, *, counts: bool = True) -> None:
        """`counts`: it has calls that take time, so that `running` has to tell of them."""
        self._counts = counts
        self.engine = engine
        self.bounds = bounds
        self.max_lag_ms = self.max_stall_ms = 0.0
        self._busiest = 0

    @asynccontextmanager
    async def examine(self) -> AsyncIterator[None]:
        """Watch the loop, and that the engine is at rest before and after."""
        require(bool(self.engine.name), "An engine has a name.")
        require(self.engine.running == 0, f"`running` is {self.engine.running} before any call.")
        watch = asyncio.create_task(self._watch())
        await asyncio.sleep(0)  # it has to look before the first call, which is the likeliest to block
        try:
            yield
            await self.rest("after all calls")
            await asyncio.sleep(2 * TICK_S)  # so that the watch sees what the last call did
            require(not self._counts or self._busiest > 0, "`running` was 0 during every call.")
        finally:
            watch.cancel()
            with suppress(asyncio.CancelledError):
                await watch
        limits = (self.max_lag_ms, self.bounds.lag_ms), (self.max_stall_ms, self.bounds.stall_ms)
        for held_up, most in limits:
            sentence = f"The event loop was held up for {held_up:.0f} ms; {most:.0f} ms are allowed."
            require(held_up <= most, sentence)

    def report(self) -> Report:
        """What was measured."""
        return Report(self.max_lag_ms)

    async def _watch(self) -> None:
        while True:
            before, virtual = time.perf_counter(), asyncio.get_running_loop().time()
            computed = time.thread_time()
            await asyncio.sleep(TICK_S)
            slept = min(asyncio.get_running_loop().time() - virtual, TICK_S)
            self.look()
            self.max_lag_ms = max(self.max_lag_ms, (time.thread_time() - computed) * 1000)
            self.max_stall_ms = max(self.max_stall_ms, (time.perf_counter() - before - slept) * 1000)

    def look(self) -> None:
        """Note how busy the engine says it is."""
        self._busiest = max(self._busiest, self.engine.running)

    async def rest(self, when: str) -> None:
        """Wait until nothing runs."""
        try:
            async with asyncio.timeout(self.bounds.stop_s):
                while self.engine.running:  # noqa: ASYNC110 - the contract offers nothing to wait for
                    await asyncio.sleep(_POLL_S)
        except TimeoutError:
            sentence = f"`running` is still {self.engine.running}, {self.bounds.stop_s:g} s {when}."
            raise ConformanceError(sentence) from None

    async def within(self, call: Awaitable[T], what: str) -> T:
        """The result of a call that has to succeed in time."""
        limit = asyncio.timeout(self.bounds.patience_s)
        try:
            async with limit:
                return await call
        except EngineError as error:
            raise ConformanceError(f"{what} failed: {error.code}, {error.message}") from error
        except (ConformanceError, asyncio.CancelledError):
            raise
        except Exception as error:
            if limit.expired():
                raise ConformanceError(f"{what} took longer than {self.bounds.patience_s:g} s.") from None
            raise ConformanceError(f"{what} raised {error!r}, not an EngineError.") from error

    async def refuses(self, call: Awaitable[object], what: str, *, must: bool) -> None:
        """A call with bad input: `EngineError`, or, unless it `must` refuse, an orderly result in time."""
        try:
            await self.within(call, what)
        except ConformanceError as error:
            if isinstance(error.__cause__, EngineError):
                return
            raise
        require(not must, f"{what} was accepted.")

    async def take(self, parts: AsyncGenerator[T, None], limit: int | None = None) -> list[T]:
        """The parts of a call, all or the first `limit`; it is closed in any case."""
        taken: list[T] = []
        async with aclosing(parts):
            async for part in parts:
                taken.append(part)
                if len(taken) == limit:
                    break
        return taken

    async def interleave(self, *calls: AsyncGenerator[T, None]) -> list[list[T]]:
        """Several calls, a part of each in turn."""
        taken: list[list[T]] = [[] for _ in calls]
        open_calls = dict(enumerate(calls))
        while open_calls:
            for number, call in list(open_calls.items()):
                try:
                    taken[number].append(await anext(call))
                except StopAsyncIteration:
                    del open_calls[number]
        return taken

    async def stops(self, call: Callable[[], AsyncGenerator[T, None]], what: str) -> None:
        """It ends when closed before, between and in the middle of its parts."""
        await call().aclose()
        await self.rest(f"after {what} was closed before it began")

        begun = call()
        await self.within(anext(begun, None), what)
        self.look()
        await self._close(begun, what)
        await self.rest(f"after {what} was closed")

        waiting = call()
        task = asyncio.ensure_future(anext(waiting, None))
        await asyncio.sleep(TICK_S)
        self.look()
        task.cancel()
        with suppress(asyncio.CancelledError):
            await self.within(task, what)
        await self._close(waiting, what)
        await self.rest(f"after {what} was cancelled")

    async def _close(self, call: AsyncGenerator[T, None], what: str) -> None:
        try:
            async with asyncio.timeout(self.bounds.stop_s):
                await call.aclose()
        except TimeoutError:
            raise ConformanceError(f"Closing {what} took longer than {self.bounds.stop_s:g} s.") from None
        except Exception as error:
            raise ConformanceError(f"Closing {what} raised {error!r}.") from error

    async def together(self, call: Callable[[], Awaitable[T]], what: str) -> list[T]:
        """Several calls at the same time."""
        calls = (self.within(call(), what) for _ in range(self.bounds.concurrent))
        return list(await asyncio.gather(*calls))


def check_chunks(chunks: Iterable[Pcm], what: str) -> float:
    """Audio in the contract's chunks. Returns its length in milliseconds."""
    chunks = list(chunks)
    longest = max((chunk.ms for chunk in chunks), default=0.0)
    require(longest <= MAX_CHUNK_MS, f"A chunk of {what} is {longest:.0f} ms long; {MAX_CHUNK_MS} are allowed.")
    require(all(len(chunk.samples) for chunk in chunks), f"A chunk of {what} is empty.")
    rates = {chunk.rate for chunk in chunks}
    require(len(rates) <= 1, f"The chunks of {what} have several rates: {sorted(rates)} Hz.")
    require(
        all(chunk.samples.dtype == "int16" and chunk.samples.ndim == 1 for chunk in chunks), f"{what} is not int16."
    )
    return sum(chunk.ms for chunk in chunks)


def check_speech(parts: Iterable[Pcm | WordTimes], text: str) -> float:
    """A clause's audio in the contract's chunks, and the times of its words. Returns its length in milliseconds."""
    chunks: list[Pcm] = []
    ends = [(0, 0.0)]
    for part in parts:
        if isinstance(part, Pcm):
            chunks.append(part)
            continue
        played = sum(chunk.ms for chunk in chunks)
        for chars, ms in part.ends:
            require(ms >= played, f"A word's time ({ms:.0f} ms) comes after its audio.")
            require(chars >= ends[-1][0] and ms >= ends[-1][1], f"Times of words go back: {ends[-1]}, {(chars, ms)}.")
            ends.append((chars, ms))
    length = check_chunks(chunks, "speech")
    chars, ms = ends[-1]
    require(ms <= length, f"A word ends after {ms:.0f} ms, in a clause of {length:.0f} ms.")
    whole = len(text.rstrip())
    require(len(ends) == 1 or whole <= chars <= len(text), f"The times end at character {chars} of {whole}.")
    return length
