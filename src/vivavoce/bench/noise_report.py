"""From what was heard in noise to figures."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from vivavoce.bench.noise import Heard, Scene
from vivavoce.bench.report import machine
from vivavoce.bench.word_errors import word_errors

EARLY_MS, LATE_MS = 300, 1000
"""A turn is the caller's when it begins at most so long before the words, and ends at most so long after them."""


class NoiseFigures(msgspec.Struct, frozen=True):
    """One kind of noise, with one setting."""

    noise: str
    reduction: str
    """`off`, `near_field` or `far_field`."""
    noise_minutes: float
    """In which the caller said nothing."""
    false_starts: int
    """Times that speech_started came while the caller said nothing."""
    false_speech: float
    """The share of those minutes that was taken for speech."""
    turns: int
    """Things the caller said."""
    good_turns: int
    """Those that became a turn of their own."""
    words: int
    turn_errors: int
    """Wrong, missing and added words in all that was transcribed, turns of nobody included."""
    hand_errors: int
    """The same where the caller's turns were committed by hand: what recognition alone gets wrong."""


class NoiseReport(msgspec.Struct, frozen=True):
    """All of it."""

    snr_db: float
    strength: float
    figures: tuple[NoiseFigures, ...]
    machine: dict[str, str]


def noise_figures(noise: str, reduction: str, scene: Scene, heard: Heard) -> NoiseFigures:
    """What one session made of one scene."""
    own = [(place.start - EARLY_MS, place.end + LATE_MS) for place in scene.places]
    begun = [
        [turn for turn in heard.turns if place.start - EARLY_MS <= turn.start <= place.end] for place in scene.places
    ]
    good = sum(any(turn.end <= last for turn in turns) for turns, (_, last) in zip(begun, own, strict=True))
    false_starts = len(heard.turns) - sum(map(len, begun))
    alone_ms = scene.audio.ms - sum(end - start for start, end in own)
    # Rounding must not leave less than nothing.
    taken_ms = sum(max(0.0, turn.end - turn.start - _shared(turn.start, turn.end, own)) for turn in heard.turns)
    said = " ".join(each.text for each in scene.said)
    turn_errors, words = word_errors(said, " ".join(turn.text for turn in heard.turns))
    by_hand = (word_errors(each.text, text)[0] for each, text in zip(scene.said, heard.transcripts, strict=True))
    return NoiseFigures(
        noise,
        reduction,
        noise_minutes=round(alone_ms / 60_000, 3),
        false_starts=false_starts,
        false_speech=round(taken_ms / alone_ms, 4),
        turns=len(scene.said),
        good_turns=good,
        words=words,
        turn_errors=turn_errors,
        hand_errors=sum(by_hand),
    )


def _shared(start: float, end: float, spans: Sequence[tuple[float, float]]) -> float:
    return sum(max(0.0, min(end, last) - max(start, first)) for first, last in spans)


def noise_report(snr: float, strength: float, figures: Sequence[NoiseFigures]) -> NoiseReport:
    """Every kind of noise, with every setting."""
    return NoiseReport(snr, strength, tuple(figures), machine())
