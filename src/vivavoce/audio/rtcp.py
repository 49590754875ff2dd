"""RTCP: the reports that both ends of an RTP stream send each other (RFC 3550 6), as bytes and back."""

from __future__ import annotations

import struct
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

_SR, _RR, _SDES, _BYE = 200, 201, 202, 203
_CNAME = 1
_HEADER = struct.Struct("!BBH")
_BLOCK = struct.Struct("!IIIIII")
_SENDER = struct.Struct("!IQIII")
_NTP_EPOCH = 2_208_988_800
"""Seconds from 1900, where NTP counts from, to 1970."""


@dataclass(frozen=True, slots=True)
class ReportBlock:
    """What one receiver says of one stream.

    `fraction_lost` is in 1/256 since the report before; `lost` may be negative (duplicates); `highest` is the
    sequence number with its wraps above it, modulo 2^32; `jitter` is in ticks; `last_report` is the middle 32 bits
    of the sender's last NTP time (0 for none) and `since_last_report` the time since it came, in 1/65536 s.
    """

    ssrc: int
    fraction_lost: int
    lost: int
    highest: int
    jitter: int
    last_report: int
    since_last_report: int


@dataclass(frozen=True, slots=True)
class SenderReport:
    """`ntp` (64 bits, see `ntp_time`) and `timestamp` name the same moment; `packets` and `octets` were sent so far."""

    ssrc: int
    ntp: int
    timestamp: int
    packets: int
    octets: int
    blocks: tuple[ReportBlock, ...] = ()


@dataclass(frozen=True, slots=True)
class ReceiverReport:
    """From one who sends nothing."""

    ssrc: int
    blocks: tuple[ReportBlock, ...] = ()


@dataclass(frozen=True, slots=True)
class SourceDescription:
    """`cname` is the name of a source that stays when its `ssrc` changes: up to 255 bytes of UTF-8."""

    ssrc: int
    cname: str


@dataclass(frozen=True, slots=True)
class Bye:
    """These sources will send no more."""

    ssrcs: tuple[int, ...]
    reason: str = ""


Rtcp = SenderReport | ReceiverReport | SourceDescription | Bye


def ntp_time(unix: float) -> int:
    """Unix seconds as an NTP timestamp: seconds since 1900 in the upper 32 bits, fractions in the lower ones."""
    return int((unix + _NTP_EPOCH) * (1 << 32)) & 0xFFFFFFFFFFFFFFFF


def middle(ntp: int) -> int:
    """The 32 bits of an NTP timestamp that reports refer to: 1/65536 s."""
    return ntp >> 16 & 0xFFFFFFFF


def round_trip(block: ReportBlock, ntp: int) -> float | None:
    """Seconds to the reporter and back, when `block` came at `ntp`; None before it has heard a report of ours.

    RFC 3550 6.4.1, figure 2. A reporter whose clock is coarse may give a hair less than nothing: that is 0.
    """
    if not block.last_report:
        return None
    ticks = (middle(ntp) - block.last_report - block.since_last_report) & 0xFFFFFFFF
    return 0.0 if ticks >> 31 else ticks / 65536


def build(packets: Iterable[Rtcp]) -> bytes:
    """One datagram. A compound packet begins with a report and describes its source (RFC 3550 6.1).

    Raises `ValueError` when a field does not fit.
    """
    try:
        return b"".join(_build(packet) for packet in packets)
    except struct.error as error:
        raise ValueError(f"a field of this RTCP packet is out of range: {error}") from error


def parse(data: bytes) -> list[Rtcp]:
    """The packets of a datagram that are known here, the others left out. Raises `ValueError` when it is malformed."""
    try:
        return [packet for each in _packets(data) for packet in _parse(*each)]
    except (struct.error, IndexError) as error:
        raise ValueError("this RTCP packet is cut off") from error


