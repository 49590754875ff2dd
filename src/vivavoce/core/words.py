"""Texts as words: what two readings of the same speech have in common, whatever their marks and capitals."""

from __future__ import annotations

import re
from collections.abc import Sequence

from msgspec import Struct

_JOINED = "\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u3040-\u30ff\u3400-\u9fff\uf900-\ufaff"
"""Scripts that put no spaces between words (Thai, Lao, Burmese, Khmer, kana, Han): each character counts as a word."""
_WORD = re.compile(rf"[{_JOINED}]|[^\s{_JOINED}]+")
_MARKS = re.compile(r"^[\W_]+|[\W_]+$")
_BAND = 24
"""By how many words two readings of one speech may be apart: more is not looked for, so that long ones stay cheap."""


class Word(Struct, frozen=True):
    """A word of a text: from the character `start` to `end`, without the marks after it.

    `plain` is what it is compared by: no marks around it, no capitals.
    """

    plain: str
    start: int
    end: int

    @property
    def joined(self) -> bool:
        """It stands without a space before it."""
        return re.match(f"[{_JOINED}]", self.plain) is not None


def words(text: str) -> list[Word]:
    """The words of a text; what holds no letter and no digit is none."""
    found: list[Word] = []
    for match in _WORD.finditer(text):
        plain = _MARKS.sub("", match[0]).casefold()
        if plain:
            found.append(Word(plain, match.start(), match.start() + len(re.sub(r"[\W_]+$", "", match[0]))))
    return found


def common(readings: Sequence[Sequence[str]]) -> int:
    """How many words at the beginning all readings share."""
    return next(
        (i for i, each in enumerate(zip(*readings, strict=False)) if len(set(each)) > 1), min(map(len, readings))
    )


def reach(said: Sequence[str], reading: Sequence[str]) -> int:
    """How many words of `reading` say what `said` says: the beginning of it with the smallest edit distance.

    Of equally good ones it is the one whose length is nearest to that of `said`.
    """
    same = common([said, reading])
    said, reading = said[same:], reading[same:]
    far = len(said) + len(reading)
    row = [j if j <= _BAND else far for j in range(len(reading) + 1)]
    for i, word in enumerate(said, 1):
        first, last = max(1, i - _BAND), min(len(reading), i + _BAND)
        new = [far] * len(row)
        new[0] = i
        for j in range(first, last + 1):
            new[j] = min(row[j] + 1, new[j - 1] + 1, row[j - 1] + (word != reading[j - 1]))
        row = new
    return same + min(range(len(row)), key=lambda j: (row[j], abs(j - len(said))))
