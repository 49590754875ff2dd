"""A gate that tells the caller from who is behind the caller, by loudness alone.

A model that removes noise keeps voices, and other people's voices are what starts turns by mistake: voice detection
hears them down to -70 dBFS. So while nobody is as loud as the caller, everything is turned down by `CLOSED_DB`.

Two levels decide. The background is the level that a tenth of the last seconds stayed below: between syllables one
voice falls far lower than many do, so that a caller who talks without a pause does not become background. The caller
is the loudest third of a second, which is slowly forgotten.

A voice over the background and yet too quiet for the caller is only shut out once one like it has lasted. Words begin
quietly (`send`, `can`), and without this patience the first of each turn was lost on a silent line; so the price is
that a quieter voice is heard for a moment when it speaks up for the first time in a while.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

FRAME_MS = 16
CLOSED_DB = -20.0
"""With -12 voice detection still heard voices behind the caller; -40 kept out no more of them than this, and where the
gate erred, more words were lost and voice detection was startled by the contrast."""
_QUIETEST_DB = -75.0
"""dBFS: no background counts as quieter, so that what opens the gate can be heard at all."""
_FIRST_DB = -55.0
"""dBFS: the background, before anything is known: silence is learned in a second, a loud room in ten."""
_NO_VOICE_DB = -25.0
"""Of a voice the model keeps more than this, even among others; of clicks, hum and hiss less."""
_FAINTEST_CALLER_DB = -45.0
"""dBFS: the caller, before anybody has spoken."""
_SMOOTH_MS, _CALLER_MS, _NOW_MS = 100.0, 300.0, 40.0
_HOLD_FRAMES = 200 // FRAME_MS
_BELOW = 0.1
"""The share of the time in which it is quieter than the background's level."""
_ADAPT_DB = 15.0 * FRAME_MS / 1000
_CALLER_RISES_DB = 20.0 * FRAME_MS / 1000
_CALLER_FALLS_DB = 0.25 * FRAME_MS / 1000
_PATIENCE_FRAMES = 400 // FRAME_MS
"""How long a voice that is too quiet for the caller is let through: longer than the quiet beginning of a word."""
_WARY_FRAMES = 10_000 // FRAME_MS
"""How long, after such a voice, the next one is not let through at all."""
_FORGET = 0.25
"""Frames of that patience that each silent frame gives back."""
_CLOSING = 0.3
_SILENCE = 1e-10


@dataclass(frozen=True, slots=True)
class Manner:
    """What opens the gate, and what keeps it open, in dB: so much over the background, and no more below the caller.

    An infinite distance from the caller: any voice over the background is the caller's.
    """

    over_background: float
    below_caller: float
    still_over_background: float
    still_below_caller: float


class VoiceGate:
    """One caller's gate, fed every `FRAME_MS`."""

    def __init__(self) -> None:
        self._level = _Level(_SMOOTH_MS)
        self._loud = _Level(_CALLER_MS)
        self._now = _Level(_NOW_MS)
        self._background = _FIRST_DB
        self._caller = _FAINTEST_CALLER_DB
        self._open_for = 0
        self._quieter_for = 0.0
        self._wary_for = 0
        self._gain = 10 ** (CLOSED_DB / 20)

    def gain(self, raw: float, kept: float, manner: Manner) -> float:
        """The factor, 0 to 1, for a frame: `raw` is its power, `kept` that of what the model calls speech (1.0 is
        full scale). The mean of both levels decides: noise has much of the one, a voice in it much of both."""
        level, loud, now = (each.follow(raw, kept) for each in (self._level, self._loud, self._now))
        up = now > self._background
        self._background = max(_QUIETEST_DB, self._background + _ADAPT_DB * (_BELOW if up else _BELOW - 1))
        if loud > self._caller:
            self._caller = min(self._caller + _CALLER_RISES_DB, loud)
        else:
            self._caller = max(self._caller - _CALLER_FALLS_DB, _FAINTEST_CALLER_DB)
        self._open_for = _HOLD_FRAMES if self._opens(level, now, manner) else max(0, self._open_for - 1)
        if self._open_for:
            self._gain = 1.0  # at once: the frames overlap, and so it is heard as a fade of one frame
        else:
            self._gain += _CLOSING * (10 ** (CLOSED_DB / 20) - self._gain)
        return self._gain

    def _opens(self, level: float, now: float, manner: Manner) -> bool:
        """Whether such a frame opens the gate, or keeps it open."""
        over, below = manner.over_background, manner.below_caller
        if self._open_for:
            over, below = manner.still_over_background, manner.still_below_caller
        self._wary_for = max(0, self._wary_for - 1)
        # `level` falls slowly after a loud word; there must be a voice now, too.
        quieter = now > self._background + over
        self._quieter_for = self._quieter_for + 1 if quieter else max(0.0, self._quieter_for - _FORGET)
        if level <= self._background + over or self._level.kept_db < _NO_VOICE_DB:
            return False
        if level > self._caller - below:
            self._quieter_for = 0.0
            return True
        if self._quieter_for > _PATIENCE_FRAMES:
            self._wary_for = _WARY_FRAMES
        return not self._wary_for


class _Level:
    """The mean of two levels, smoothed, in dB."""

    def __init__(self, ms: float) -> None:
        self._keep = math.exp(-FRAME_MS / ms)
        self._raw = self._kept = _SILENCE

    def follow(self, raw: float, kept: float) -> float:
        self._raw += (1 - self._keep) * (raw + _SILENCE - self._raw)
        self._kept += (1 - self._keep) * (kept + _SILENCE - self._kept)
        return 5 * math.log10(self._raw * self._kept)

    @property
    def kept_db(self) -> float:
        """How much of the sound the model keeps, at most 0."""
        return 10 * math.log10(self._kept / self._raw)
