"""When does the caller start and stop? Hysteresis over the VAD's probabilities, and the wait that ends a turn.

Everything here is counted on the sample clock, so that a burst of audio gives the same turns as the same audio in
real time.

A turn starts after `ONSET_MS` of voice. It ends after a silence: `silence_duration_ms` with server_vad; with
semantic_vad a silence that depends on how finished the caller sounds and on the eagerness (PROTOCOL.md 3.4).
"""

from __future__ import annotations

import math
from enum import Enum
from typing import assert_never

from msgspec import Struct

from vivavoce.core.effects import SAMPLES_PER_MS, SpeechLikelihood
from vivavoce.protocol.session import Eagerness, SemanticVad, ServerVad

ONSET_MS = 60
"""Voice for this long starts a turn: shorter ones are clicks. Two frames of 32 ms, well inside the 200 ms that an
interruption may take."""
RELEASE = 0.15
"""How far below the threshold the probability must fall to count as silence; between the two nothing changes."""
SEMANTIC_THRESHOLD = 0.5
SEMANTIC_PREFIX_MS = 300
PAUSE_MS = 96
"""Silence for this long is worth a tentative transcript."""
FIRST_LOOK_MS = 800
NEXT_LOOK_MS = 1600
"""After so much speech it is worth knowing its first words: the language model can read them ahead of the last."""
FIRST_ESTIMATE_MS = 192
NEXT_ESTIMATE_MS = 608
"""The turn detector is asked early in a pause, and again while the pause lasts: it hears the silence too."""
MIN_WAIT_MS = 256
"""Even a turn that sounds finished gets this much silence."""
MAX_WAIT_MS: dict[Eagerness, int] = {"low": 8000, "medium": 4000, "auto": 4000, "high": 2000}
"""The longest wait for a caller who does not sound finished (PROTOCOL.md 3.4)."""
FINISHED: dict[Eagerness, float] = {"low": 0.85, "medium": 0.7, "auto": 0.7, "high": 0.5}
"""From this probability on a turn counts as finished."""
MAX_TURN_MS = 5 * 60 * 1000
"""A turn that never pauses (music, a noisy line) is ended here, so that nothing grows without bound."""


class Started(Struct, frozen=True):
    """The caller speaks since `start`, prefix padding included."""

    start: int


class Paused(Struct, frozen=True):
    """The caller fell silent after `voice_end`, maybe only for a moment."""

    voice_end: int


class Ongoing(Struct, frozen=True):
    """The caller has spoken for a while and goes on."""


class Estimate(Struct, frozen=True):
    """It is time to ask whether the turn sounds finished; `at` is the end of what should be judged."""

    at: int


class Stopped(Struct, frozen=True):
    """The turn is over; it reaches to `end`, trailing silence included."""

    voice_end: int
    end: int


TurnEvent = Started | Ongoing | Paused | Estimate | Stopped
Detection = ServerVad | SemanticVad


class _State(Enum):
    IDLE = "idle"
    SPEAKING = "speaking"
    PAUSED = "paused"


def wait_ms(probability: float | None, eagerness: Eagerness) -> int:
    """The silence that ends a turn which sounds finished with `probability`; None: not known (yet).

    Below the eagerness's limit the wait grows with the doubt up to its maximum, so that a caller who clearly broke
    off in mid-sentence is given all the time there is.
    """
    longest = MAX_WAIT_MS[eagerness]
    if probability is None:
        return longest
    limit = FINISHED[eagerness]
    if probability >= limit:
        return MIN_WAIT_MS
    doubt = (limit - probability) / limit
    return MIN_WAIT_MS + round((longest - MIN_WAIT_MS) * math.sqrt(doubt))


