"""What a voice reads: the phonemes of a text, sentence by sentence, and which of them end each word that is shown.

The shown word "$12.50" is read as five, "Sep 2" as "September second": the package hibari-tts (Apache-2.0) writes
numbers, dates and signs out before it looks words up. So the words of both are laid side by side, and where they
differ the shown ones share the spoken ones. The models that read the phonemes predict how long each lasts.
"""

from __future__ import annotations

import re
from collections.abc import Container, Iterator, Sequence
from dataclasses import dataclass
from difflib import SequenceMatcher
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from vivavoce.engines.clause import Finished
from vivavoce.ports import WordTimes

if TYPE_CHECKING:
    from hibari.g2p import G2P

FRAME = 600
"""Samples (24 kHz) in one unit of the durations that Kokoro, and hibari, which was distilled from it, predict."""

_LONG_NUMBER = re.compile(r"\d(?:,?\d){15,}")
"""Nobody says these as a quantity, and the package fails at 34 digits: each digit is read by itself."""
_WORD = re.compile(r"\S+")
_UNSOUNDED = ' ;:,.!?—…"()“”'  # phonemes that are pauses: a word is over before the one behind it
_MARKS = (", ", "; ", ": ", "— ")


@dataclass(frozen=True, slots=True)
class Sentence:
    """What the model is given at once."""

    phonemes: str
    ends: tuple[tuple[int, int], ...]
    """For each shown word: behind how many of the phonemes it is over, and at which character of the text."""


def read(g2p: G2P, text: str, longest: int) -> list[Sentence]:
    """The sentences of a text, those of more than `longest` phonemes in pieces. Text without words gives none."""
    from hibari import Hibari

    sentences: list[Sentence] = []
    at = 0
    for sentence in Hibari.split_sentences(text):
        at = text.index(sentence, at)
        sentences += pieces(_sentence(g2p, sentence, at), longest)
        at += len(sentence)
    return sentences


def _sentence(g2p: G2P, text: str, at: int) -> Sentence:
    """One sentence, which begins at the character `at` of the text."""
    from hibari.g2p.normalize import normalize

    spoken: str = normalize(_LONG_NUMBER.sub(lambda number: " ".join(number[0].replace(",", "")), text))
    phonemes, counts = "", list[int]()
    for token in g2p.phonemize_tokens(g2p.tokenize(spoken)):
        phonemes += token.phonemes or ""
        if token.whitespace:
            counts.append(len(phonemes.rstrip(_UNSOUNDED)))
            phonemes += " "
    counts.append(len(phonemes.rstrip(_UNSOUNDED)))
    shown = list(_WORD.finditer(text))
    last_words = shared([word[0] for word in shown], spoken.split(), len(counts))
    ends = tuple(
        (counts[last - 1] if last else 0, at + word.end()) for word, last in zip(shown, last_words, strict=True)
    )
    return Sentence(phonemes, ends)


def shared(shown: Sequence[str], spoken: Sequence[str], tokens: int) -> list[int]:
    """With how many of the spoken words each of the shown ones is over.

    `tokens`: how many the reader made of the spoken ones, if it did not keep to their number.
    """
    over: list[int] = []
    for _, first, last, from_word, to_word in SequenceMatcher(None, shown, spoken, autojunk=False).get_opcodes():
        each = (to_word - from_word) / max(1, last - first)
        over += (from_word + round((number + 1) * each) for number in range(last - first))
    return [min(tokens, words) for words in over]


def pieces(sentence: Sentence, longest: int) -> Iterator[Sentence]:
    """The sentence, cut where it is longer than the model takes: at a mark, else at a space, else anywhere."""
    phonemes = sentence.phonemes.rstrip()
    start = len(phonemes) - len(phonemes.lstrip())
    ends = [(max(count, start), chars) for count, chars in sentence.ends]
    while start < len(phonemes):
        stop = len(phonemes)
        if stop - start > longest:
            limit = start + longest
            marked = max(phonemes.rfind(mark, start, limit) for mark in _MARKS)
            stop = marked + 1 or phonemes.rfind(" ", start, limit) + 1 or limit
        piece = phonemes[start:stop].rstrip()
        here = tuple((min(count - start, len(piece)), chars) for count, chars in ends if count <= stop)
        yield Sentence(piece, here)
        ends = ends[len(here) :]
        start = stop + len(phonemes[stop:]) - len(phonemes[stop:].lstrip())


def word_times(
    sentence: Sentence, vocabulary: Container[str], durations: NDArray[np.float32], clause: Finished, before: float
) -> WordTimes:
    """When the words of a sentence end in a clause's audio, of which this sentence's begins after `before` ms.

    `durations`: of each phoneme that the vocabulary knows, and of the marks before and behind them, in `FRAME`s. Those
    before a pause are too long by half of it, so a word ends with its last sound.
    """
    over = np.cumsum(durations) * FRAME  # behind the mark before, behind the first phoneme, ...
    known = np.cumsum([0, *(phoneme in vocabulary for phoneme in sentence.phonemes)])
    samples = ((chars, clause.last_sound(int(over[known[count]]))) for count, chars in sentence.ends)
    return WordTimes(tuple((chars, before + at * 1000 / clause.audio.rate) for chars, at in samples))
