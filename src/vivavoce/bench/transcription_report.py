"""From single utterances to figures."""

from __future__ import annotations

from collections import Counter

import msgspec

from vivavoce.bench.report import STARVED_MS, Spread, machine
from vivavoce.bench.transcription import Dictated, Dictation

FIRST_DELTA_MS = 700.0
"""What the first words may take with the delay `minimal`, from the first sound."""


class TranscriptionReport(msgspec.Struct, frozen=True):
    """All of it; as JSON this is the file that `--json` writes."""

    engines: str
    delay: str | None
    times: int
    first_delta: Spread | None
    slow: int
    """First words that took longer than `FIRST_DELTA_MS`."""
    final: Spread | None
    early_percent: float
    """Of all words that were told, how many could be read before the speech was over."""
    told: int
    revised: int
    words: int
    errors: int
    failed: int
    problems: dict[str, int]
    others_cores: float | None
    """What other programs took of the machine meanwhile."""
    lag: Spread | None
    """The caller's own lateness."""
    trustworthy: bool
    machine: dict[str, str]
    results: list[Dictated]


def transcription_report(
    engines: str, delay: str | None, found: Dictation, others_cores: float | None
) -> TranscriptionReport:
    """The figures of one measurement."""
    good = [each for each in found.results if not each.problem]
    firsts = [each.first_delta for each in good if each.first_delta is not None]
    lag = Spread.of([late * 1000 for late in found.lags])
    told = sum(each.told for each in good)
    return TranscriptionReport(
        engines=engines,
        delay=delay,
        times=len(found.results),
        first_delta=Spread.of(firsts),
        slow=sum(first > FIRST_DELTA_MS for first in firsts),
        final=Spread.of([each.final for each in good if each.final is not None]),
        early_percent=round(100 * sum(each.early for each in good) / told, 1) if told else 0.0,
        told=told,
        revised=sum(each.revised for each in good),
        words=sum(each.words for each in good),
        errors=sum(each.errors for each in good),
        failed=len(found.results) - len(good),
        problems=dict(Counter(each.problem for each in found.results if each.problem)),
        others_cores=None if others_cores is None else round(others_cores, 2),
        lag=lag,
        trustworthy=lag is not None and lag.p95 <= STARVED_MS,
        machine=machine(),
        results=found.results,
    )
