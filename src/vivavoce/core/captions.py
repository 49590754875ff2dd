"""Captions while the caller speaks (PROTOCOL.md 3.6, 4.10): which words of which reading are told, and when.

No local recogniser streams: the words so far are found by reading the audio so far again and again (a *look*). A
reading is wrong about its end, where a word is cut off, and may be wrong about more; what was told can not be taken
back. So a word is told when enough readings agree on it, and the client's `delay` says how many, how far apart.

Speech is looked at in sections of some seconds. When one has grown too long, the words up to a quiet place in it are
settled, and the next begins there: a look never costs more at the end of a long turn than at its beginning.

At the end of the turn comes the final transcript, read from all of its audio at leisure. Where its words agree with
those that were told, the rest is told, and the `completed` transcript is exactly what the deltas add up to: the marks
and capitals of words that were told stay as they were told. Where its words differ, it is the truth all the same: the
`completed` transcript is the final one, and the last delta brings what follows the words that were told.
"""

from __future__ import annotations

from collections.abc import Sequence

from msgspec import Struct

from vivavoce.core.effects import SAMPLES_PER_MS, Hypothesis
from vivavoce.core.words import Word, common, reach, words
from vivavoce.protocol.session import Delay
from vivavoce.protocol.transcripts import TokenLogprob

SECTION_MS = 8_000
"""A section that is longer is settled. The quiet place is at least half of it from its beginning."""
FIRST_MS = 160
"""The first look at a turn comes this long after it has begun, whatever the delay: its first word is waited for."""


class Pace(Struct, frozen=True):
    """How often the caller's words are looked at, and how many readings in a row must agree on a word."""

    every_ms: int
    """At most: a look that is not over puts off the next."""
    agree: int


PACES: dict[Delay, Pace] = {
    "minimal": Pace(96, 2),
    "low": Pace(300, 2),
    "medium": Pace(500, 2),
    "high": Pace(700, 3),
    "xhigh": Pace(1000, 3),
}
"""A word is told after about `agree` times `every_ms`, and the time of a look. With `minimal` one look follows the
other. One reading alone would be sooner still, but it is wrong too often about a word that is cut off."""


class Caption(Struct, frozen=True):
    """Words to tell."""

    text: str
    logprobs: tuple[TokenLogprob, ...]


class Captions:
    """What a client has been told of one item, whose audio begins at the sample `start`."""

    def __init__(self, start: int, now: int) -> None:
        """`now`: where the stream is."""
        self.start = start
        """Where the section in progress begins."""
        self.text = ""
        """All that was told; its last word without the marks after it, which come with the next."""
        self._next = now + FIRST_MS * SAMPLES_PER_MS
        self._past: list[str] = []
        """The words that were told of settled sections ..."""
        self._told: list[str] = []
        """... and of the one in progress."""
        self._marks = ""
        """What stood after the last of `_past` where it was settled."""
        self._readings: list[list[str]] = []
        """The latest of the section in progress."""
        self._seen: list[int] = []
        """Where each of them ended."""

    def due(self, end: int, voice_end: int | None, pace: Pace) -> bool:
        """Whether it is time for another look, up to `end`.

        `voice_end`: where the caller fell silent, or None where nobody knows. A pause is looked at until enough
        readings hold all that was said before it.
        """
        if end < self._next:
            return False
        if voice_end is not None and sum(each >= voice_end for each in self._seen) >= pace.agree:
            return False
        self._next = end + pace.every_ms * SAMPLES_PER_MS
        return True

    def too_long(self, end: int) -> bool:
        """Whether the section up to `end` must be settled."""
        return end - self.start > SECTION_MS * SAMPLES_PER_MS

    def heard(self, event: Hypothesis, pace: Pace) -> Caption | None:
        """What can be told after one more reading; None: nothing new."""
        reading = words(event.text)
        if event.voice_end is not None:
            # The whole turn was read, since it may be over.
            return self._tell(event, reading[reach(self._past, [word.plain for word in reading]) :], pace)
        if event.start != self.start:
            return None  # from before the section
        # Looks that were asked for in between were left out, and need not be waited for.
        self._next = event.end + pace.every_ms * SAMPLES_PER_MS
        if event.settle:
            return self._settle(event, reading)
        return self._tell(event, reading, pace)

    def finish(self, text: str, logprobs: tuple[TokenLogprob, ...]) -> tuple[Caption | None, str]:
        """The rest, and the transcript, after the final reading."""
        reading = words(text)
        plain = [word.plain for word in reading]
        told = [*self._past, *self._told]
        known = reach(told, plain)
        begin = reading[known - 1].end if known else 0
        new = text[begin:]
        gap = " " if self.text and reading and not known and not reading[0].joined else ""
        rest = Caption(gap + new, _within(text, begin, len(text), logprobs)) if new else None
        return rest, (self.text + new if plain[:known] == told else text)

    # --- inside ---------------------------------------------------------------------------------------------------

    def _tell(self, event: Hypothesis, reading: Sequence[Word], pace: Pace) -> Caption | None:
        plain = [word.plain for word in reading]
        self._readings = [*self._readings, plain][-pace.agree :]
        self._seen = [*self._seen, event.end][-pace.agree :]
        sure = common(self._readings) if len(self._readings) == pace.agree else 0
        known = reach(self._told, plain[:sure])
        self._told += plain[known:sure]
        return self._caption(event, reading, known, sure)

    def _settle(self, event: Hypothesis, reading: Sequence[Word]) -> Caption | None:
        """The section is over; what was told beyond its end was the beginning of the next."""
        plain = [word.plain for word in reading]
        known = reach(self._told, plain)
        over = reach(plain, self._told) if plain else len(self._told)
        caption = self._caption(event, reading, known, len(reading))
        self._past += [*self._told[:over], *plain[known:]]
        self._told = self._told[over:]
        self._marks = event.text[reading[-1].end :] if reading and not self._told else ""
        self.start = event.end
        self._readings = []
        self._seen = []
        return caption

    def _caption(self, event: Hypothesis, reading: Sequence[Word], known: int, sure: int) -> Caption | None:
        """The words of a reading from number `known` to `sure`, with the marks between them and what was told."""
        if sure <= known:
            return None
        begin = reading[known - 1].end if known else reading[0].start
        end = reading[sure - 1].end
        text = event.text[begin:end]
        if not known and self.text:
            text = self._marks + ("" if reading[0].joined else " ") + text
        self.text += text
        return Caption(text, _within(event.text, begin, end, event.logprobs))


def _within(text: str, begin: int, end: int, logprobs: tuple[TokenLogprob, ...]) -> tuple[TokenLogprob, ...]:
    """The tokens that begin between two characters of their text; the first one begins it, whatever blank it has."""
    data = b"".join(bytes(each.bytes) for each in logprobs)
    blank = len(data) - len(data.lstrip())
    found: list[TokenLogprob] = []
    size = 0
    for each in logprobs:
        if begin <= len(data[blank : max(blank, size)].decode(errors="ignore")) < end:
            found.append(each)
        size += len(each.bytes)
    return tuple(found)
