"""One long call over WebRTC: what a server holds while it goes on."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Sequence

import httpx
import msgspec

from vivavoce.bench.calls import MOST_MB, Growth
from vivavoce.bench.holdings import Holdings, look
from vivavoce.bench.report import Spread, machine
from vivavoce.bench.rtc_caller import OPEN_S, SILENCE, RtcCaller, calling
from vivavoce.bench.rtc_calls import CallsApi, call_session
from vivavoce.testing.call import Line
from vivavoce.testing.client import text

_PAUSE = 50
"""Packets of silence after a question: one second ends a turn."""
_CALM_S = 0.5
"""After an answer: what belongs to it has ended, and nothing of the next turn has begun."""
FIRST = 3
"""Turns before the first look: until then buffers grow, once and for all."""


class LongCallReport(msgspec.Struct, frozen=True):
    """All of it; as JSON this is the file that `--json` writes."""

    minutes: float
    turns: int
    growth: list[Growth]
    answered_ms: Spread | None
    """From the end of a question to the first sound of its answer, the pause that ends the turn included."""
    first_half_ms: float
    """The median of that in the first half of the turns ..."""
    second_half_ms: float
    """... and in the second."""
    samples: list[Holdings]
    """After each turn."""
    machine: dict[str, str]

    @property
    def good(self) -> bool:
        """Nothing grew."""
        return all(each.within for each in self.growth)


async def talk_long(
    line: Line, pid: int, packets: Sequence[bytes], minutes: float, told: Callable[[int, Holdings], None]
) -> LongCallReport:
    """Ask again and again for `minutes`, and look after each answer. Raises `ClientError`, `CannotLook`, `NoCounters`.

    The caller deletes what was said, turn by turn: what grows is then not the conversation, which a session must keep.
    """
    samples: list[Holdings] = []
    answered: list[float] = []
    async with (
        httpx.AsyncClient(trust_env=False, timeout=OPEN_S) as http,
        calling(CallsApi(http, line).answer) as caller,
    ):
        caller.send({"type": "session.update", "session": call_session(line)})
        began = time.monotonic()
        while len(samples) < 2 * FIRST or time.monotonic() - began < minutes * 60:
            answered.append(await _turn(caller, packets, line.timeout))
            await asyncio.sleep(_CALM_S)
            samples.append(await look(line.url, pid))
            told(len(samples), samples[-1])
        seconds = time.monotonic() - began
    middle = len(answered) // 2
    halves = [Spread.of(part) for part in (answered[:middle], answered[middle:])]
    return LongCallReport(
        minutes=round(seconds / 60, 2),
        turns=len(samples),
        growth=growth(samples),
        answered_ms=Spread.of(answered),
        first_half_ms=halves[0].median if halves[0] else 0.0,
        second_half_ms=halves[1].median if halves[1] else 0.0,
        samples=samples,
        machine=machine(),
    )


def growth(samples: Sequence[Holdings]) -> list[Growth]:
    """The most that the last `FIRST` looks found, and the most that those after the first ones did."""
    first, last = samples[FIRST - 1 : 2 * FIRST - 1], samples[-FIRST:]

    def most(of: Callable[[Holdings], float]) -> tuple[float, float]:
        return max(map(of, first)), max(map(of, last))

    return [
        Growth("sessions", *most(lambda each: each.sessions), 0),
        Growth("tasks", *most(lambda each: each.tasks), 0),
        Growth("threads", *most(lambda each: each.threads), 0),
        Growth("file descriptors", *most(lambda each: each.fds), 0),
        Growth("memory, MB", *most(lambda each: round(each.rss / 1e6, 2)), MOST_MB),
    ]


async def _turn(caller: RtcCaller, packets: Sequence[bytes], timeout: float) -> float:
    """One question and its answer, forgotten afterwards: ms from the end of the question to the first sound of it."""
    caller.arrivals.clear()
    await caller.say(packets)
    said = caller.said_at
    await caller.say([SILENCE] * _PAUSE)
    begun = await caller.expect("output_audio_buffer.started", timeout)
    await caller.expect("output_audio_buffer.stopped", timeout)
    for each in list(caller.arrivals):
        if each.event.get("type") == "conversation.item.done":
            item = each.event.get("item")
            assert isinstance(item, dict)
            caller.send({"type": "conversation.item.delete", "item_id": text(item, "id")})
    return (begun.at - said) * 1000
