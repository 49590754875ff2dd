"""Ogg pages: what FFmpeg reads and writes, and what is damaged."""

from __future__ import annotations

import io

import av
import numpy as np
import pytest

from vivavoce.audio import ogg
from vivavoce.audio.ogg import MOST_HELD, OggOpusReader, OggOpusWriter
from vivavoce.audio.opus import OpusDecoder, OpusEncoder
from vivavoce.audio.pcm import Pcm
from vivavoce.testing.script import sound

TICKS = 960
"""Of 20 ms."""


def packets(count: int = 10) -> list[bytes]:
    encoder = OpusEncoder()
    return [encoder.encode(piece) for piece in Pcm.join(sound(20 * count)).chunks(20)]


def stream(of: list[bytes]) -> list[bytes]:
    """The headers, and a page for each packet."""
    writer = OggOpusWriter(24_000)
    return [writer.head, *(writer.page(packet, TICKS) for packet in of)]


def test_ffmpeg_reads_what_is_written() -> None:
    data = b"".join(stream(packets(50)))
    with av.open(io.BytesIO(data), "r", format="ogg") as container:
        frames = list(container.decode(audio=0))
        assert container.streams.audio[0].codec_context.name in ("opus", "libopus")
    seconds = sum(frame.samples / frame.sample_rate for frame in frames)
    assert seconds == pytest.approx(1.0, abs=0.05)


def test_what_ffmpeg_writes_is_read() -> None:
    buffer = io.BytesIO()
    with av.open(buffer, "w", format="ogg") as container:
        track = container.add_stream("libopus", rate=48_000, layout="mono")
        frame = av.AudioFrame.from_ndarray(np.zeros((1, 48_000), np.int16), format="s16", layout="mono")
        frame.sample_rate = 48_000
        container.mux([*track.encode(frame), *track.encode(None)])
    decoder = OpusDecoder()
    read = [decoder.decode(packet) for packet in OggOpusReader().feed(buffer.getvalue())]
    assert sum(piece.ms for piece in read) == pytest.approx(1000, abs=40)


@pytest.mark.parametrize("size", [1, 7, 300, 100_000])
def test_the_packets_come_back_however_the_stream_is_cut(size: int) -> None:
    sent = packets()
    data, reader = b"".join(stream(sent)), OggOpusReader()
    read = [packet for at in range(0, len(data), size) for packet in reader.feed(data[at : at + size])]
    assert read == sent


@pytest.mark.parametrize("length", [0, 254, 255, 256, 510, 60_000])
def test_packets_of_any_length(length: int) -> None:
    sent = [bytes(length), b"next"]
    assert OggOpusReader().feed(b"".join(stream(sent))) == sent


def test_a_packet_over_two_pages() -> None:
    head, page = stream([bytes(255) + b"end"])
    body = page[27 + 2 :]
    first = _resealed(page[:26] + bytes([1, 255]) + body[:255])
    second = _resealed(page[:5] + b"\x01" + page[6:26] + bytes([1, 3]) + body[255:])
    assert OggOpusReader().feed(head + first + second) == [bytes(255) + b"end"]
    for wrong in (first + first, second):
        with pytest.raises(ValueError, match="not whole"):
            OggOpusReader().feed(head + wrong)


def _resealed(page: bytes) -> bytes:
    blank = page[:22] + bytes(4) + page[26:]
    return page[:22] + ogg._checksum(blank).to_bytes(4, "little") + page[26:]


def test_what_is_no_ogg() -> None:
    for data in (b"R", b"RIFF....WAVE", b"Ogg!"):
        with pytest.raises(ValueError, match="no page"):
            OggOpusReader().feed(data)


def test_a_damaged_page() -> None:
    head, page = stream([b"packet"])
    with pytest.raises(ValueError, match="damaged"):
        OggOpusReader().feed(head + page[:-1] + b"?")
    with pytest.raises(ValueError, match="damaged"):
        OggOpusReader().feed(head + _resealed(page[:4] + b"\x01" + page[5:]))


def test_a_page_of_another_stream() -> None:
    other = OggOpusWriter(24_000, serial=2)
    with pytest.raises(ValueError, match="another stream"):
        OggOpusReader().feed(OggOpusWriter(24_000).head + other.head)


def test_what_is_no_opus() -> None:
    head, page = stream([b"packet"])
    with pytest.raises(ValueError, match="OpusHead is missing"):
        OggOpusReader().feed(page)
    with pytest.raises(ValueError, match="OpusTags is missing"):
        OggOpusReader().feed(head[: 27 + 1 + 19] + page)


def test_a_packet_that_does_not_end() -> None:
    head, page = stream([bytes(255 * 254)])
    endless = _resealed(page[:26] + bytes([254]) + bytes([255] * 254) + bytes(255 * 254))
    further = _resealed(page[:5] + b"\x01" + page[6:26] + bytes([254]) + bytes([255] * 254) + bytes(255 * 254))
    reader = OggOpusReader()
    reader.feed(head + endless)
    with pytest.raises(ValueError, match="does not end"):
        reader.feed(further * (MOST_HELD // len(further) + 1))


def test_a_packet_that_is_too_long_is_not_written() -> None:
    with pytest.raises(ValueError, match="does not fit"):
        OggOpusWriter(24_000).page(bytes(255 * 255), TICKS)
