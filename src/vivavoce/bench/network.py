"""Speech into a call over a bad network: what of it arrives, and when."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from vivavoce.audio.pcm import WIRE_RATE, Pcm
from vivavoce.bench.detour import detour, without_addresses
from vivavoce.bench.rtc_caller import FRAME_S, SILENCE, calling, opus_packets
from vivavoce.testing.rough_path import Roughness, RoughPath
from vivavoce.transports.webrtc.call import LiveCall
from vivavoce.transports.webrtc.ice import Network
from vivavoce.transports.webrtc.sdp import Offer

TAIL = 50
"""Packets of silence after the speech: one second, in which the last of it arrives."""
CONDITIONS: dict[str, Roughness] = {
    "clean": Roughness(),
    "5 % lost": Roughness(loss=0.05),
    "20 % lost": Roughness(loss=0.2),
    "100 ms jitter": Roughness(jitter_ms=100, overtaking=False),
    "100 ms jitter, overtaking": Roughness(jitter_ms=100),
    "5 % lost, 100 ms jitter, overtaking": Roughness(loss=0.05, jitter_ms=100),
}
WINDOW_S = 10
"""Seconds of sound at the begin and at the end in which the delay is found."""
_REACH_S = 2
"""How far sound may have moved, in seconds."""
_STEP = WIRE_RATE // 1000


@dataclass(slots=True)
class Heard:
    """What came out of a call's line: an ear that keeps everything."""

    pieces: list[Pcm] = field(default_factory=list)
    ends: list[tuple[int, float]] = field(default_factory=list)
    """After each piece: the samples so far, and when it came (`time.monotonic`)."""

    async def heard(self, pcm: bytes) -> None:
        """The next audio."""
        self.pieces.append(Pcm.from_bytes(pcm))
        samples = (self.ends[-1][0] if self.ends else 0) + len(self.pieces[-1].samples)
        self.ends.append((samples, time.monotonic()))

    def playing(self, response_id: str) -> None:
        """Nothing is said back."""

    def played(self, response_id: str) -> None:
        """Nothing is said back."""

    def pressed(self, key: str) -> None:
        """There are no keys."""

    @property
    def pcm(self) -> Pcm:
        """All of it, 24 kHz."""
        return Pcm.join(self.pieces)


@dataclass(frozen=True, slots=True)
class Passage:
    """One call: what was heard of it, and how long its sound was under way."""

    condition: str
    heard: Pcm
    sent: int
    lost: int
    """Datagrams, of all that the caller sent."""
    early_ms: float
    """The delay of the sound, from leaving the caller to being handed to a session, at the begin ..."""
    late_ms: float
    """... and at the end."""


async def speak(pcm: Pcm, conditions: Sequence[str]) -> list[Passage]:
    """All conditions at once: a call each, in real time. Raises `ClientError`."""
    packets = opus_packets(pcm)
    return await asyncio.gather(*(_passage(pcm, packets, name, seed) for seed, name in enumerate(conditions, 1)))


async def _passage(pcm: Pcm, packets: Sequence[bytes], condition: str, seed: int) -> Passage:
    ear = Heard()
    async with AsyncExitStack() as stack:
        paths: list[RoughPath] = []

        async def answer(offer: str) -> str:
            """The caller and the server know no address but the path's."""
            live = LiveCall("rtc_network", Offer.parse(without_addresses(offer)), Network())
            told = await live.answer()
            running = asyncio.create_task(live.run(_listen(live, ear)))
            stack.push_async_callback(asyncio.wait, [running])
            led, path = await stack.enter_async_context(detour(told, CONDITIONS[condition], seed))
            paths.append(path)
            return led

        async with calling(answer) as caller:
            await caller.say([SILENCE])
            before = paths[0].there.sent, paths[0].there.lost
            mark = ear.ends[-1][0] if ear.ends else 0
            await caller.say([*packets, *[SILENCE] * TAIL])
            # A packet leaves when its last sample was spoken.
            began = caller.said_at - (len(packets) + TAIL) * FRAME_S
            sent, lost = paths[0].there.sent - before[0], paths[0].there.lost - before[1]
            early, late = delays(ear, mark, pcm, began)
            heard = Pcm(ear.pcm.samples[mark:], WIRE_RATE)
    return Passage(condition, heard, sent, lost, early, late)


async def _listen(live: LiveCall, ear: Heard) -> None:
    """What would be a session: until the caller is gone."""
    live.line.open(ear)
    while await live.channel.receive() is not None:
        pass


def delays(ear: Heard, mark: int, said: Pcm, began: float) -> tuple[float, float]:
    """ms that the sound of `said`, spoken from `began` on, was under way: at its begin and at its end.

    The heard samples from `mark` on are laid over it where both fit best, so that a delay that grows inside the
    stream shows as well as one that grows before it.
    """
    heard = ear.pcm.samples[mark:]
    window = min(WINDOW_S * WIRE_RATE, len(said.samples))
    found = []
    for at in (0, len(said.samples) - window):
        shift = _shift(said.samples[at : at + window], heard, at)
        # What ended at sample `end` was said at the same place, `shift` before.
        late = [came - began - (end - mark - shift) / WIRE_RATE for end, came in ear.ends]
        within = [at <= end - mark - shift <= at + window for end, _ in ear.ends]
        found.append(1000 * float(np.median(np.array(late)[within])))
    return round(found[0], 1), round(found[1], 1)


def _shift(piece: NDArray[np.int16], heard: NDArray[np.int16], at: int) -> int:
    """By how many samples `piece`, which was said at sample `at`, was moved; found by its loudness, ms by ms."""
    reach = _REACH_S * 1000
    wanted = _envelope(piece)
    begin = at - reach * _STEP
    around = heard[max(0, begin) : at + len(piece) + reach * _STEP]
    padded = np.pad(_envelope(around), (max(0, -begin) // _STEP, 2 * reach))[: len(wanted) + 2 * reach]
    likeness = np.correlate(padded, wanted - wanted.mean(), "valid")
    return (int(np.argmax(likeness)) - reach) * _STEP


def _envelope(samples: NDArray[np.int16]) -> NDArray[np.float64]:
    whole = samples[: len(samples) // _STEP * _STEP].astype(np.float64).reshape(-1, _STEP)
    level: NDArray[np.float64] = np.sqrt(np.square(whole).mean(axis=1))
    return level
