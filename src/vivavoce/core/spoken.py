"""A spoken answer as it was sent: which of its audio says which of its words (PROTOCOL.md 3.10, 4.1)."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass, field

from vivavoce.core.effects import SAMPLES_PER_MS
from vivavoce.protocol.session import AudioFormat, AudioPcm

Ends = list[tuple[int, int]]
"""Where words end: characters of a clause's text, and samples into its audio."""

# Chinese and Japanese put no gaps between words: there every character is one, with the marks behind it.
_WIDE = "\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff"
_WORD = re.compile(rf"[{_WIDE}][^\w\s]*|[^\s{_WIDE}]+")


@dataclass(slots=True)
class Clause:
    """Words, and the samples (24 kHz) that say them."""

    text: str
    samples: int = 0
    ends: Ends = field(default_factory=list)
    """By the voice itself, as far as it told; else empty."""

    def cut(self, samples: int) -> None:
        """Keep the first so many samples, and the words that are over by then."""
        # A later cut, further forward, must find the words where this one did.
        self.ends = [(chars, at) for chars, at in self.ends if at <= samples]
        self.text = self.text[: self.ends[-1][0] if self.ends else 0]
        self.samples = min(samples, self.samples)


@dataclass(slots=True)
class Spoken:
    """What the caller was sent of one spoken answer."""

    format: AudioFormat
    clauses: list[Clause] = field(default_factory=list)
    data: bytearray = field(default_factory=bytearray)
    whole: bool = False
    """The audio of the last clause is not cut short: the engine came to its end."""

    @property
    def samples(self) -> int:
        """Length on the 24 kHz clock."""
        return sum(clause.samples for clause in self.clauses)

    @property
    def ms(self) -> int:
        """Length in milliseconds."""
        return self.samples // SAMPLES_PER_MS

    @property
    def text(self) -> str:
        """The transcript of all of it."""
        return "".join(clause.text for clause in self.clauses)

    def say(self, text: str) -> None:
        """New words; audio from now on says them."""
        self.clauses.append(Clause(text))

    def time(self, ends: Iterable[tuple[int, int]]) -> None:
        """Where words of the latest clause end; a clause that is told piece by piece is told in order."""
        if self.clauses:
            self.clauses[-1].ends += ends

    def sound(self, data: bytes, samples: int) -> None:
        """More audio of the latest words."""
        if not self.clauses:
            self.clauses.append(Clause(""))
        self.clauses[-1].samples += samples
        self.data += data

    def cut(self, ms: int) -> None:
        """Keep the first `ms` milliseconds and the words that are over by then.

        Where the voice did not tell when they are, they are taken to be spread evenly over their clause by letters.
        """
        left = ms * SAMPLES_PER_MS
        kept: list[Clause] = []
        for clause in self.clauses:
            if left <= 0:
                break
            kept.append(clause)
            samples, length = clause.samples, self._length(clause)
            if left < length:
                clause.ends = clause.ends or _evenly(clause.text, length)
                clause.cut(left)
            left -= samples
        self.clauses = kept
        self.whole = True  # what was missing lay behind the cut
        bytes_per_ms = 2 * SAMPLES_PER_MS if isinstance(self.format, AudioPcm) else 8
        del self.data[ms * bytes_per_ms :]

    def _length(self, clause: Clause) -> int:
        """In samples; if the answer was cut off in this clause, what all of its words would take."""
        *before, last = self.clauses
        if clause is not last or self.whole:
            return clause.samples
        if clause.ends:
            return max(clause.samples, clause.ends[-1][1])
        letters = sum(len(each.text) for each in before)
        pace = sum(each.samples for each in before) // letters if letters else 0
        return max(clause.samples, pace * len(clause.text))


def _evenly(text: str, samples: int) -> Ends:
    """As if every character took equally long."""
    return [(word.end(), -(-samples * word.end() // len(text))) for word in _WORD.finditer(text)]