def _build(packet: Rtcp) -> bytes:
    match packet:
        case SenderReport():
            sender = _SENDER.pack(packet.ssrc, packet.ntp, packet.timestamp, packet.packets, packet.octets)
            return _framed(_SR, len(packet.blocks), sender + _blocks(packet.blocks))
        case ReceiverReport():
            return _framed(_RR, len(packet.blocks), struct.pack("!I", packet.ssrc) + _blocks(packet.blocks))
        case SourceDescription():
            name = packet.cname.encode()
            chunk = struct.pack("!IBB", packet.ssrc, _CNAME, len(name)) + name
            return _framed(_SDES, 1, chunk + bytes(4 - len(chunk) % 4))  # at least one zero ends the list
        case Bye():
            reason = packet.reason.encode()
            said = struct.pack("!B", len(reason)) + reason if reason else b""
            body = struct.pack(f"!{len(packet.ssrcs)}I", *packet.ssrcs) + said
            return _framed(_BYE, len(packet.ssrcs), body + bytes(-len(body) % 4))


def _framed(kind: int, count: int, body: bytes) -> bytes:
    if count > 31:
        raise ValueError(f"an RTCP packet holds at most 31 entries, not {count}")
    return _HEADER.pack(2 << 6 | count, kind, len(body) // 4) + body


def _blocks(blocks: tuple[ReportBlock, ...]) -> bytes:
    return b"".join(
        _BLOCK.pack(
            block.ssrc,
            block.fraction_lost << 24 | (block.lost & 0xFFFFFF),
            block.highest,
            block.jitter,
            block.last_report,
            block.since_last_report,
        )
        for block in blocks
    )


def _packets(data: bytes) -> Iterator[tuple[int, int, bytes]]:
    """Kind, count and body of each packet (RFC 3550 A.2)."""
    at = 0
    while at < len(data):
        first, kind, words = _HEADER.unpack_from(data, at)
        end = at + _HEADER.size + 4 * words
        if first >> 6 != 2 or end > len(data):
            raise ValueError("this RTCP packet has the wrong version or is cut off")
        padding = data[end - 1] if first & 0x20 else 0
        yield kind, first & 0x1F, data[at + _HEADER.size : end - padding]
        at = end


def _parse(kind: int, count: int, body: bytes) -> Iterator[Rtcp]:
    if kind == _SR:
        ssrc, ntp, timestamp, packets, octets = _SENDER.unpack_from(body)
        blocks = _parse_blocks(body[_SENDER.size :], count)
        yield SenderReport(ssrc, ntp, timestamp, packets, octets, blocks)
    elif kind == _RR:
        (ssrc,) = struct.unpack_from("!I", body)
        yield ReceiverReport(ssrc, _parse_blocks(body[4:], count))
    elif kind == _SDES:
        yield from _parse_sources(body, count)
    elif kind == _BYE:
        said = body[4 * count :]
        reason = said[1 : 1 + said[0]].decode(errors="replace") if said else ""
        yield Bye(struct.unpack_from(f"!{count}I", body), reason)


def _parse_blocks(body: bytes, count: int) -> tuple[ReportBlock, ...]:
    blocks = []
    for at in range(0, count * _BLOCK.size, _BLOCK.size):
        ssrc, loss, *rest = _BLOCK.unpack_from(body, at)
        lost = (loss & 0xFFFFFF) - ((loss & 0x800000) << 1)
        blocks.append(ReportBlock(ssrc, loss >> 24, lost, *rest))
    return tuple(blocks)


def _parse_sources(body: bytes, count: int) -> Iterator[SourceDescription]:
    at = 0
    for _ in range(count):
        (ssrc,) = struct.unpack_from("!I", body, at)
        at += 4
        while body[at]:
            kind, length = body[at], body[at + 1]
            if kind == _CNAME:
                yield SourceDescription(ssrc, body[at + 2 : at + 2 + length].decode(errors="replace"))
            at += 2 + length
        at += 4 - at % 4  # one zero at least, up to the next word
