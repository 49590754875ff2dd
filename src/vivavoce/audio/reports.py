"""What each end of an RTP stream counts, and the reports made of it (RFC 3550 6.4, A.1, A.3 and A.8).

A browser takes its round-trip time and loss statistics from these reports alone.
"""

from __future__ import annotations

from vivavoce.audio.rtcp import ReportBlock, SenderReport, middle, ntp_time
from vivavoce.audio.rtp import RtpPacket, extend

MAX_DROPOUT = 3_000
"""A sequence number that is further ahead than this belongs to a stream that began anew (RFC 3550 A.1)."""
MAX_MISORDER = 100
"""So does one that is further behind than this."""


class Reception:
    """One stream as it arrives; `rate` is its clock in Hz. A new SSRC begins a new count."""

    def __init__(self, rate: int) -> None:
        self._rate = rate
        self._ssrc: int | None = None
        self._count = _Count(0)
        self._stray: int | None = None
        """The sequence number that would make of the last stray packet a stream that began anew."""
        self._heard = (0, 0.0)
        """Which report of the sender's came last (the middle of its NTP time), and when."""

    def arrived(self, packet: RtpPacket, now: float) -> None:
        """Count `packet`, which came at `now` (monotonic seconds), in whatever order, late or double."""
        if packet.ssrc != self._ssrc:
            self._ssrc, self._heard, self._count = packet.ssrc, (0, 0.0), _Count(packet.sequence)
        sequence = extend(packet.sequence, self._count.highest, 16)
        if not -MAX_MISORDER < sequence - self._count.highest < MAX_DROPOUT:
            if packet.sequence != self._stray:  # one stray packet is not a new stream; two in a row are
                self._stray = (packet.sequence + 1) & 0xFFFF
                return
            self._count = _Count(packet.sequence)
            sequence = packet.sequence
        self._stray = None
        self._count.add(sequence, packet.timestamp, now * self._rate)

    def sender_report(self, report: SenderReport, now: float) -> None:
        """Note when the sender's report came, so that ours tells it the round-trip time."""
        if report.ssrc == self._ssrc:
            self._heard = (middle(report.ntp), now)

    def report(self, now: float) -> ReportBlock | None:
        """The next report, with the loss since the one before; None before the first packet."""
        if self._ssrc is None:
            return None
        count, (last, came) = self._count, self._heard
        return ReportBlock(
            ssrc=self._ssrc,
            fraction_lost=count.fraction_lost(),
            lost=max(-0x800000, min(0x7FFFFF, count.lost)),
            highest=count.highest & 0xFFFFFFFF,
            jitter=int(count.jitter),
            last_report=last,
            since_last_report=min(0xFFFFFFFF, int((now - came) * 65536)) if last else 0,
        )


class _Count:
    """From the packet `first` on. Sequence numbers are whole: their wraps are counted."""

    def __init__(self, first: int) -> None:
        self.highest = first
        self.jitter = 0.0
        """Ticks, smoothed (RFC 3550 A.8)."""
        self._first = first
        self._received = 0
        self._reported = (0, 0)
        """Packets expected, and lost, up to the last report."""
        self._timestamp = 0
        self._transit: float | None = None

    @property
    def lost(self) -> int:
        """Packets that did not come, less those that came twice."""
        return self._expected - self._received

    @property
    def _expected(self) -> int:
        return self.highest - self._first + 1

    def add(self, sequence: int, timestamp: int, now: float) -> None:
        """A packet that came at `now` ticks."""
        self.highest = max(sequence, self.highest)
        self._received += 1
        self._timestamp = extend(timestamp, self._timestamp, 32)
        transit = now - self._timestamp
        if self._transit is not None:
            self.jitter += (abs(transit - self._transit) - self.jitter) / 16
        self._transit = transit

    def fraction_lost(self) -> int:
        """The loss since the last time this was asked, in 1/256 (RFC 3550 A.3)."""
        expected, lost = self._expected - self._reported[0], self.lost - self._reported[1]
        self._reported = (self._expected, self.lost)
        return min(255, (max(0, lost) << 8) // expected) if expected > 0 else 0


class Sending:
    """One stream as it leaves; `rate` is its clock in Hz."""

    def __init__(self, ssrc: int, rate: int) -> None:
        self.ssrc = ssrc
        self._rate = rate
        self._packets = self._octets = 0
        self._last = (0, 0.0)

    def sent(self, packet: RtpPacket, now: float) -> None:
        """Count `packet`, sent at `now` (monotonic seconds)."""
        self._packets += 1
        self._octets += len(packet.payload)
        self._last = (packet.timestamp, now)

    def report(self, now: float, unix: float) -> SenderReport | None:
        """The report of this moment, `unix` by the clock on the wall; None before the first packet."""
        if not self._packets:
            return None
        timestamp, sent = self._last
        return SenderReport(
            ssrc=self.ssrc,
            ntp=ntp_time(unix),
            timestamp=(timestamp + round((now - sent) * self._rate)) & 0xFFFFFFFF,
            packets=self._packets & 0xFFFFFFFF,
            octets=self._octets & 0xFFFFFFFF,
        )