class Turns:
    """One caller's turns."""

    def __init__(self) -> None:
        self._state = _State.IDLE
        self._onset: int | None = None
        """Where the voice that has not lasted `ONSET_MS` yet began."""
        self._start = 0
        self._voice_end = 0
        """Where the turn's voice has ended, as far as it is known."""
        self._look_at = 0
        """Where the next look at the words so far is due."""
        self._asked_at: int | None = None
        self._probability: float | None = None

    @property
    def speaking(self) -> bool:
        """A turn has started and not stopped."""
        return self._state is not _State.IDLE

    @property
    def start(self) -> int:
        """Where the turn in progress starts."""
        return self._start

    @property
    def voice_end(self) -> int:
        """Where the voice of the turn in progress has ended, as far as it is known."""
        return self._voice_end

    def reset(self) -> None:
        """Forget the turn in progress."""
        self._state = _State.IDLE
        self._onset = None
        self._asked_at = self._probability = None

    def cut(self, at: int) -> None:
        """What lies before `at` is taken care of: the turn goes on and counts from there."""
        self._start = at

    def estimated(self, at: int, probability: float, silent_until: int, detection: Detection) -> list[TurnEvent]:
        """The turn detector's answer; one for an earlier pause changes nothing."""
        if self._state is not _State.PAUSED or at != self._asked_at:
            return []
        self._probability = probability
        return self._silence(silent_until, detection, tolerance=0)

    def hear(self, frame: SpeechLikelihood, detection: Detection, earliest: int) -> list[TurnEvent]:
        """One VAD frame. No turn starts before `earliest`."""
        threshold = detection.threshold if isinstance(detection, ServerVad) else SEMANTIC_THRESHOLD
        if self._state is _State.IDLE:
            return self._waiting(frame, threshold, detection, earliest)
        if frame.probability >= (threshold if self._state is _State.PAUSED else threshold - RELEASE):
            self._state = _State.SPEAKING
            self._voiced(frame)
            self._asked_at = self._probability = None
            return self._overlong(frame.end) or self._look(frame.end)
        # To the nearest frame, not always the next one: a silence is then too long as often as too short.
        return self._silence(frame.end, detection, tolerance=frame.samples // 2)

    def _voiced(self, frame: SpeechLikelihood) -> None:
        # What the VAD calls voice reaches beyond the voice itself by its lag.
        self._voice_end = max(self._start, frame.end - frame.lag)

    def _waiting(
        self, frame: SpeechLikelihood, threshold: float, detection: Detection, earliest: int
    ) -> list[TurnEvent]:
        if frame.probability < threshold:
            self._onset = None
            return []
        if self._onset is None:
            self._onset = frame.end - frame.samples
        if frame.end - self._onset < ONSET_MS * SAMPLES_PER_MS:
            return []
        padding = detection.prefix_padding_ms if isinstance(detection, ServerVad) else SEMANTIC_PREFIX_MS
        self._state = _State.SPEAKING
        self._start = max(self._onset - padding * SAMPLES_PER_MS, earliest)
        self._voiced(frame)
        self._onset = None
        self._look_at = frame.end + FIRST_LOOK_MS * SAMPLES_PER_MS
        return [Started(self._start)]

    def _look(self, end: int) -> list[TurnEvent]:
        if end < self._look_at:
            return []
        self._look_at = end + NEXT_LOOK_MS * SAMPLES_PER_MS
        return [Ongoing()]

    def _silence(self, end: int, detection: Detection, tolerance: int) -> list[TurnEvent]:
        silent_ms = (end - self._voice_end) / SAMPLES_PER_MS
        wait = self._wait(detection)
        if silent_ms + tolerance / SAMPLES_PER_MS >= wait:
            stop = min(self._voice_end + wait * SAMPLES_PER_MS, end)
            events: list[TurnEvent] = [Stopped(self._voice_end, stop)]
            self.reset()
            return events
        events = []
        if self._state is _State.SPEAKING and silent_ms >= PAUSE_MS:
            self._state = _State.PAUSED
            events.append(Paused(self._voice_end))
        if isinstance(detection, SemanticVad) and self._should_ask(end, silent_ms):
            self._asked_at = end
            events.append(Estimate(end))
        return events or self._overlong(end)

    def _wait(self, detection: Detection) -> int:
        match detection:
            case ServerVad():
                return detection.silence_duration_ms
            case SemanticVad():
                return wait_ms(self._probability, detection.eagerness)
            case _:
                assert_never(detection)

    def _should_ask(self, end: int, silent_ms: float) -> bool:
        if self._asked_at is None:
            return silent_ms >= FIRST_ESTIMATE_MS
        return (end - self._asked_at) / SAMPLES_PER_MS >= NEXT_ESTIMATE_MS

    def _overlong(self, end: int) -> list[TurnEvent]:
        if (end - self._start) / SAMPLES_PER_MS < MAX_TURN_MS:
            return []
        self.reset()
        return [Stopped(end, end)]
