"""Which audio says which words, where a model speaks and tells its words beside, without saying when.

Words come ahead of their audio, by a little or by a whole answer. They are told in clauses, up to a comma or a full
stop, and a clause is over at the pause in the sound that is about where its letters end. So what is cut off takes with
it the words that were not heard: within a clause they are shared out by their letters (`sound_times`), and a clause
that has not begun is all unheard. Sound that no words come for is played all the same, and says nothing.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from vivavoce.audio.level import FRAME_MS, SILENCE_DB, levels
from vivavoce.audio.pcm import Pcm
from vivavoce.engines.sound_times import AUDIBLE_DB, estimated
from vivavoce.ports import Began, EngineError, SpokenAudio, SpokenText, WordTimes

HELD_S = 1.0
"""Audio that waits for the first words; then it is played without."""
LONGEST_S = 120.0
"""Audio that one clause may have, or none: a model that goes on so long without a word is broken."""
MOST_CHARACTERS = 64 << 10
"""Words that may wait for their audio."""
MS_PER_LETTER = 65.0
"""A voice's pace, until it is known."""
PAUSE_MS = 120
"""Silence between two clauses lasts as long at least."""
NEAR = 0.3
"""How far from where its letters are over a clause may end, in parts of what they should take ..."""
NEAR_MS = 500.0
"""... or so far, where that is more."""
FEWEST_LETTERS = 15
"""A clause shorter than this goes with the next: its end is too hard to tell."""

_CLAUSE_END = re.compile(r"[.!?,;:\u2026]+[\"'\u201d\u2019)\]]*(?=\s|$)|[\u3002\uff01\uff1f]")


class Captioned:
    """The words and the sound of one answer, as they come; out of it come the parts, in the order of `ResponsePart`.

    `speed`: of the voice, in parts of its own pace.
    """

    def __init__(self, speed: float = 1.0) -> None:
        self._words = ""
        """That belong to no clause yet."""
        self._clause: str | None = None
        """Empty: of sound that has no words."""
        self._sound: list[Pcm] = []
        """Of the clause; before there is one, what waits for its words."""
        self._ms = self._quiet_ms = 0.0
        """Of the clause's sound, and of the silence at its end."""
        self._loudest = SILENCE_DB
        self._pace = (MS_PER_LETTER * FEWEST_LETTERS / speed, FEWEST_LETTERS)
        """Milliseconds and letters of the clauses whose end was heard, and a guess to begin with."""
        self._began = self._wordy = False

    @property
    def silent(self) -> bool:
        """No sound has come."""
        return not self._sound

    @property
    def wordy(self) -> bool:
        """Words have come."""
        return self._wordy

    def began(self) -> Iterator[Began]:
        """The answer has begun, which is told once; words and sound tell it too."""
        if not self._began:
            self._began = True
            yield Began()

    def words(self, text: str) -> Iterator[Began | SpokenText | SpokenAudio]:
        """More words. Raises `EngineError` for words without end."""
        self._words += text
        if len(self._words) > MOST_CHARACTERS:
            raise EngineError("engine_failed", "The model writes far more than it speaks.")
        if not self._words.strip():
            return
        self._wordy = True
        yield from self.began()
        if self._clause is None and self._sound:
            held = self._sound
            yield self._next()
            for piece in held:
                yield self._heard(piece)

    def sound(self, piece: Pcm) -> Iterator[Began | SpokenText | WordTimes | SpokenAudio]:
        """More sound. Raises `EngineError` for sound without end that no words come for."""
        if self._clause is None and not self._words.strip():
            self._sound.append(piece)
            self._ms += piece.ms
            if self._ms > HELD_S * 1000:
                yield from self._wordless()
            return
        if self._clause is None:
            yield self._next()
        elif self._over:
            if self._clause:
                yield estimated(self._clause, Pcm.join(self._sound))
            yield self._next()
        elif self._ms > LONGEST_S * 1000:
            raise EngineError("engine_failed", "The model goes on speaking without telling its words.")
        yield self._heard(piece)

    def end(self) -> Iterator[Began | SpokenText | WordTimes | SpokenAudio]:
        """What is left: sound that still waits for words, times of the last clause, and words without a sound."""
        rest = self._words.rstrip()
        if self._clause is None and self._sound:
            yield from self._wordless()
        if self._clause:
            ends = estimated(self._clause + rest, Pcm.join(self._sound)).ends
            yield WordTimes(tuple(end for end in ends if end[0] <= len(self._clause)))
        if rest:
            yield SpokenText(rest)

    def _wordless(self) -> Iterator[Began | SpokenAudio]:
        """The sound that waits has waited long enough."""
        yield from self.began()
        held = self._sound
        self._begin("")
        for piece in held:
            yield self._heard(piece)

    def _heard(self, piece: Pcm) -> SpokenAudio:
        self._sound.append(piece)
        self._ms += piece.ms
        loudness = levels(piece)
        self._loudest = max(self._loudest, float(loudness.max(initial=SILENCE_DB)))
        loud = (loudness > self._loudest - AUDIBLE_DB).nonzero()[0]
        self._quiet_ms = (len(loudness) - 1 - loud[-1]) * FRAME_MS if len(loud) else self._quiet_ms + piece.ms
        return SpokenAudio(piece)

    @property
    def _over(self) -> bool:
        """The clause has been said, and there are words for what comes."""
        assert self._clause is not None
        if not self._words.strip():
            return False
        letters = _letters(self._clause)
        whole = letters * self._pace[0] / self._pace[1]
        if not _ends(self._clause):
            return self._ms >= whole
        near = max(NEAR * whole, NEAR_MS)
        if self._ms >= whole - near and self._quiet_ms >= PAUSE_MS:
            self._pace = (self._pace[0] + self._ms, self._pace[1] + letters)
            return True
        return self._ms >= whole + near

    def _next(self) -> SpokenText:
        """The next clause begins: up to its mark, or the whole words of one that is not there in full."""
        ends = (match.end() for match in _CLAUSE_END.finditer(self._words))
        at = next((end for end in ends if _letters(self._words[:end]) >= FEWEST_LETTERS), 0)
        at = at or self._words.rstrip().rfind(" ") + 1 or len(self._words)
        if not self._words[:at].strip():
            at = len(self._words)
        clause, self._words = self._words[:at], self._words[at:]
        self._begin(clause)
        return SpokenText(clause)

    def _begin(self, clause: str) -> None:
        self._clause = clause
        self._sound, self._ms, self._quiet_ms = [], 0.0, 0.0


def _letters(text: str) -> int:
    return max(1, sum(c.isalnum() for c in text))


def _ends(clause: str) -> bool:
    return any(match.end() == len(clause.rstrip()) for match in _CLAUSE_END.finditer(clause))
