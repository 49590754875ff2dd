"""What a telephone call costs the server, and how long its audio takes."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncGenerator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from dataclasses import dataclass
from typing import get_args

import msgspec

from vivavoce.audio.pcm import Pcm
from vivavoce.audio.rtp import extend
from vivavoce.bench.counters import counters
from vivavoce.bench.holdings import CannotLook, look
from vivavoce.bench.phone_path import CALLS, delays
from vivavoce.bench.report import STARVED_MS, Spread, machine
from vivavoce.bench.sip_caller import SipCaller, payloads, sip_caller, talking
from vivavoce.bench.sip_calls import ANSWERED
from vivavoce.bench.usage import watched
from vivavoce.testing.client import ClientError
from vivavoce.transports.rtp.codecs import Codec

CODECS: tuple[Codec, ...] = get_args(Codec)
CAME_PERCENT = 98.0
"""Of the packets that a call gets, as many as it sends: a server that is overloaded does less than its work."""
_SETTLE_S = 2.0
_SESSIONS_S = 10.0


@dataclass(frozen=True, slots=True)
class Plan:
    """How many calls at once, and for how many seconds they are measured. All say `speech`, again and again.

    Each of the echo's calls has so many `pulses`.
    """

    calls: int
    seconds: float
    codec: Codec
    speech: Pcm
    pulses: int
    settle_s: float = _SETTLE_S


class Cost(msgspec.Struct, frozen=True):
    """Of calls with a session each: signalling, media, and the detection of speech; the engines take no time."""

    codec: Codec
    calls: int
    seconds: float
    sessions: int
    """That the server itself has counted meanwhile."""
    cpu_percent: float
    """Of one core, for each call."""
    threads_one: int
    """Of the server, with one call ..."""
    threads_all: int
    """... and with all of them."""
    fds_per_call: float
    mb_per_call: float
    sent: int
    received: int
    """Packets: what callers said, and what they heard."""
    lost: int
    spoken_to: int
    """Callers that heard anything but silence."""
    others_cores: float
    lag: Spread | None
    """The callers' own lateness."""

    @property
    def came_percent(self) -> float:
        """Packets that came, of as many as were sent."""
        return round(100 * self.received / self.sent, 1) if self.sent else 0.0

    @property
    def trustworthy(self) -> bool:
        """The callers kept their pace."""
        return self.lag is not None and self.lag.p95 <= STARVED_MS

    @property
    def good(self) -> bool:
        """Every call was whole, and none of them took a thread."""
        whole = self.sessions == self.calls == self.spoken_to and self.came_percent >= CAME_PERCENT
        return whole and self.threads_all <= self.threads_one and self.trustworthy


class Echo(msgspec.Struct, frozen=True):
    """The way through the server's audio path and back, with one codec."""

    codec: Codec
    delay: Spread | None
    came_back: int
    pulses: int


class SipReport(msgspec.Struct, frozen=True):
    """All of it; as JSON this is the file that `--json` writes."""

    cost: Cost
    echoes: list[Echo]
    machine: dict[str, str]

    @property
    def good(self) -> bool:
        """The calls were whole, and so were the echoes."""
        return self.cost.good and all(each.came_back == each.pulses for each in self.echoes)


async def measure(plan: Plan, url: str, pid: int, port: int) -> SipReport:
    """The server at `url`, whose telephone rings at `port`, and then the audio path alone, in this process.

    Raises `ClientError`, `CannotLook` and `NoCounters`.
    """
    cost = await _cost(plan, url, pid, port)
    echoes = []
    for codec in CODECS:
        found = await delays(codec, plan.pulses)
        echoes.append(Echo(codec, Spread.of(found), len(found), CALLS * plan.pulses))
    return SipReport(cost, echoes, machine())


async def _cost(plan: Plan, url: str, pid: int, port: int) -> Cost:
    packets = payloads(plan.speech, plan.codec)
    callers: list[SipCaller] = []
    async with AsyncExitStack() as stack:
        idle = await look(url, pid)
        callers.append(await stack.enter_async_context(_talking(plan.codec, port, packets)))
        await asyncio.sleep(plan.settle_s)
        one = await look(url, pid)
        while len(callers) < plan.calls:
            callers.append(await stack.enter_async_context(_talking(plan.codec, port, packets)))
        await asyncio.sleep(plan.settle_s)
        for caller in callers:
            caller.begin()
        began = time.monotonic()
        with watched(pid) as usage:
            await asyncio.sleep(plan.seconds)
            seconds = time.monotonic() - began
        if usage is None:
            raise CannotLook("The server's process cannot be looked into.")
        sent, received = sum(each.sent for each in callers), [list(each.sequences) for each in callers]
        spoken_to = sum(each.loud.is_set() for each in callers)
        lags = [1000 * lag for each in callers for lag in each.lags]
        full = await look(url, pid)
        for caller in callers:
            caller.hang_up()
    await _over(url)
    return Cost(
        codec=plan.codec,
        calls=len(callers),
        seconds=plan.seconds,
        sessions=full.sessions,
        cpu_percent=round(100 * usage.cpu_s / seconds / len(callers), 2),
        threads_one=one.threads,
        threads_all=full.threads,
        fds_per_call=round((full.fds - idle.fds) / len(callers), 2),
        mb_per_call=round((full.rss - idle.rss) / 1e6 / len(callers), 2),
        sent=sent,
        received=sum(len(set(each)) for each in received),
        lost=sum(map(lost, received)),
        spoken_to=spoken_to,
        others_cores=round(usage.others_cores or 0.0, 2),
        lag=Spread.of(lags),
    )


def lost(sequences: Sequence[int]) -> int:
    """Packets that are missing between the first and the last, whose numbers have 16 bits."""
    if not sequences:
        return 0
    whole = [sequences[0]]
    for each in sequences[1:]:
        whole.append(extend(each, whole[-1], 16))
    return max(whole) - min(whole) + 1 - len(set(whole))


@asynccontextmanager
async def _talking(codec: Codec, port: int, packets: Sequence[bytes]) -> AsyncGenerator[SipCaller]:
    """A call that was answered, and a caller who says the same again and again."""
    async with sip_caller(codec, port) as caller:
        await caller.dial(ANSWERED)
        await caller.answered()
        async with talking(caller, packets):
            yield caller


async def _over(url: str) -> None:
    """Every call has ended at the server too. Raises `ClientError`."""
    with suppress(TimeoutError):
        async with asyncio.timeout(_SESSIONS_S), counters(url) as seen:
            while (await seen.read())["vivavoce_sessions"]:  # noqa: ASYNC110  # a server tells nobody
                await asyncio.sleep(0.05)
            return
    raise ClientError(f"Calls that were hung up were not over after {_SESSIONS_S:g} s.")
