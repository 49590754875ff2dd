"""Opus in Ogg, as a stream that never ends: pages as they come and go (RFC 3533, RFC 7845)."""

from __future__ import annotations

import struct

OPUS_CLOCK = 48_000
"""Ticks per second of granule positions, whatever rate was encoded (RFC 7845 4)."""
MOST_HELD = 256 * 1024
"""Bytes of a page or packet that is not whole yet: four of the largest pages."""

_PAGE = struct.Struct("<4sBBqIIIB")
"""Capture pattern, version, type, granule position, serial number, sequence number, checksum, segments."""
_CONTINUED, _FIRST = 1, 2
_CHECKSUM_AT = 22
_LONGEST = 255 * 255
_HEAD, _TAGS = b"OpusHead", b"OpusTags"


class OggOpusWriter:
    """One mono stream, a packet on each page, so that nothing waits for the next."""

    def __init__(self, rate: int, serial: int = 1, vendor: str = "vivavoce") -> None:
        """`rate` is in Hz, and only says what was encoded; `serial` tells streams apart."""
        self._serial = serial
        self._sequence = 0
        self._ticks = 0
        name = vendor.encode()
        head = _HEAD + struct.pack("<BBHIhB", 1, 1, 0, rate, 0, 0)
        tags = _TAGS + struct.pack(f"<I{len(name)}sI", len(name), name, 0)
        self.head = self._page(head, _FIRST) + self._page(tags, 0)
        """What comes before all packets."""

    def page(self, packet: bytes, ticks: int) -> bytes:
        """The page of a packet that lasts `ticks`. Raises `ValueError` for one that is longer than any Opus packet."""
        if len(packet) >= _LONGEST:
            raise ValueError("Ogg: a packet that does not fit on a page")
        self._ticks += ticks
        return self._page(packet, 0)

    def _page(self, packet: bytes, kind: int) -> bytes:
        lengths = bytes([255] * (len(packet) // 255) + [len(packet) % 255])
        header = _PAGE.pack(b"OggS", 0, kind, self._ticks, self._serial, self._sequence, 0, len(lengths))
        self._sequence += 1
        page = bytearray(header + lengths + packet)
        struct.pack_into("<I", page, _CHECKSUM_AT, _checksum(page))
        return bytes(page)


class OggOpusReader:
    """One stream, in pieces of any size. What a player would skip at the very beginning (`pre-skip`) is not."""

    def __init__(self) -> None:
        self._data = bytearray()
        self._packet = bytearray()
        self._begun: int | None = None
        """The stream's serial number."""
        self._headers = 0
        """How many of the two packets before the audio have come."""

    def feed(self, data: bytes) -> list[bytes]:
        """The Opus packets that are whole now. Raises `ValueError` for what is no Ogg, no Opus, or damaged."""
        self._data += data
        packets: list[bytes] = []
        while (page := self._next_page()) is not None:
            packets += self._packets(*page)
        if len(self._data) + len(self._packet) > MOST_HELD:
            raise ValueError("Ogg: a packet that does not end")
        return [packet for packet in packets if not self._is_header(packet)]

    def _next_page(self) -> tuple[int, bytes, bytes] | None:
        """Its type, the lengths of its segments, and what is in them; None: it is not whole yet."""
        if not b"OggS".startswith(self._data[:4]):
            raise ValueError("Ogg: no page where one should begin")
        if len(self._data) < _PAGE.size:
            return None
        _, version, kind, _, serial, _, checksum, segments = _PAGE.unpack_from(self._data)
        body = _PAGE.size + segments
        end = body + sum(self._data[_PAGE.size : body])
        if len(self._data) < body or len(self._data) < end:
            return None
        page = self._data[:end]
        del self._data[:end]
        struct.pack_into("<I", page, _CHECKSUM_AT, 0)
        if version != 0 or _checksum(page) != checksum:
            raise ValueError("Ogg: a damaged page")
        if self._begun is None:
            self._begun = serial
        if serial != self._begun:
            raise ValueError("Ogg: a page of another stream")
        return kind, bytes(page[_PAGE.size : body]), bytes(page[body:])

    def _packets(self, kind: int, lengths: bytes, body: bytes) -> list[bytes]:
        if bool(kind & _CONTINUED) != bool(self._packet):
            raise ValueError("Ogg: a packet that is not whole")
        packets, at = [], 0
        for length in lengths:
            self._packet += body[at : at + length]
            at += length
            if length < 255:
                packets.append(bytes(self._packet))
                self._packet.clear()
        return packets

    def _is_header(self, packet: bytes) -> bool:
        if self._headers == 2:
            return False
        wanted = (_HEAD, _TAGS)[self._headers]
        if not packet.startswith(wanted):
            raise ValueError(f"Ogg: {wanted.decode()} is missing")
        self._headers += 1
        return True


def _table() -> list[int]:
    """Of the checksum: CRC-32 with the generator 0x04c11db7, most significant bit first (RFC 3533 6)."""
    table = []
    for byte in range(256):
        value = byte << 24
        for _ in range(8):
            value = (value << 1) ^ (0x04C11DB7 if value & 0x8000_0000 else 0)
        table.append(value & 0xFFFF_FFFF)
    return table


_TABLE = _table()


def _checksum(page: bytes | bytearray) -> int:
    value = 0
    for byte in page:
        value = ((value << 8) & 0xFFFF_FFFF) ^ _TABLE[(value >> 24) ^ byte]
    return value
