"""G.711, the codec of the telephone: one byte per sample at 8 kHz (ITU-T G.711; RFC 3551 4.5.14)."""

from __future__ import annotations

import audioop  # from Python 3.13 the audioop-lts package provides it

import numpy as np

from vivavoce.audio.pcm import Pcm

G711_RATE = 8_000
"""Hz of G.711 on every wire: the session types `audio/pcmu` and `audio/pcma`, RTP payload types 0 and 8."""

ULAW_SILENCE = b"\xff"
"""The mu-law byte of the sample 0."""

ALAW_SILENCE = b"\xd5"
"""The A-law byte nearest to the sample 0; A-law has no zero."""


def ulaw_encode(pcm: Pcm) -> bytes:
    """Mu-law bytes, one per sample. Raises `ValueError` when `pcm` is not at `G711_RATE`."""
    return bytes(audioop.lin2ulaw(_telephone(pcm), 2))


def ulaw_decode(data: bytes) -> Pcm:
    """The samples of mu-law bytes, one each, at `G711_RATE`. Every byte is valid."""
    return Pcm(np.frombuffer(audioop.ulaw2lin(data, 2), dtype=np.int16), G711_RATE)


def alaw_encode(pcm: Pcm) -> bytes:
    """A-law bytes, one per sample. Raises `ValueError` when `pcm` is not at `G711_RATE`."""
    return bytes(audioop.lin2alaw(_telephone(pcm), 2))


def alaw_decode(data: bytes) -> Pcm:
    """The samples of A-law bytes, one each, at `G711_RATE`. Every byte is valid."""
    return Pcm(np.frombuffer(audioop.alaw2lin(data, 2), dtype=np.int16), G711_RATE)


def _telephone(pcm: Pcm) -> bytes:
    """Native-endian samples, which is what audioop reads."""
    if pcm.rate != G711_RATE:
        raise ValueError(f"G.711 is {G711_RATE} Hz, this audio is {pcm.rate} Hz")
    return pcm.samples.tobytes()
