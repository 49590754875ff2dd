"""From what a browser said and heard to figures, and whether they are within the limits."""

from __future__ import annotations

import msgspec
import numpy as np

from vivavoce.audio.pcm import Pcm
from vivavoce.bench.browser import BURST_LEVEL, BURST_MS
from vivavoce.bench.report import Spread, machine
from vivavoce.testing.ears import WINDOW_MS, Sound, loud, stretches

SILENCE_LIMIT_MS = 250.0
ECHO_LIMIT_MS = 100.0
LEAST_HEARD = 0.9
"""The share of bursts that must be heard on a bad network."""
LATEST_MS = 500
"""A burst that has not begun by then is not heard."""
WHOLE = 0.8
"""The share of a burst that must sound for it to be heard."""
BETWEEN_WORDS_MS = 600
"""What the caller says has no longer pauses."""
SILENT_MS = 150
"""An answer has fallen silent when nothing sounds for so long."""
_BURST_DB = 20 * np.log10(BURST_LEVEL / 32768) - 12.0
"""What of a burst counts as sounding: a quarter of its own loudness."""


class Echoes(msgspec.Struct, frozen=True):
    """Bursts that came back."""

    loss: float
    """The share of datagrams that were to be lost each way."""
    lost: int
    """Datagrams that were."""
    sent: int
    heard: int
    ms: list[float]
    """From the begin of each burst that was heard at the microphone to its begin at the loudspeaker."""
    spread: Spread | None


class Silences(msgspec.Struct, frozen=True):
    """Answers that were interrupted."""

    times: int
    """Interruptions that the microphone heard."""
    missed: int
    """Those before which no answer sounded, or which it outlived by more than two seconds."""
    ms: list[float]
    """From the caller's first sound to the last one of the answer."""
    spread: Spread | None


class BrowserReport(msgspec.Struct, frozen=True):
    """All of it; as JSON this is the file that `--json` writes."""

    silences: Silences
    echo: Echoes
    lossy: Echoes
    problems: list[str]
    """Which limits were not kept; empty: all were."""
    machine: dict[str, str]


def browser_report(times: int, silences: Silences, echo: Echoes, lossy: Echoes) -> BrowserReport:
    """The figures of one measurement; everything was meant to happen `times` times."""
    problems = []
    if silences.times != times or silences.missed:
        problems.append(f"{times - silences.times + silences.missed} of {times} interruptions caught no answer")
    if silences.spread is None or silences.spread.median > SILENCE_LIMIT_MS:
        problems.append(f"the median to silence is over {SILENCE_LIMIT_MS:.0f} ms")
    if echo.spread is None or echo.heard < times or echo.spread.median > ECHO_LIMIT_MS:
        problems.append(f"a burst was not heard, or their median is over {ECHO_LIMIT_MS:.0f} ms")
    if lossy.heard < LEAST_HEARD * times:
        problems.append(f"at {lossy.loss:.0%} loss less than {LEAST_HEARD:.0%} of the bursts were heard")
    return BrowserReport(silences, echo, lossy, problems, machine())


def silences(sound: Sound) -> Silences:
    """The first thing that the caller says is a question; each one after it interrupts."""
    _, *begins = [begin for begin, _ in stretches(loud(sound.said, -50.0), BETWEEN_WORDS_MS)] or [0]
    answers = stretches(loud(sound.heard), SILENT_MS)
    found = []
    for at in begins:
        caught = next((end for begin, end in answers if begin < at < end), None)
        if caught is not None and caught - at <= 2000:
            found.append(float(caught - at))
    return Silences(len(begins), len(begins) - len(found), found, Spread.of(found))


def echoes(sound: Sound, loss: float = 0.0, lost: int = 0) -> Echoes:
    """What of each burst at the microphone came back."""
    begins = [begin for begin, _ in stretches(loud(sound.said, _BURST_DB), BURST_MS)]
    found = []
    for begin in begins:
        back = loud(_between(sound.heard, begin, begin + LATEST_MS + 2 * BURST_MS), _BURST_DB)
        if back.sum() * WINDOW_MS >= WHOLE * BURST_MS:
            found.append(_onset(sound.heard, begin) - _onset(sound.said, begin - WINDOW_MS))
    return Echoes(loss, lost, len(begins), len(found), [round(each, 2) for each in found], Spread.of(found))


def _between(pcm: Pcm, begin: float, end: float) -> Pcm:
    first, last = (int(max(0, ms) * pcm.rate / 1000) for ms in (begin, end))
    return Pcm(pcm.samples[first:last], pcm.rate)


def _onset(pcm: Pcm, after: float) -> float:
    """In ms: the first sample after `after` that is a quarter as large as a burst."""
    first = int(max(0, after) * pcm.rate / 1000)
    above = np.abs(pcm.samples[first:].astype(np.int32)) > BURST_LEVEL / 4
    return float((first + np.argmax(above)) * 1000 / pcm.rate)
