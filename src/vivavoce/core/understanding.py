"""What was said, passage by passage: which are with the recogniser, and their words in the order in which they came."""

from __future__ import annotations

from msgspec import Struct

from vivavoce.core import effects as fx
from vivavoce.core.ids import Ids
from vivavoce.core.passages import Passage
from vivavoce.protocol.session import Transcription

AT_ONCE = 2
"""Passages with the recogniser at a time: the next one is read while the one before is still being read."""
SHORT_MS = 2500
"""A passage with less voice than this tells too little of its language: it is taken for the one before it."""


class Said(Struct, frozen=True):
    """Words, and where on the stream they ended."""

    text: str
    end: int


class _Asked(Struct):
    """A passage that is with the recogniser, and its words once they are known."""

    passage: Passage
    text: str | None = None


class Understanding:
    """One session's passages on their way through the recogniser, which the client knows as `model`."""

    def __init__(self, model: str, ids: Ids) -> None:
        self._model = model
        self._ids = ids
        self._asked: dict[str, _Asked] = {}
        """By item id, in the order in which they were said."""
        self._next_id: str | None = None
        """That of the passage in progress, if its words are already being looked for."""
        self._language: str | None = None
        """The language of the latest passage that told."""

    @property
    def idle(self) -> bool:
        """Nothing is with the recogniser."""
        return not self._asked

    @property
    def free(self) -> bool:
        """One more passage may come."""
        return len(self._asked) < AT_ONCE

    def suppose(self, passage: Passage, pcm: bytes) -> fx.Transcribe:
        """The passage in progress may end here: look for its words already."""
        self._next_id = self._next_id or self._ids("item")
        return self._transcribe(self._next_id, passage, pcm, tentative=True)

    def take(self, passage: Passage, pcm: bytes) -> fx.Transcribe:
        """Find out the words of a passage."""
        item_id, self._next_id = self._next_id or self._ids("item"), None
        self._asked[item_id] = _Asked(passage)
        return self._transcribe(item_id, passage, pcm, tentative=False)

    def understood(self, event: fx.TranscriptReady) -> list[Said]:
        """The recogniser has the words of a passage: all that is known now and was not told before."""
        asked = self._asked[event.item_id]
        asked.text = event.text
        if event.language is not None and not _is_short(asked.passage):
            self._language = event.language
        return self._in_order()

    def not_understood(self, event: fx.TranscriptMissing) -> list[Said]:
        """The recogniser failed on a passage: those after it need not wait for it."""
        del self._asked[event.item_id]
        return self._in_order()

    def _transcribe(self, item_id: str, passage: Passage, pcm: bytes, *, tentative: bool) -> fx.Transcribe:
        # The recogniser finds out the language, also where the configuration names one for other sessions.
        language = (self._language if _is_short(passage) else None) or "auto"
        hint = Transcription(self._model, language=language)
        return fx.Transcribe(item_id=item_id, pcm=pcm, voice_end=passage.voice_end, tentative=tentative, hint=hint)

    def _in_order(self) -> list[Said]:
        """Those whose words are known, as long as nothing before them is still unknown; noise has no words."""
        said: list[Said] = []
        while self._asked:
            item_id, first = next(iter(self._asked.items()))
            if first.text is None:
                break
            del self._asked[item_id]
            if first.text:
                said.append(Said(first.text, first.passage.voice_end))
        return said


def _is_short(passage: Passage) -> bool:
    return passage.voice_end - passage.start < SHORT_MS * fx.SAMPLES_PER_MS
