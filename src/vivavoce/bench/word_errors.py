"""How many words of a text were heard wrong."""

from __future__ import annotations

import re

_DIGITS = dict(
    zip(
        ["0", "1", "2", "3", "4", "5", "6", "7", "8", "9", "10", "mr"],
        ["zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten", "mister"],
        strict=True,
    )
)
"""Both are right."""


def word_errors(spoken: str, heard: str) -> tuple[int, int]:
    """Words replaced, added and left out, and the number of words spoken. Marks and capitals do not count."""
    wanted, got = _words(spoken), _words(heard)
    row = list(range(len(got) + 1))
    for i, word in enumerate(wanted, 1):
        diagonal, row[0] = row[0], i
        for j, other in enumerate(got, 1):
            diagonal, row[j] = row[j], min(row[j] + 1, row[j - 1] + 1, diagonal + (word != other))
    return row[-1], len(wanted)


def _words(text: str) -> list[str]:
    return [_DIGITS.get(word, word) for word in re.findall(r"[^\W_]+(?:['’][^\W_]+)*", text.lower())]
