"""A network that loses, delays, reorders and doubles packets, on virtual time; and something like a voice to send."""

from __future__ import annotations

import heapq
from collections.abc import Callable, Iterable
from dataclasses import dataclass

import numpy as np

from vivavoce.audio.pcm import WIRE_RATE, Pcm
from vivavoce.audio.receiver import Receiver
from vivavoce.audio.rtp import RtpPacket

Arrival = tuple[float, RtpPacket]
TYPE = 111


def voice(seconds: float, seed: int = 0) -> Pcm:
    """Syllables of a gliding pitch, no two alike, so that a shift in time shows."""
    chance = np.random.default_rng(seed)
    time = np.arange(round(seconds * WIRE_RATE)) / WIRE_RATE
    knots = np.arange(0, seconds + 1, 0.2)
    pitch = np.interp(time, knots, chance.uniform(100, 220, len(knots)))
    loudness = np.interp(time, knots, chance.uniform(0.1, 1, len(knots)))
    phase = 2 * np.pi * np.cumsum(pitch) / WIRE_RATE
    tones = sum(np.sin(k * phase) / k for k in range(1, 16))
    samples = 4000 * loudness * tones + chance.normal(0, 20, len(time))
    return Pcm(np.rint(samples).astype(np.int16), WIRE_RATE)


def packets(
    payloads: Iterable[bytes], ticks: int, *, sequence: int = 65_500, timestamp: int = 4_294_900_000, kind: int = TYPE
) -> list[RtpPacket]:
    """Packets of `ticks` each, one after another, whose counters soon wrap. An empty payload is not sent."""
    made, number = [], sequence
    for index, payload in enumerate(payloads):
        if payload:
            made.append(RtpPacket(kind, number & 0xFFFF, (timestamp + index * ticks) & 0xFFFFFFFF, 7, payload))
            number += 1
    return made


@dataclass(frozen=True)
class Network:
    """`loss` and `double` are shares of the packets; losses come in runs of `run` on average.

    `jitter` is the longest extra delay in seconds, even between 0 and that, or always in order with `in_order`.
    The sender's clock is `drift` parts per million fast.
    """

    loss: float = 0.0
    run: float = 1.0
    jitter: float = 0.0
    double: float = 0.0
    drift: float = 0.0
    in_order: bool = False
    seed: int = 0

    def carry(self, sent: list[RtpPacket], rate: int) -> list[Arrival]:
        """When each packet comes that comes, in order of coming; the first is sent at 100 s and never lost."""
        chance = np.random.default_rng(self.seed)
        arrivals: list[Arrival] = []
        losing, latest = False, 0.0
        for packet in sent:
            stay = 1 - 1 / self.run
            losing = chance.random() < (stay if losing else self.loss * (1 - stay) / (1 - self.loss))
            if losing and packet is not sent[0]:
                continue
            media = ((packet.timestamp - sent[0].timestamp) & 0xFFFFFFFF) / rate
            moment = 100.03 + media * (1 - self.drift / 1e6)
            copies = 2 if chance.random() < self.double else 1
            for _ in range(copies):
                latest = max(moment + chance.random() * self.jitter, latest if self.in_order else 0.0)
                arrivals.append((latest, packet))
        return sorted(arrivals, key=lambda arrival: arrival[0])


Output = tuple[float, Pcm]


def listen(receiver: Receiver, arrivals: list[Arrival], until: float) -> list[Output]:
    """What the receiver gives and when: at every arrival, and at its own deadlines in between."""
    given: list[Output] = []
    coming = [(moment, index) for index, (moment, _) in enumerate(arrivals)]
    heapq.heapify(coming)
    now = 0.0
    while True:
        deadline = receiver.deadline()
        arrival = coming[0][0] if coming else until
        moment = min(arrival, until) if deadline is None else min(max(deadline, now), arrival, until)
        if moment >= until:
            return given
        now = moment
        if coming and arrival <= now:
            receiver.put(arrivals[heapq.heappop(coming)[1]][1], now)
        if len((heard := receiver.take(now)).samples):
            given.append((now, heard))


def joined(outputs: list[Output]) -> Pcm:
    return Pcm.join([pcm for _, pcm in outputs])


def shift_ms(heard: Pcm, ideal: Pcm, at_ms: int, window_ms: int = 400, reach_ms: int = 60) -> float:
    """By how much `heard` is later than `ideal` around `at_ms`, in ms, found by correlation."""
    per_ms = WIRE_RATE // 1000
    start, length, reach = at_ms * per_ms, window_ms * per_ms, reach_ms * per_ms
    part = heard.samples[start : start + length].astype(np.float64)
    around = ideal.samples[start - reach : start + length + reach].astype(np.float64)
    energy = np.convolve(around**2, np.ones(length), mode="valid")
    likeness = np.correlate(around, part, mode="valid") / np.sqrt(energy + 1)
    return (reach - int(np.argmax(likeness))) / per_ms


def steepest(pcm: Pcm) -> int:
    """The greatest jump from one sample to the next."""
    return int(np.abs(np.diff(pcm.samples.astype(np.int64))).max(initial=0))


def encoded(pcm: Pcm, encode: Callable[[Pcm], bytes], ms: int = 20) -> list[bytes]:
    return [encode(frame) for frame in pcm.chunks(ms) if len(frame.samples) == WIRE_RATE * ms // 1000]
