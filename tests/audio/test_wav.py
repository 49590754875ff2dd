"""WAV files of every usual kind are read, and what is none is refused with a sentence."""

import struct
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from vivavoce.audio.pcm import Pcm
from vivavoce.audio.wav import read_wav, wav_bytes, write_wav

SAMPLES = np.array([0, 256, -256, 16_384, -16_384, 32_512, -32_768], np.int16)


def chunk(name: bytes, body: bytes) -> bytes:
    return name + struct.pack("<I", len(body)) + body + b"\0" * (len(body) % 2)


def wav(body: bytes, bits: int, kind: int = 1, channels: int = 1, rate: int = 16_000, extra: bytes = b"") -> bytes:
    block = channels * bits // 8
    fmt = struct.pack("<HHIIHH", kind, channels, rate, rate * block, block, bits) + extra
    inside = b"WAVE" + chunk(b"fmt ", fmt) + chunk(b"LIST", b"odd") + chunk(b"data", body)
    return b"RIFF" + struct.pack("<I", len(inside)) + inside


def as_24_bits(samples: NDArray[np.int16]) -> bytes:
    return b"".join((int(s) * 256).to_bytes(3, "little", signed=True) for s in samples)


@pytest.mark.parametrize(
    "data",
    [
        wav((SAMPLES // 256 + 128).astype(np.uint8).tobytes(), 8),
        wav(SAMPLES.tobytes(), 16),
        wav(as_24_bits(SAMPLES), 24),
        wav((SAMPLES.astype("<i4") * 65536).tobytes(), 32),
        wav((SAMPLES / 32768).astype("<f4").tobytes(), 32, kind=3),
        wav((SAMPLES / 32768).astype("<f8").tobytes(), 64, kind=3),
        wav(SAMPLES.tobytes(), 16, kind=0xFFFE, extra=struct.pack("<HHIH14x", 22, 16, 4, 1)),
    ],
    ids=["8", "16", "24", "32", "float32", "float64", "extensible"],
)
def test_each_sample_format_gives_the_same_audio(data: bytes) -> None:
    pcm = read_wav(data)
    assert pcm.rate == 16_000
    assert pcm.samples.tolist() == SAMPLES.tolist()


def test_channels_are_averaged() -> None:
    stereo = np.stack((SAMPLES, np.zeros_like(SAMPLES)), axis=1)
    assert read_wav(wav(stereo.tobytes(), 16, channels=2)).samples.tolist() == np.rint(SAMPLES / 2).tolist()


def test_a_file_is_written_and_read_again(tmp_path: Path) -> None:
    write_wav(tmp_path / "a.wav", Pcm(SAMPLES, 44_100))
    again = read_wav(tmp_path / "a.wav")
    assert (again.rate, again.samples.tolist()) == (44_100, SAMPLES.tolist())


@pytest.mark.parametrize("size", [0, 0xFFFFFFFF])
def test_a_streamed_file_without_a_length_gives_all_that_is_there(size: int) -> None:
    data = bytearray(wav_bytes(Pcm(SAMPLES, 8_000)))
    data[40:44] = struct.pack("<I", size)
    assert read_wav(bytes(data)).samples.tolist() == SAMPLES.tolist()


def test_a_file_cut_off_inside_a_sample_gives_the_whole_ones() -> None:
    assert read_wav(wav_bytes(Pcm(SAMPLES, 8_000))[:-3]).samples.tolist() == SAMPLES[:-2].tolist()


def test_float_audio_beyond_full_scale_is_clipped() -> None:
    loud = np.array([2.0, -2.0, np.nan], "<f4")
    assert read_wav(wav(loud.tobytes(), 32, kind=3)).samples.tolist() == [32767, -32768, 0]


@pytest.mark.parametrize(
    ("data", "problem"),
    [
        (b"", "not a WAV file"),
        (b"ID3\x04 an mp3 file", "not a WAV file"),
        (b"RIFF\0\0\0\0WAVE", "holds no audio"),
        (b"RIFF\0\0\0\0WAVE" + chunk(b"data", b"1234"), "before it says in what format"),
        (b"RIFF\0\0\0\0WAVE" + chunk(b"fmt ", b"12"), "cut off"),
        (wav(b"", 4, kind=17), "format 17 with 4 bits is not supported"),
        (wav(b"12", 16, channels=0), "claims 0 channels"),
    ],
)
def test_what_cannot_be_read_is_refused_with_the_reason(data: bytes, problem: str) -> None:
    with pytest.raises(ValueError, match=problem):
        read_wav(data)


@given(st.binary(max_size=200))
def test_no_bytes_raise_anything_but_value_error(noise: bytes) -> None:
    for data in (noise, b"RIFF\0\0\0\0WAVE" + noise, wav(noise, 24, channels=3)):
        try:
            read_wav(data)
        except ValueError:
            continue
