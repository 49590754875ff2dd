"""Calls that end in every way calls end, and what they leave behind."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Protocol

import msgspec

from vivavoce.bench.holdings import Holdings, holdings
from vivavoce.bench.report import machine
from vivavoce.testing.call import Line
from vivavoce.testing.client import Client, ClientError, connect, text
from vivavoce.testing.microphone import FRAME_MS, Speech, append_event

WARM_UP = 20
"""Cycles before the first look: until then threads are started, caches filled and buffers grown, once and for all."""
MOST_MB = 5.0
"""Memory is not counted piece by piece: an allocator keeps some of what was freed."""


class Ending(StrEnum):
    """How a call ends."""

    cut_in_answer = "cut off in the answer"
    cut_in_question = "cut off in the question"
    hung_up_in_answer = "hung up in the answer"
    hung_up_after_answer = "hung up after the answer"


class Calling(Protocol):
    """A way to call."""

    @property
    def url(self) -> str:
        """Of the server."""

    @property
    def endings(self) -> Sequence[str]:
        """How its calls end, one after the other."""

    async def cycle(self, ending: str) -> None:
        """One call. Raises `ClientError`."""


@dataclass(frozen=True, slots=True)
class Plan:
    """Who calls, and how often."""

    calling: Calling
    cycles: int
    together: int
    """Calls at a time."""
    warm_up: int = WARM_UP


class Growth(msgspec.Struct, frozen=True):
    """What the server held before and after, of one kind."""

    name: str
    before: float
    after: float
    limit: float
    """It may have grown by this much."""

    @property
    def more(self) -> float:
        """By how much it has grown."""
        return self.after - self.before

    @property
    def within(self) -> bool:
        """It has not grown beyond its limit."""
        return self.more <= self.limit


class CallsReport(msgspec.Struct, frozen=True):
    """All of it; as JSON this is the file that `--json` writes."""

    engines: str
    cycles: int
    together: int
    endings: dict[str, int]
    growth: list[Growth]
    failed: int
    problems: dict[str, int]
    seconds: float
    machine: dict[str, str]

    @property
    def good(self) -> bool:
        """Every call went as planned, and nothing was left behind."""
        return not self.failed and all(each.within for each in self.growth)


async def drop_calls(plan: Plan, engines: str, pid: int, told: Callable[[int], None]) -> CallsReport:
    """Warm up, look, call, look again. Raises `CannotLook` and `NoCounters`. `told` hears the calls made so far."""
    await _cycles(replace(plan, cycles=plan.warm_up), lambda _: None)
    before = await holdings(plan.calling.url, pid)
    clock = asyncio.get_running_loop().time
    began = clock()
    problems = await _cycles(plan, told)
    seconds = clock() - began
    after = await holdings(plan.calling.url, pid)
    return CallsReport(
        engines=engines,
        cycles=plan.cycles,
        together=plan.together,
        endings=dict(Counter(_ending(plan, number) for number in range(plan.cycles))),
        growth=growth(before, after),
        failed=len(problems),
        problems=dict(Counter(problems)),
        seconds=round(seconds, 1),
        machine=machine(),
    )


def growth(before: Holdings, after: Holdings) -> list[Growth]:
    """Each kind of thing that a server holds."""
    return [
        Growth("sessions", before.sessions, after.sessions, 0),
        Growth("tasks", before.tasks, after.tasks, 0),
        Growth("threads", before.threads, after.threads, 0),
        Growth("file descriptors", before.fds, after.fds, 0),
        Growth("memory, MB", round(before.rss / 1e6, 2), round(after.rss / 1e6, 2), MOST_MB),
    ]


async def _cycles(plan: Plan, told: Callable[[int], None]) -> Sequence[str]:
    """What went wrong, a line for each call that did."""
    numbers = iter(range(plan.cycles))
    problems: list[str] = []
    made = 0

    async def caller() -> None:
        nonlocal made
        for number in numbers:  # shared: whoever is free takes the next one
            ending = _ending(plan, number)
            try:
                await plan.calling.cycle(ending)
            except ClientError as error:
                problems.append(f"{ending}: {error}")
            made += 1
            told(made)

    async with asyncio.TaskGroup() as group:
        for _ in range(min(plan.together, plan.cycles)):
            group.create_task(caller())
    return problems


def _ending(plan: Plan, number: int) -> str:
    return plan.calling.endings[number % len(plan.calling.endings)]


@dataclass(frozen=True, slots=True)
class SocketCalls:
    """Over a WebSocket, as fast as the server takes what is said."""

    line: Line
    speech: Speech
    endings: Sequence[str] = (
        Ending.cut_in_answer,
        Ending.hung_up_in_answer,
        Ending.cut_in_answer,
        Ending.cut_in_question,
        Ending.hung_up_after_answer,
    )

    @property
    def url(self) -> str:
        """Of the server."""
        return self.line.url

    async def cycle(self, ending: str) -> None:
        """One call. Raises `ClientError`."""
        line = self.line
        async with connect(line.url, key=line.key, model=line.model) as client:
            await client.update(line.session())
            frames = self.speech.frames
            if ending == Ending.cut_in_question:
                await _say(client, frames[: len(frames) * 2 // 3])
                await client.expect("input_audio_buffer.speech_started", timeout=line.timeout)
                client.abort()
                return
            await _say(client, [*frames, *_silence(line)])
            await client.expect("response.output_audio.delta", timeout=line.timeout)
            if ending == Ending.cut_in_answer:
                client.abort()
            elif ending == Ending.hung_up_after_answer:
                done = (await client.expect("response.done", timeout=line.timeout)).event
                if (status := text(done, "response", "status")) != "completed":
                    raise ClientError(f"The answer ended as {status}.")


async def _say(client: Client, frames: Sequence[str]) -> None:
    for frame in frames:
        await client.send_text(frame)


def _silence(line: Line) -> list[str]:
    """Long enough to end a turn."""
    frame = append_event(line.wire.silence * (line.wire.rate * FRAME_MS // 1000))
    return [frame] * (1000 // FRAME_MS)
