"""When words were probably said, for voices that do not tell: by where there is sound, and by their letters."""

from __future__ import annotations

import re
from itertools import accumulate

import numpy as np

from vivavoce.audio.level import FRAME_MS, levels
from vivavoce.audio.pcm import Pcm
from vivavoce.ports import WordTimes

AUDIBLE_DB = 40.0
"""What is softer than the loudest 20 ms by more than this is a pause."""
DIGIT_LETTERS = 4
"""A digit takes as long as a short word."""
_WORD = re.compile(r"\S+")


def estimated(text: str, audio: Pcm) -> WordTimes:
    """The sound, pauses left out, shared among the words by their letters. Silence has no words."""
    loudness = levels(audio)
    words = list(_WORD.finditer(text))
    letters = list(accumulate(_letters(word[0]) for word in words))
    if not len(loudness) or not letters or not letters[-1]:
        return WordTimes(())
    sound = np.cumsum(loudness > loudness.max() - AUDIBLE_DB)
    over = np.searchsorted(sound, np.asarray(letters) * (sound[-1] / letters[-1])) + 1
    return WordTimes(tuple((word.end(), float(at * FRAME_MS)) for word, at in zip(words, over, strict=True)))


def _letters(word: str) -> int:
    return sum(DIGIT_LETTERS if c.isdecimal() else c.isalnum() for c in word)
