"""The audio in a stream of chat completions: base64 of raw PCM, or of WAV files, as different servers send it.

OpenAI sends pieces of one PCM stream, vLLM-Omni a whole WAV file in each piece, others a WAV header and then PCM.
"""

from __future__ import annotations

import base64
import binascii

from vivavoce.audio.pcm import Pcm
from vivavoce.audio.wav import read_wav
from vivavoce.ports import MAX_CHUNK_MS

MIN_CHUNK_MS = 20
"""Less than this is kept until more comes, so that a trickling server does not make a flood of tiny chunks."""
RATES = (8_000, 192_000)
"""Hz that a voice may have."""

_CONTAINERS = (b"OggS", b"fLaC", b"ID3")


class Sound:
    """One answer's audio. `rate` is the Hz of PCM without a header."""

    def __init__(self, rate: int) -> None:
        self._rate = rate
        self._told = False
        """Something was given out: the rate stays what it is."""
        self._rest = b""
        """Bytes of PCM that are not given out yet, half a sample among them."""

    def feed(self, data: str) -> list[Pcm]:
        """Pieces of at most `MAX_CHUNK_MS`. Raises `ValueError`, with what is wrong, for what is no such audio."""
        try:
            audio = base64.b64decode(data, validate=True)
        except (binascii.Error, ValueError):
            raise ValueError("audio that is not base64") from None
        if audio.startswith(b"RIFF"):
            audio = self._unwrapped(audio)
        elif audio.startswith(_CONTAINERS) and not self._told:
            raise ValueError("audio that is neither PCM nor WAV")
        self._rest += audio
        return self._take(MIN_CHUNK_MS) if len(self._rest) >= self._bytes(MIN_CHUNK_MS) else []

    def finish(self) -> list[Pcm]:
        """The end: what is left, but for half a sample."""
        return self._take(0)

    def _unwrapped(self, file: bytes) -> bytes:
        try:
            pcm = read_wav(file)
        except ValueError as error:
            raise ValueError(f"a WAV file that cannot be read ({error})") from None
        if pcm.rate != self._rate and self._told:
            raise ValueError(f"audio at {pcm.rate} Hz after audio at {self._rate} Hz")
        if not RATES[0] <= pcm.rate <= RATES[1]:
            raise ValueError(f"audio at {pcm.rate} Hz, which no voice has")
        self._rate = pcm.rate
        # Headers have an even length: an odd file ends in half a sample, and goes on.
        return pcm.to_bytes() + (file[-1:] if len(file) & 1 else b"")

    def _take(self, least_ms: int) -> list[Pcm]:
        whole = len(self._rest) & ~1
        pieces = Pcm.from_bytes(self._rest[:whole], self._rate).chunks(MAX_CHUNK_MS)
        self._rest = self._rest[whole:]
        if len(pieces) > 1 and pieces[-1].ms < least_ms:
            self._rest = pieces.pop().to_bytes() + self._rest
        self._told = self._told or bool(pieces)
        return pieces

    def _bytes(self, ms: int) -> int:
        return self._rate * ms // 1000 * 2
