"""Between the wire's audio formats and the server's one: 24 kHz mono PCM16 (PROTOCOL.md 3.2)."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator

from msgspec import UNSET
from msgspec.structs import replace

from vivavoce.audio import g711
from vivavoce.audio.pcm import WIRE_RATE, Pcm
from vivavoce.audio.resample import Resampler, resample
from vivavoce.protocol.items import ClientItem, ClientMessage, InputAudio, Item, Message
from vivavoce.protocol.session import AudioFormat, AudioPcm, AudioPcmu

TELEPHONE_RATE = 8000
PIECE_BYTES = 4800
"""100 ms of PCM, 600 ms of G.711."""


class Decoder:
    """The caller's stream. It carries what a stream carries over: half a sample, the resampler's memory."""

    def __init__(self, wire: AudioFormat) -> None:
        self.format = wire
        self._half = b""
        self._resampler = Resampler(TELEPHONE_RATE, WIRE_RATE)

    def decode(self, data: bytes) -> bytes:
        """24 kHz PCM16 of the next piece."""
        if not isinstance(self.format, AudioPcm):
            return self._resampler.push(_telephone(self.format, data)).to_bytes()
        data = self._half + data
        whole = len(data) & ~1
        self._half = data[whole:]
        return data[:whole]

    def flush(self) -> bytes:
        """24 kHz PCM16 that was held back; what comes next begins a new stream."""
        self._half = b""
        return self._resampler.flush().to_bytes()


class Encoder:
    """One answer's stream."""

    def __init__(self, wire: AudioFormat) -> None:
        self.format = wire
        self._rate = WIRE_RATE if isinstance(wire, AudioPcm) else TELEPHONE_RATE
        self._resampler: Resampler | None = None

    def encode(self, audio: Pcm) -> tuple[bytes, int]:
        """The next piece in the wire's format, and its length in samples at 24 kHz."""
        if self._resampler is None:
            self._resampler = Resampler(audio.rate, self._rate)
        return self._encoded(self._resampler.push(audio))

    def flush(self) -> tuple[bytes, int]:
        """What the resampler still holds at the end of the answer."""
        return (b"", 0) if self._resampler is None else self._encoded(self._resampler.flush())

    def _encoded(self, audio: Pcm) -> tuple[bytes, int]:
        if isinstance(self.format, AudioPcm):
            return audio.to_bytes(), len(audio.samples)
        encode = g711.ulaw_encode if isinstance(self.format, AudioPcmu) else g711.alaw_encode
        return encode(audio), len(audio.samples) * WIRE_RATE // TELEPHONE_RATE


async def decode_whole(wire: AudioFormat, data: bytes) -> bytes:
    """24 kHz PCM16 of a whole recording, of exactly its duration. Others get their turn while a long one is decoded."""
    decoder, pcm = Decoder(wire), bytearray()
    for piece in pieces(data):
        pcm += decoder.decode(piece)
        await asyncio.sleep(0)
    return bytes(pcm + decoder.flush())


def pieces(data: bytes) -> Iterator[bytes]:
    """A long recording in parts that take well under a millisecond each."""
    return (data[start : start + PIECE_BYTES] for start in range(0, len(data), PIECE_BYTES))


def encode_whole(wire: AudioFormat, pcm: bytes) -> bytes:
    """A whole recording of 24 kHz PCM16 in the wire's format."""
    if isinstance(wire, AudioPcm):
        return pcm
    encoder = Encoder(wire)
    return encoder.encode(resample(Pcm.from_bytes(pcm), TELEPHONE_RATE))[0]


async def decoded_item(wire: AudioFormat, item: ClientItem) -> ClientItem:
    """An item that a client brings, with its recordings as the server keeps them."""
    if not isinstance(item, ClientMessage):
        return item
    content = [
        replace(part, audio=await decode_whole(wire, part.audio))
        if isinstance(part, InputAudio) and isinstance(part.audio, bytes)
        else part
        for part in item.content
    ]
    return replace(item, content=content)


def encoded_item(wire: AudioFormat, item: Item) -> Item:
    """An item that a client retrieves, with the caller's recordings as the wire carries them."""
    if not isinstance(item, Message):
        return item
    content = tuple(
        replace(part, audio=encode_whole(wire, part.audio))
        if isinstance(part, InputAudio) and part.audio is not UNSET
        else part
        for part in item.content
    )
    return replace(item, content=content)


def _telephone(wire: AudioFormat, data: bytes) -> Pcm:
    return g711.ulaw_decode(data) if isinstance(wire, AudioPcmu) else g711.alaw_decode(data)
