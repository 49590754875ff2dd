"""WAV files: reading what people have, writing what we hear (Microsoft RIFF; RFC 2361)."""

from __future__ import annotations

import struct
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from vivavoce.audio.pcm import Pcm

_INTEGER, _FLOAT, _EXTENSIBLE = 1, 3, 0xFFFE
_FORMAT = struct.Struct("<HHIIHH")
_HEADER = struct.Struct("<4sI4s4sIHHIIHH4sI")


@dataclass(frozen=True, slots=True)
class _Layout:
    """The `fmt ` chunk: `kind` is `_INTEGER` or `_FLOAT`, `rate` in Hz, `bits` per sample."""

    kind: int
    channels: int
    rate: int
    bits: int


def read_wav(source: Path | bytes) -> Pcm:
    """The audio of a WAV file, its channels averaged to mono, at the file's own rate.

    Takes 8, 16, 24 and 32 bits and 32- or 64-bit float. A file that was cut off, or streamed without a
    length, gives what is there. Raises `ValueError` for anything else, `OSError` when it cannot be read.
    """
    data = source if isinstance(source, bytes) else source.read_bytes()
    if data[:4] != b"RIFF" or data[8:12] != b"WAVE":
        raise ValueError("this is not a WAV file: it does not begin with RIFF and WAVE")
    layout: _Layout | None = None
    for name, body in _chunks(data):
        if name == b"fmt ":
            layout = _layout(body)
        elif name == b"data":
            if layout is None:
                raise ValueError("this WAV file has audio before it says in what format")
            return _mono(body, layout)
    raise ValueError("this WAV file holds no audio")


def wav_bytes(pcm: Pcm) -> bytes:
    """A 16-bit mono WAV file."""
    audio = pcm.to_bytes()
    byte_rate = pcm.rate * 2
    head = (b"RIFF", 36 + len(audio), b"WAVE", b"fmt ", 16, _INTEGER, 1, pcm.rate, byte_rate, 2, 16)
    return _HEADER.pack(*head, b"data", len(audio)) + audio


def write_wav(path: Path, pcm: Pcm) -> None:
    """Write a 16-bit mono WAV file. Raises `OSError`."""
    path.write_bytes(wav_bytes(pcm))


def _chunks(data: bytes) -> Iterator[tuple[bytes, bytes]]:
    at = 12
    while at + 8 <= len(data):
        name, size = data[at : at + 4], int.from_bytes(data[at + 4 : at + 8], "little")
        if name == b"data" and size == 0:  # what a program leaves that writes to a pipe
            size = len(data)
        yield name, data[at + 8 : at + 8 + size]
        at += 8 + size + (size & 1)


def _layout(body: bytes) -> _Layout:
    if len(body) < _FORMAT.size:
        raise ValueError("this WAV file's format description is cut off")
    kind, channels, rate, _, _, bits = _FORMAT.unpack_from(body)
    if kind == _EXTENSIBLE and len(body) >= 26:
        kind = int.from_bytes(body[24:26], "little")  # the first two bytes of the sub-format
    widths = {_INTEGER: (8, 16, 24, 32), _FLOAT: (32, 64)}.get(kind, ())
    if bits not in widths:
        raise ValueError(f"WAV format {kind} with {bits} bits is not supported, only PCM and float")
    if not channels or not rate:
        raise ValueError(f"this WAV file claims {channels} channels at {rate} Hz")
    return _Layout(kind, channels, rate, bits)


def _mono(body: bytes, layout: _Layout) -> Pcm:
    frame_bytes = layout.channels * layout.bits // 8
    samples = _samples(body[: len(body) - len(body) % frame_bytes], layout)
    if layout.channels > 1:
        samples = samples.reshape(-1, layout.channels).mean(axis=1)
    samples = np.nan_to_num(samples, nan=0.0)
    return Pcm(np.clip(np.rint(samples), -32768, 32767).astype(np.int16), layout.rate)


def _samples(body: bytes, layout: _Layout) -> NDArray[np.float64]:
    """All channels interleaved, scaled to the range of 16 bits."""
    if layout.kind == _FLOAT:
        return np.frombuffer(body, f"<f{layout.bits // 8}").astype(np.float64) * 32768
    if layout.bits == 8:  # the only unsigned one
        return (np.frombuffer(body, np.uint8).astype(np.float64) - 128) * 256
    if layout.bits == 24:
        triples = np.frombuffer(body, np.uint8).reshape(-1, 3)
        words = np.zeros((len(triples), 4), np.uint8)
        words[:, 1:] = triples
        return words.view("<i4")[:, 0].astype(np.float64) / 65536
    scale = 65536 if layout.bits == 32 else 1
    return np.frombuffer(body, f"<i{layout.bits // 8}").astype(np.float64) / scale
