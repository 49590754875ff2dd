"""From what a telephone said and was sent to figures, and whether they are within the limits."""

from __future__ import annotations

import msgspec

from vivavoce.bench.browser_report import Silences, silences
from vivavoce.bench.phone import Recording
from vivavoce.bench.report import STARVED_MS, Spread, machine
from vivavoce.transports.rtp.codecs import Codec

SILENCE_LIMIT_MS = 200.0


class PhoneReport(msgspec.Struct, frozen=True):
    """All of it; as JSON this is the file that `--json` writes."""

    codec: Codec
    silences: Silences
    lag: Spread | None
    """The caller's own lateness, in ms."""
    problems: list[str]
    """Which limits were not kept; empty: all were."""
    machine: dict[str, str]


def phone_report(codec: Codec, times: int, recording: Recording) -> PhoneReport:
    """The figures of one call that was meant to hold so many interruptions."""
    found = silences(recording.sound)
    lag = Spread.of([late * 1000 for late in recording.lags])
    problems = []
    if found.times != times or found.missed:
        problems.append(f"{times - found.times + found.missed} of {times} interruptions caught no answer")
    if found.spread is None or found.spread.median > SILENCE_LIMIT_MS:
        problems.append(f"the median to silence is over {SILENCE_LIMIT_MS:.0f} ms")
    if lag is None or lag.p95 > STARVED_MS:
        problems.append(f"not trustworthy: the caller itself was late by more than {STARVED_MS:.0f} ms")
    return PhoneReport(codec, found, lag, problems, machine())
