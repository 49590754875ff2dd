"""RTP packets as bytes and back, and counters that wrap made whole (RFC 3550 5.1, RFC 5761 4)."""

from __future__ import annotations

import struct
from dataclasses import dataclass

_VERSION = 2
_HEADER = struct.Struct("!BBHII")
_EXTENSION = struct.Struct("!HH")


@dataclass(frozen=True, slots=True)
class Extension:
    """A header extension: `profile` says how to read `data`, whose length is a multiple of 4 bytes."""

    profile: int
    data: bytes


@dataclass(frozen=True, slots=True)
class RtpPacket:
    """One packet. `timestamp` counts ticks of the codec's clock (48 kHz for Opus, 8 kHz for G.711), modulo 2^32.

    `padding` is how many bytes follow the payload, the one that says so included; 0 for none.
    """

    payload_type: int
    sequence: int
    timestamp: int
    ssrc: int
    payload: bytes
    marker: bool = False
    csrc: tuple[int, ...] = ()
    extension: Extension | None = None
    padding: int = 0

    @staticmethod
    def parse(data: bytes) -> RtpPacket:
        """Raises `ValueError` when `data` is not a whole RTP packet."""
        if len(data) < _HEADER.size:
            raise ValueError(f"an RTP packet has at least {_HEADER.size} bytes, not {len(data)}")
        first, second, sequence, timestamp, ssrc = _HEADER.unpack_from(data)
        if first >> 6 != _VERSION:
            raise ValueError(f"RTP version {first >> 6} is not supported, only {_VERSION}")
        sources = first & 0x0F
        at = _HEADER.size + 4 * sources
        extension, at = _extension(data, at) if first & 0x10 else (None, at)
        padding = data[-1] if first & 0x20 else 0
        if (first & 0x20 and not padding) or at + padding > len(data):
            raise ValueError("this RTP packet's header or padding claims more bytes than there are")
        return RtpPacket(
            payload_type=second & 0x7F,
            sequence=sequence,
            timestamp=timestamp,
            ssrc=ssrc,
            payload=bytes(data[at : len(data) - padding]),
            marker=bool(second & 0x80),
            csrc=struct.unpack_from(f"!{sources}I", data, _HEADER.size),
            extension=extension,
            padding=padding,
        )

    def serialise(self) -> bytes:
        """The packet as it travels. Raises `ValueError` when a field does not fit the header."""
        if len(self.csrc) > 15 or not 0 <= self.padding <= 255:
            raise ValueError("an RTP packet names at most 15 sources and is padded by at most 255 bytes")
        if self.extension is not None and len(self.extension.data) % 4:
            raise ValueError("an RTP header extension is a multiple of 4 bytes")
        first = _VERSION << 6 | bool(self.padding) << 5 | (self.extension is not None) << 4 | len(self.csrc)
        second = self.marker << 7 | self.payload_type
        try:
            parts = [
                _HEADER.pack(first, second, self.sequence, self.timestamp, self.ssrc),
                struct.pack(f"!{len(self.csrc)}I", *self.csrc),
            ]
            if self.extension is not None:
                parts += [_EXTENSION.pack(self.extension.profile, len(self.extension.data) // 4), self.extension.data]
        except struct.error as error:
            raise ValueError(f"a field of this RTP packet is out of range: {error}") from error
        padding = bytes(self.padding - 1) + bytes([self.padding]) if self.padding else b""
        return b"".join([*parts, self.payload, padding])


def is_rtcp(data: bytes) -> bool:
    """Whether a datagram on a shared port is RTCP and not RTP, by its second byte (RFC 5761 4)."""
    return len(data) > 1 and 192 <= data[1] <= 223


def extend(value: int, near: int, bits: int) -> int:
    """The number nearest to `near` that a counter of `bits` bits shows as `value`: unwraps sequences and timestamps."""
    half = 1 << (bits - 1)
    return near + ((value - near + half) & ((1 << bits) - 1)) - half


def _extension(data: bytes, at: int) -> tuple[Extension, int]:
    if at + _EXTENSION.size > len(data):
        raise ValueError("this RTP packet ends within its header")
    profile, words = _EXTENSION.unpack_from(data, at)
    end = at + _EXTENSION.size + 4 * words
    return Extension(profile, bytes(data[at + _EXTENSION.size : end])), end
