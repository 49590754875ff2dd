"""What a call costs: our audio path and stock aiortc's, each echoing the same callers, one after the other."""

from __future__ import annotations

import asyncio
import os
import sys
import time
from collections.abc import AsyncGenerator, Callable, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field

import msgspec
import numpy as np

from vivavoce.audio.opus import OPUS_CLOCK, OpusDecoder
from vivavoce.audio.pcm import Pcm
from vivavoce.audio.rtp import RtpPacket, extend
from vivavoce.bench.echo import PATHS, Answered, Asked, Path
from vivavoce.bench.rtc_caller import RtcCaller, calling
from vivavoce.bench.usage import watched
from vivavoce.testing.client import ClientError

LATE_S = 0.06
"""A packet that comes this much later than the soonest one is late: ears then hear a gap, or wait for it."""
SETTLE_S = 2.0
"""From the last call's begin until it counts."""


@dataclass(frozen=True, slots=True)
class Plan:
    """How many calls at once, how often each path is measured, and for how many seconds each time.

    `packets` is what every caller says, again and again.
    """

    calls: int
    rounds: int
    seconds: float
    packets: Sequence[bytes]
    settle_s: float = SETTLE_S


class Round(msgspec.Struct, frozen=True):
    """One path, measured once."""

    path: Path
    cpu_percent: float
    """Of one core, for each call."""
    threads_one: int
    """Of the server, with one call ..."""
    threads_all: int
    """... and with all of them."""
    sent: int
    received: int
    lost: int
    """Packets of those that the server sent ..."""
    late: int
    """... and those that came later than `LATE_S` after the soonest."""
    level_db: float
    """dBFS, of what came back to one caller: whether it was a voice."""
    others_cores: float
    lags: list[float]
    """How late the callers themselves were with their packets, in seconds."""


@dataclass(slots=True)
class Ear:
    """What one caller hears: counted, and where `keep` says so kept to be listened to."""

    keep: bool = False
    payloads: list[bytes] = field(default_factory=list)
    _sequences: list[int] = field(default_factory=list)
    _transits: list[float] = field(default_factory=list)
    _last: tuple[int, int] = (0, 0)

    def take(self, packet: RtpPacket, at: float) -> None:
        """A packet came at `at`, monotonic seconds."""
        if not self._sequences:
            self._last = packet.sequence, packet.timestamp
        sequence, timestamp = extend(packet.sequence, self._last[0], 16), extend(packet.timestamp, self._last[1], 32)
        self._last = sequence, timestamp
        self._sequences.append(sequence)
        self._transits.append(at - timestamp / OPUS_CLOCK)
        if self.keep:
            self.payloads.append(packet.payload)

    @property
    def received(self) -> int:
        """Packets, none counted twice."""
        return len(set(self._sequences))

    @property
    def lost(self) -> int:
        """Between the first and the last that came."""
        return max(self._sequences) - min(self._sequences) + 1 - self.received if self._sequences else 0

    @property
    def late(self) -> int:
        """Later than `LATE_S` after the one that was soonest."""
        soonest = min(self._transits, default=0.0)
        return sum(each - soonest > LATE_S for each in self._transits)

    def level_db(self) -> float:
        """dBFS of what was kept, the loudest second of it."""
        decoder = OpusDecoder()
        audio = Pcm.join([decoder.decode(each) for each in self.payloads]).to_float()
        seconds = audio[: len(audio) // 24_000 * 24_000].reshape(-1, 24_000) if len(audio) >= 24_000 else audio[None]
        power = float(np.square(seconds).mean(axis=1).max()) if audio.size else 0.0
        return round(10 * float(np.log10(max(power, 1e-12))), 1)


async def measure(plan: Plan, told: Callable[[Round], None]) -> list[Round]:
    """Both paths in turn, `rounds` times. Raises `ClientError`."""
    rounds = []
    for _ in range(plan.rounds):
        for path in PATHS:
            rounds.append(await _round(plan, path))
            told(rounds[-1])
    return rounds


async def _round(plan: Plan, path: Path) -> Round:
    async with _server(path) as server, AsyncExitStack() as calls:
        callers: list[RtcCaller] = []
        threads_one = 0
        while len(callers) < plan.calls:
            callers += [await calls.enter_async_context(_talking(server, plan.packets))]
            if len(callers) == 1:
                await asyncio.sleep(plan.settle_s)
                threads_one = server.threads()
        await asyncio.sleep(plan.settle_s)
        ears = [Ear(keep=number == 0) for number in range(len(callers))]
        for caller, ear in zip(callers, ears, strict=True):
            caller.heard, caller.sent = ear.take, 0
            caller.lags.clear()
        began = time.monotonic()
        with watched(server.pid) as usage:
            await asyncio.sleep(plan.seconds)
            seconds = time.monotonic() - began
        assert usage is not None, "the command looks whether this can be had"
        return Round(
            path=path,
            cpu_percent=100 * usage.cpu_s / seconds / len(callers),
            threads_one=threads_one,
            threads_all=server.threads(),
            sent=sum(each.sent for each in callers),
            received=sum(each.received for each in ears),
            lost=sum(each.lost for each in ears),
            late=sum(each.late for each in ears),
            level_db=ears[0].level_db(),
            others_cores=usage.others_cores or 0.0,
            lags=[lag for each in callers for lag in each.lags],
        )


@asynccontextmanager
async def _talking(server: _Server, packets: Sequence[bytes]) -> AsyncGenerator[RtcCaller]:
    """A caller that says the same again and again."""
    async with calling(server.answer) as caller:

        async def repeat() -> None:
            while True:
                await caller.say(packets)

        repeating = asyncio.create_task(repeat())
        try:
            yield caller
        finally:
            repeating.cancel()
            await asyncio.wait([repeating])


class _Server:
    """An echo in a process of its own."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self._process = process
        self.pid = process.pid

    def threads(self) -> int:
        """That it has now."""
        return len(os.listdir(f"/proc/{self.pid}/task"))

    async def answer(self, offer: str) -> str:
        """Raises `ClientError`."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(msgspec.json.encode(Asked(offer)) + b"\n")
        line = await self._process.stdout.readline()
        if not line:
            raise ClientError("The echo that was started has ended.")
        return msgspec.json.decode(line, type=Answered).answer


@asynccontextmanager
async def _server(path: Path) -> AsyncGenerator[_Server]:
    pipe = asyncio.subprocess.PIPE
    command = (sys.executable, "-m", "vivavoce.bench.echo", path)
    process = await asyncio.create_subprocess_exec(*command, stdin=pipe, stdout=pipe, limit=1 << 20)
    try:
        yield _Server(process)
    finally:
        process.kill()
        await process.wait()
