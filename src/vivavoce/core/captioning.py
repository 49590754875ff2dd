"""One caller's captions: what is looked at and when, and what the client is told of each item (PROTOCOL.md 3.6, 4.10).

Which words are told is decided in `captions`.
"""

from __future__ import annotations

from collections.abc import Callable

from msgspec import UNSET, UnsetType

from vivavoce.core import effects as fx
from vivavoce.core.captions import PACES, Caption, Captions, Pace
from vivavoce.core.input_buffer import InputBuffer
from vivavoce.core.recordings import transcribe
from vivavoce.protocol import server as wire
from vivavoce.protocol.session import SessionObject
from vivavoce.protocol.transcripts import DurationUsage, Language, TokenLogprob

LONGEST_LOOK_MS = 10_000
"""More is never looked at at once. A section is longer only while the recogniser has no time for looks."""


class Captioner:
    """The captions of all items that have no final transcript yet."""

    def __init__(self, buffer: InputBuffer) -> None:
        self._buffer = buffer
        self._items: dict[str, Captions] = {}

    def look(
        self, item_id: Callable[[], str], start: int, voice_end: int | None, settings: SessionObject
    ) -> list[fx.Output]:
        """Another look at the words of an utterance that goes on since `start`, if the client wants it and it is time.

        `item_id` gives the id that the item will have; the first words announce it where nothing else did.
        `voice_end`: where the caller fell silent; None where nobody knows.
        """
        how = pace(settings)
        if how is None:
            return []
        now = self._buffer.end
        captions = self._of(item_id(), start, now)
        if not captions.due(now, voice_end, how):
            return []
        longest = captions.start + LONGEST_LOOK_MS * fx.SAMPLES_PER_MS
        pcm = self._buffer.slice(captions.start, min(now, longest))
        settle = captions.too_long(now)
        place = captions.start
        return [transcribe(item_id(), pcm, None, settings, start=place, tentative=True, captions=True, settle=settle)]

    def heard(self, event: fx.Hypothesis, start: int, settings: SessionObject) -> list[fx.Output]:
        """What one more reading of an utterance that began at `start` allows to tell."""
        how = pace(settings)
        if how is None:
            return []
        caption = self._of(event.item_id, start, self._buffer.end).heard(event, how)
        return _told(caption, event.item_id, 0, settings)

    def finish(
        self, event: fx.TranscriptReady, content_index: int, settings: SessionObject
    ) -> tuple[list[fx.Output], str]:
        """What is left to tell of an item, and its transcript."""
        captions = self._items.pop(event.item_id, None) or Captions(0, 0)
        rest, transcript = captions.finish(event.text, event.logprobs)
        completed = wire.TranscriptionCompleted(
            item_id=event.item_id,
            content_index=content_index,
            transcript=transcript,
            usage=DurationUsage(seconds=event.seconds),
            logprobs=_shown(event.logprobs, settings),
            languages=(Language(code=event.language),) if event.language else UNSET,
        )
        return [*_told(rest, event.item_id, content_index, settings), completed], transcript

    def forget(self, item_id: str | None) -> None:
        """Nothing more will be told of an item."""
        if item_id is not None:
            self._items.pop(item_id, None)

    def _of(self, item_id: str, start: int, now: int) -> Captions:
        if item_id not in self._items:
            self._items[item_id] = Captions(start, now)
        return self._items[item_id]


def pace(settings: SessionObject) -> Pace | None:
    """How the client wants its captions while the caller speaks; None: it does not."""
    transcription = settings.audio.input.transcription
    if transcription is None or isinstance(transcription.delay, UnsetType):
        return None
    return PACES[transcription.delay]


def _told(caption: Caption | None, item_id: str, content_index: int, settings: SessionObject) -> list[fx.Output]:
    if caption is None:
        return []
    logprobs = _shown(caption.logprobs, settings)
    return [
        wire.TranscriptionDelta(item_id=item_id, content_index=content_index, delta=caption.text, logprobs=logprobs)
    ]


def _shown(logprobs: tuple[TokenLogprob, ...], settings: SessionObject) -> tuple[TokenLogprob, ...] | UnsetType:
    return logprobs if settings.include else UNSET
