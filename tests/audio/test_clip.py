"""Audio files that people send: the usual kinds are read, the rest is refused, and none is read without end."""

from __future__ import annotations

import io

import av
import numpy as np
import pytest

from vivavoce.audio.clip import read_clip
from vivavoce.audio.pcm import Pcm
from vivavoce.audio.wav import wav_bytes


def speech(seconds: float, rate: int = 24_000) -> Pcm:
    at = np.arange(int(seconds * rate)) / rate
    return Pcm.from_float((0.3 * np.sin(2 * np.pi * 300 * at)).astype(np.float32), rate)


def encoded(pcm: Pcm, kind: str, codec: str) -> bytes:
    file = io.BytesIO()
    with av.open(file, "w", format=kind) as container:
        stream = container.add_stream(codec, rate=pcm.rate)
        assert isinstance(stream, av.AudioStream)
        stream.layout = "mono"
        frame = av.AudioFrame.from_ndarray(pcm.samples[None], format="s16", layout="mono")
        frame.sample_rate = pcm.rate
        container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    return file.getvalue()


@pytest.mark.parametrize(
    ("kind", "codec"),
    [("mp3", "libmp3lame"), ("ogg", "libopus"), ("flac", "flac"), ("adts", "aac"), ("webm", "libopus"), ("mp4", "aac")],
)
def test_the_usual_kinds(kind: str, codec: str) -> None:
    read = read_clip(encoded(speech(2, 48_000), kind, codec), 30)
    assert read.rate == 24_000
    assert read.ms == pytest.approx(2000, abs=100)
    assert np.abs(read.samples).max() > 6000


def test_a_wav_file_sample_by_sample() -> None:
    assert read_clip(wav_bytes(speech(1)), 30).to_bytes() == speech(1).to_bytes()


def test_no_more_is_read_than_asked_for() -> None:
    assert read_clip(wav_bytes(speech(5)), 2).ms == 2000


@pytest.mark.parametrize(
    "data",
    [b"", b"hello", b"#EXTM3U\nhttp://127.0.0.1/secret\n", b"ffconcat version 1.0\nfile /etc/hostname\n", b"%PDF-1.7"],
)
def test_what_is_no_audio_file_is_not_even_opened(data: bytes) -> None:
    with pytest.raises(ValueError, match="not an audio file"):
        read_clip(data, 30)


@pytest.mark.parametrize("data", [b"RIFF\0\0\0\0WAVEfmt ", b"OggS" + b"\0" * 100, b"ID3" + b"x" * 500, b"fLaC"])
def test_a_file_that_only_begins_like_audio(data: bytes) -> None:
    with pytest.raises(ValueError, match="holds no audio"):
        read_clip(data, 30)
