"""The caller's voice in items: what to transcribe, and for how long it speaks (PROTOCOL.md 3.6, 5.2)."""

from __future__ import annotations

from msgspec import UNSET

from vivavoce.core.effects import SAMPLES_PER_MS, Transcribe
from vivavoce.protocol.items import InputAudio, Item
from vivavoce.protocol.session import AudioPcm, SessionObject


def transcribe(
    item_id: str, pcm: bytes, voice_end: int | None, settings: SessionObject, *, tentative: bool = False
) -> Transcribe:
    """The command, with what the session knows about the audio."""
    return Transcribe(
        item_id=item_id,
        pcm=pcm,
        voice_end=voice_end,
        tentative=tentative,
        telephone=not isinstance(settings.audio.input.format, AudioPcm),
        hint=settings.audio.input.transcription,
    )


def transcribe_brought(item: Item, settings: SessionObject) -> list[Transcribe]:
    """A client's own recording needs words too, unless it brought them."""
    return [
        transcribe(item.id, part.audio, None, settings)
        for part in item.content
        if isinstance(part, InputAudio) and part.transcript is None and part.audio is not UNSET
    ]


def voice_index(item: Item) -> int | None:
    """Which part of an item is the caller's voice."""
    return next((i for i, part in enumerate(item.content) if isinstance(part, InputAudio)), None)


def recorded_ms(item: Item) -> int:
    """Milliseconds of the caller's audio in an item."""
    voices = (part.audio for part in item.content if isinstance(part, InputAudio) and part.audio is not UNSET)
    return sum(len(audio) for audio in voices) // (2 * SAMPLES_PER_MS)
