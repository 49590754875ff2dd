"""The jitter buffer: packets as the network brings them, in; what the decoder does next, out.

It serves a listener who is a machine. A packet that comes in its turn is handed on at once: nobody here needs an even
flow, and recognition, unlike a loudspeaker, loses nothing when audio comes in bursts. So there is no standing delay to
grow, to shrink or to drift. Only a packet that is missing is waited for, as long as the network's jitter makes its
coming likely (`lateness.py`), and then its time is declared a gap.

When nothing comes at all, time goes on just the same: a caller who fell silent (Opus DTX, comfort noise, a muted or
paused sender) must be heard to be silent, or no turn would end. A sender whose clock stood still meanwhile, or who
begins anew, is followed to where it is.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

from vivavoce.audio.lateness import LONGEST, Lateness
from vivavoce.audio.reports import MAX_DROPOUT, MAX_MISORDER
from vivavoce.audio.rtp import RtpPacket, extend

AHEAD = 2.0
"""Seconds: a packet that is further ahead than this of where time is belongs to a stream that began anew."""
BEHIND = 1.0
"""Seconds: so does one that is further behind, for no network holds a packet back that long."""
STOOD_STILL = 0.3
"""Seconds: after so long of nothing but late packets it was the sender's clock that stood still, not the network."""
HELD = 256
"""Packets held at most: `AHEAD` bounds their time, this their number."""
_SHORTEST_GAP = 0.01
"""Seconds of a gap at a time, where packets are not longer: tiny ones must not make a second of silence costly."""


@dataclass(frozen=True, slots=True)
class Frame:
    """Decode `payload`, and leave out its first `skip` ticks: their time is over."""

    payload: bytes
    skip: int = 0


@dataclass(frozen=True, slots=True)
class Gap:
    """Make up `ticks` of audio; `following` is the payload of the packet right after, which may hold a copy of it."""

    ticks: int
    following: bytes | None = None


@dataclass(frozen=True, slots=True)
class _Held:
    """A packet with its counters unwrapped; `start` and `end` are ticks."""

    sequence: int
    start: int
    end: int
    payload: bytes
    falls_silent: bool


class JitterBuffer:
    """The packets of one call with a clock of `rate` Hz. Times are monotonic seconds, given from outside.

    After `put`, and whenever `deadline` comes, call `get` until it gives None.
    """

    def __init__(self, rate: int) -> None:
        self.dropped = 0
        """Packets that came too late, twice, or from nowhere."""
        self._rate = rate
        self._ssrc: int | None = None
        self._gap_ticks = 0
        """Ticks of a gap at a time: as long as the last packet."""
        self._falls_silent = False
        self._stray: tuple[int, int] | None = None
        """The source and number that would make of the last stray packet a stream that began anew."""
        self._held: dict[int, _Held] = {}
        """By sequence number."""
        self._lateness = Lateness()
        self._position = 0
        """The tick up to which everything was handed out."""
        self._first = self._highest = self._last = 0
        """Sequence numbers: of the stream's first packet, of the newest that came, and of the last handed out."""
        self._late_since: float | None = None
        """Since when nothing but late packets came."""

    @property
    def wait(self) -> float:
        """Seconds for which a missing packet is waited for at present."""
        return self._lateness.wait

    def put(self, packet: RtpPacket, ticks: int, now: float, *, falls_silent: bool = False) -> None:
        """Take a packet that lasts `ticks`, one or more.

        `falls_silent`: with it the sender said that for a while it may send nothing.
        """
        sequence = extend(packet.sequence, self._highest, 16)
        start = extend(packet.timestamp, self._position, 32)
        if self._ssrc is None or self._astray(packet, sequence, start, now):
            expected = (packet.ssrc, packet.sequence)
            if self._ssrc is not None and self._stray != expected:
                self._stray = (packet.ssrc, (packet.sequence + 1) & 0xFFFF)
                self.dropped += 1
                return
            self._ssrc = packet.ssrc
            self._restart(sequence, start)
        self._stray = None
        newest = sequence >= self._highest
        self._highest = max(sequence, self._highest)
        if start + ticks <= self._position and newest and self._stood_still(now):
            self._restart(sequence, start)
        self._lateness.heard(start / self._rate, now)
        known = sequence in self._held or sequence < self._first or len(self._held) >= HELD
        if known or start + ticks <= self._position:
            self.dropped += 1
            return
        self._late_since = None
        self._held[sequence] = _Held(sequence, start, start + ticks, packet.payload, falls_silent)

    def get(self, now: float) -> Frame | Gap | None:
        """What to decode next; None when that must still come, or nothing was ever heard."""
        if self._ssrc is None:
            return None
        head = self._head()
        if now < self._when(head):
            return None
        if head is not None and head.start <= self._position:
            return self._hand_out(head)
        return self._gap(head)

    def deadline(self) -> float | None:
        """When `get` has something even if no packet comes; None before the first one."""
        return None if self._ssrc is None else self._when(self._head())

    def _restart(self, sequence: int, start: int) -> None:
        """Begin at a packet. What came before is handed out already, or lost with the stream that it belonged to."""
        self._held.clear()
        self._lateness = Lateness()
        self._position = start
        self._first = self._highest = sequence
        self._last = sequence - 1
        """The sequence number that was handed out last."""
        self._late_since = None

    def _astray(self, packet: RtpPacket, sequence: int, start: int, now: float) -> bool:
        """Whether a packet cannot belong to the stream that we follow (RFC 3550 A.1, and the same for time)."""
        passed = max(0.0, now - self._lateness.due(self._position / self._rate))
        ahead = (start - self._position) / self._rate
        in_order = -MAX_MISORDER < sequence - self._highest < MAX_DROPOUT
        return packet.ssrc != self._ssrc or not in_order or not -BEHIND <= ahead <= AHEAD + passed

    def _stood_still(self, now: float) -> bool:
        """A packet is too late although none is newer. Does that go on?"""
        if self._late_since is None:
            self._late_since = now
        return now - self._late_since >= STOOD_STILL

    def _head(self) -> _Held | None:
        """The next packet in time. Those whose time has passed while they were held are dropped."""
        while self._held:
            head = min(self._held.values(), key=lambda each: (each.start, each.sequence))
            if head.end > self._position:
                return head
            del self._held[head.sequence]
            self.dropped += 1
        return None

    def _when(self, head: _Held | None) -> float:
        """The time from which the next thing is to be handed out; long ago when it is there."""
        due = self._lateness.due(self._position / self._rate)
        if head is None:
            return due + (self.wait if self._falls_silent else LONGEST)
        if head.start <= self._position or head.sequence == self._last + 1:
            return -math.inf  # a packet in its turn, or a pause of the sender's in which nothing was lost
        return due + self.wait

    def _hand_out(self, head: _Held) -> Frame:
        del self._held[head.sequence]
        frame = Frame(head.payload, self._position - head.start)
        self._position, self._last = head.end, head.sequence
        self._gap_ticks = max(head.end - head.start, round(_SHORTEST_GAP * self._rate))
        self._falls_silent = head.falls_silent
        return frame

    def _gap(self, head: _Held | None) -> Gap:
        """One packet's worth of what is missing, the odd rest first, so that the last piece is the packet before."""
        if head is None:
            self._position += self._gap_ticks
            return Gap(self._gap_ticks)
        missing = head.start - self._position
        ticks = missing % self._gap_ticks or self._gap_ticks
        self._position += ticks
        lost = head.sequence != self._last + 1
        return Gap(ticks, head.payload if lost and ticks == missing else None)
