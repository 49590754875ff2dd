"""The caller's voice in items: what to transcribe, and for how long it speaks (PROTOCOL.md 3.6, 5.2)."""

from __future__ import annotations

from msgspec import UNSET

from vivavoce.core.capabilities import Capabilities
from vivavoce.core.effects import SAMPLES_PER_MS, Transcribe
from vivavoce.protocol.items import InputAudio, Item, Message
from vivavoce.protocol.session import AudioPcm, SessionObject


def heeded(settings: SessionObject, can: Capabilities) -> bool:
    """Somebody wants to know the caller's words: an answer is made from them, or the client asked for them."""
    read = settings.type == "realtime" and not can.hears
    return read or settings.audio.input.transcription is not None


def transcribe(
    item_id: str,
    pcm: bytes,
    voice_end: int | None,
    settings: SessionObject,
    *,
    start: int = 0,
    tentative: bool = False,
    captions: bool = False,
    settle: bool = False,
) -> Transcribe:
    """The command, with what the session knows about the audio."""
    return Transcribe(
        item_id=item_id,
        pcm=pcm,
        voice_end=voice_end,
        start=start,
        tentative=tentative,
        captions=captions,
        settle=settle,
        logprobs=bool(settings.include and settings.audio.input.transcription),
        telephone=not isinstance(settings.audio.input.format, AudioPcm),
        hint=settings.audio.input.transcription,
    )


def transcribe_brought(item: Item, settings: SessionObject, can: Capabilities) -> list[Transcribe]:
    """A client's own recording needs words too, unless it brought them or nobody wants them."""
    if not heeded(settings, can) or not isinstance(item, Message):
        return []
    return [
        transcribe(item.id, part.audio, None, settings)
        for part in item.content
        if isinstance(part, InputAudio) and part.transcript is None and part.audio is not UNSET
    ]


def voice_index(item: Message) -> int | None:
    """Which part of an item is the caller's voice."""
    return next((i for i, part in enumerate(item.content) if isinstance(part, InputAudio)), None)


def recorded_ms(item: Item) -> int:
    """Milliseconds of the caller's audio in an item."""
    if not isinstance(item, Message):
        return 0
    voices = (part.audio for part in item.content if isinstance(part, InputAudio) and part.audio is not UNSET)
    return sum(len(audio) for audio in voices) // (2 * SAMPLES_PER_MS)
