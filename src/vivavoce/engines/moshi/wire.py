"""Moshi's messages: binary, the first byte says which kind (kyutai-labs/moshi, rust/protocol.md)."""

from __future__ import annotations

from collections.abc import Mapping
from enum import IntEnum
from urllib.parse import urlencode

from vivavoce.audio.ogg import OPUS_CLOCK, OggOpusReader, OggOpusWriter
from vivavoce.audio.opus import OpusDecoder, OpusEncoder
from vivavoce.audio.pcm import WIRE_RATE, Pcm
from vivavoce.ports import MAX_CHUNK_MS, EngineError, SpokenAudio, SpokenText

PACKET_MS = 20
"""Of what is sent. The servers gather 80 ms, a frame of the model, themselves."""
BITRATE = 32_000
"""Bit/s: what is lost to the codec is less than what the model's own codec loses (1.1 kbit/s)."""
LONGEST_TARGET = 8000
"""Bytes of path and query: aiohttp, which the servers in Python are made with, takes 8190 of the line that they are in.
The server in Rust takes more."""


class Kind(IntEnum):
    """The first byte of a message. Others are passed over, as the protocol wants it."""

    HANDSHAKE = 0
    AUDIO = 1
    TEXT = 2
    CONTROL = 3
    METADATA = 4
    ERROR = 5
    PING = 6


def address(url: str, query: Mapping[str, object]) -> str:
    """Where a conversation is. Raises `EngineError` (`context_too_long`)."""
    if not query:
        return url
    asked = urlencode({name: _plain(value) for name, value in query.items()})
    whole = f"{url}{'&' if '?' in url else '?'}{asked}"
    size = len(whole.partition("://")[2].partition("/")[2]) + 1
    if size > LONGEST_TARGET:
        message = f"The instructions are too long: Moshi's address has {size} bytes with them, of {LONGEST_TARGET}."
        raise EngineError("context_too_long", message)
    return whole


def _plain(value: object) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


def malformed(what: object) -> EngineError:
    """The server sends what it should not."""
    return EngineError("engine_failed", f"The Moshi server sent something malformed: {what}.")


def reported(message: bytes) -> EngineError:
    """What a message of the kind `ERROR` says."""
    why = message[1:].decode(errors="replace").rstrip(".") or "it does not say which"
    return EngineError("engine_failed", f"The Moshi server reports an error: {why}.")


def check_handshake(payload: bytes) -> None:
    """Its first four bytes, where it has any, are the protocol's version. Raises `EngineError`."""
    version = int.from_bytes(payload[:4], "little")
    if version != 0:
        raise EngineError("engine_failed", f"The Moshi server speaks version {version} of its protocol, and not 0.")


class Speaking:
    """The caller's audio as the server wants it: Opus packets in Ogg pages."""

    def __init__(self) -> None:
        self._writer = OggOpusWriter(WIRE_RATE)
        self._encoder = OpusEncoder(bitrate=BITRATE, loss=0)
        self._rest = Pcm.silence(0)
        self.header = bytes([Kind.AUDIO]) + self._writer.head
        """The first message."""

    def message(self, pcm: Pcm) -> bytes | None:
        """What is whole now, of audio at 24 kHz. Raises `ValueError` at another rate."""
        if pcm.rate != WIRE_RATE:
            raise ValueError(f"{WIRE_RATE} Hz are wanted, not {pcm.rate} Hz")
        pages = bytearray()
        audio = Pcm.join([self._rest, pcm])
        size = WIRE_RATE * PACKET_MS // 1000
        whole = len(audio.samples) // size * size
        self._rest = Pcm(audio.samples[whole:], WIRE_RATE)
        for frame in Pcm(audio.samples[:whole], WIRE_RATE).chunks(PACKET_MS):
            pages += self._writer.page(self._encoder.encode(frame), OPUS_CLOCK * PACKET_MS // 1000)
        return bytes([Kind.AUDIO]) + bytes(pages) if pages else None


class Hearing:
    """What the server sends, as parts of the model's speech."""

    def __init__(self) -> None:
        self._reader = OggOpusReader()
        self._decoder = OpusDecoder()

    def parts(self, message: bytes | str) -> list[SpokenAudio | SpokenText]:
        """What a message says. Raises `EngineError` for a malformed one, and for an error of the server's."""
        if isinstance(message, str):
            raise malformed("text, where everything is binary")
        match message[0] if message else None:
            case Kind.AUDIO:
                return [SpokenAudio(piece) for piece in self._audio(message[1:])]
            case Kind.TEXT:
                return _text(message[1:])
            case Kind.ERROR:
                raise reported(message)
            case _:
                return []

    def _audio(self, pages: bytes) -> list[Pcm]:
        try:
            decoded = [self._decoder.decode(packet) for packet in self._reader.feed(pages)]
        except ValueError as error:
            raise malformed(error) from error
        return [piece for audio in decoded for piece in audio.chunks(MAX_CHUNK_MS)]


def _text(payload: bytes) -> list[SpokenAudio | SpokenText]:
    try:
        text = payload.decode()
    except UnicodeDecodeError as error:
        raise malformed("a text that is no UTF-8") from error
    return [SpokenText(text)] if text else []
