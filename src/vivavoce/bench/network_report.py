"""What is left of speech after a bad network, in words and milliseconds."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import aclosing

import msgspec
import numpy as np

from vivavoce.audio.pcm import WIRE_RATE, Pcm
from vivavoce.bench.network import Passage
from vivavoce.bench.noise import Said
from vivavoce.bench.report import machine
from vivavoce.bench.word_errors import word_errors
from vivavoce.ports import Asr, AsrHint

PAUSE_MS = 800
"""Between the things that are said."""
MOST_GROWTH_MS = 100.0
"""From the first 10 s to the last."""
MOST_WORSE_PERCENT = 15.0
"""Words that a network may cost, beside those that are heard wrong without it."""
_MARGIN = WIRE_RATE * PAUSE_MS // 2000


class Through(msgspec.Struct, frozen=True):
    """One condition."""

    condition: str
    lost_percent: float
    """Of the datagrams."""
    words: int
    errors: int
    begin_ms: float
    """How long the sound was under way, in the first 10 s ..."""
    end_ms: float
    """... and in the last."""

    @property
    def error_percent(self) -> float:
        """The word error rate."""
        return 100 * self.errors / self.words

    @property
    def growth_ms(self) -> float:
        """Of the delay."""
        return self.end_ms - self.begin_ms


class NetworkReport(msgspec.Struct, frozen=True):
    """All of it; as JSON this is the file that `--json` writes. The first condition is the one without fault."""

    seconds: float
    through: list[Through]
    machine: dict[str, str]

    @property
    def good(self) -> bool:
        """Speech stays intelligible, and its delay does not grow."""
        least = self.through[0].error_percent
        return all(
            each.growth_ms <= MOST_GROWTH_MS and each.error_percent <= least + MOST_WORSE_PERCENT
            for each in self.through
        )


def monologue(said: Sequence[Said], seconds: float) -> tuple[Pcm, list[tuple[int, int, str]]]:
    """One thing after the other, again and again, for `seconds` at least: the audio, and where which words are.

    A place is the sample of its begin, that of its end, and its words.
    """
    pieces: list[Pcm] = [Pcm.silence(PAUSE_MS)]
    places: list[tuple[int, int, str]] = []
    at = len(pieces[0].samples)
    while at < seconds * WIRE_RATE or len(places) < len(said):
        each = said[len(places) % len(said)]
        places.append((at, at + len(each.audio.samples), each.text))
        pieces += [each.audio, Pcm.silence(PAUSE_MS)]
        at += len(each.audio.samples) + len(pieces[0].samples)
    return Pcm.join(pieces), places


async def through(
    passages: Sequence[Passage], places: Sequence[tuple[int, int, str]], asr: Asr, told: Callable[[Through], None]
) -> list[Through]:
    """Each passage transcribed, place by place, and compared. Raises `EngineError`."""
    found = []
    for passage in passages:
        counts = [await _errors(passage.heard, place, asr) for place in places]
        found.append(
            Through(
                condition=passage.condition,
                lost_percent=round(100 * passage.lost / passage.sent, 1),
                words=sum(words for _, words in counts),
                errors=sum(errors for errors, _ in counts),
                begin_ms=passage.early_ms,
                end_ms=passage.late_ms,
            )
        )
        told(found[-1])
    return found


def network_report(seconds: float, found: Sequence[Through]) -> NetworkReport:
    """The figures of one measurement."""
    return NetworkReport(round(seconds, 1), list(found), machine())


async def _errors(heard: Pcm, place: tuple[int, int, str], asr: Asr) -> tuple[int, int]:
    """Words of one place that were heard wrong, and how many there are; half of the pauses belongs to it."""
    start, end, words = place
    cut = heard.samples[max(0, start - _MARGIN) : end + _MARGIN]
    text = ""
    # Nothing at all is still something to be heard.
    async with aclosing(asr.transcribe(_once(Pcm(np.pad(cut, (0, _MARGIN)), WIRE_RATE)), AsrHint())) as results:
        async for result in results:
            text = result.text
    return word_errors(words, text)


async def _once(pcm: Pcm) -> AsyncIterator[Pcm]:
    yield pcm
