"""Audio files that people send: any usual kind, read with bounds."""

from __future__ import annotations

import io

import av
from av.error import FFmpegError

from vivavoce.audio.pcm import WIRE_RATE, Pcm

# FFmpeg told the kind opens that kind alone: left to guess, it reads playlists too, and fetches what they name.
_KINDS = {
    b"RIFF": "wav",
    b"OggS": "ogg",
    b"fLaC": "flac",
    b"ID3": "mp3",
    b"\xff\xfb": "mp3",
    b"\xff\xf3": "mp3",
    b"\xff\xf2": "mp3",
    b"\xff\xf1": "aac",
    b"\xff\xf9": "aac",
    b"\x1aE\xdf\xa3": "matroska",
}
_MP4 = b"ftyp"  # four bytes after the beginning


def read_clip(data: bytes, longest_s: float) -> Pcm:
    """The audio of a WAV, MP3, Ogg, FLAC, AAC, WebM or MP4 file as mono at 24 kHz, at most `longest_s` seconds of it.

    It may take a while. Raises `ValueError` for anything else.
    """
    kind = next((kind for mark, kind in _KINDS.items() if data.startswith(mark)), None)
    kind = "mp4" if data[4:8] == _MP4 else kind
    if kind is None:
        raise ValueError("this is not an audio file that can be read: WAV, MP3, Ogg, FLAC, AAC, WebM and MP4 can")
    try:
        return _decoded(data, kind, round(longest_s * WIRE_RATE))
    except (FFmpegError, ValueError) as error:
        raise ValueError(f"this {kind} file holds no audio that can be read") from error


def _decoded(data: bytes, kind: str, most: int) -> Pcm:
    pieces: list[bytes] = []
    samples = 0
    with av.open(io.BytesIO(data), "r", format=kind) as container:
        if not container.streams.audio:
            raise ValueError("no audio")
        resampler = av.AudioResampler(format="s16", layout="mono", rate=WIRE_RATE)
        for frame in container.decode(audio=0):
            for piece in resampler.resample(frame):
                pieces.append(piece.to_ndarray().tobytes())
                samples += piece.samples
            if samples >= most:
                break
    return Pcm.from_bytes(b"".join(pieces)[: 2 * most], WIRE_RATE)
