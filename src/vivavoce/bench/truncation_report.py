"""From single cuts to how many words the memory is off, with the voice's times of words and without."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

import msgspec

from vivavoce.bench.report import machine
from vivavoce.bench.truncation import Cut, Cuts, Plan
from vivavoce.bench.word_judge import Calibration

WITHIN = 1
"""Words that the memory may be off ..."""
SHARE = 0.95
"""... in at least this share of the cuts."""


class Rule(msgspec.Struct, frozen=True):
    """How far off one way of remembering was."""

    off: dict[int, int]
    """How often it was so many words off; above 0, it remembered words that were not heard."""
    exact: float
    """The share of cuts in which it was right."""
    within: float
    """The share in which it was at most `WITHIN` words off."""


class TruncationReport(msgspec.Struct, frozen=True):
    """All of it; as JSON this is the file that `--json` writes."""

    engine: str
    voice: str
    speed: float
    seed: int
    times: int
    judge: Calibration
    remembered: Rule
    """What the server did."""
    by_letters: Rule
    """What it would have done had the voice not told when its words end."""
    good: bool
    machine: dict[str, str]
    cuts: list[Cut]


def truncation_report(engine: str, plan: Plan, found: Cuts) -> TruncationReport:
    """The figures of one measurement."""
    remembered = _rule([cut.remembered - cut.played for cut in found.cuts])
    return TruncationReport(
        engine=engine,
        voice=plan.voice,
        speed=plan.speed,
        seed=plan.seed,
        times=len(found.cuts),
        judge=found.judge,
        remembered=remembered,
        by_letters=_rule([cut.by_letters - cut.played for cut in found.cuts]),
        good=remembered.within >= SHARE,
        machine=machine(),
        cuts=found.cuts,
    )


def _rule(off: Sequence[int]) -> Rule:
    return Rule(
        off=dict(sorted(Counter(off).items())),
        exact=round(off.count(0) / len(off), 3),
        within=round(sum(abs(words) <= WITHIN for words in off) / len(off), 3),
    )
