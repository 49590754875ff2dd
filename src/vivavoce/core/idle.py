"""When has nobody spoken for too long? `idle_timeout_ms` counts from the end of an answer's playback (PROTOCOL.md 4.3).

Over events the server does not hear when the client has played an answer: it counts from the answer's first audio, at
the pace of speech.
"""

from __future__ import annotations

from vivavoce.core.effects import SAMPLES_PER_MS
from vivavoce.protocol.session import ServerVad, SessionObject


class Idle:
    """The silence after one session's answers; times in seconds of `now`."""

    def __init__(self) -> None:
        self._played_until = 0.0
        self._since: float | None = None
        """Since when nobody speaks, or from when on if the answer is still being played; None: somebody does."""

    def sound(self, samples: int, now: float) -> None:
        """More of an answer, at 24 kHz, on its way to the caller."""
        self._played_until = max(self._played_until, now) + samples / SAMPLES_PER_MS / 1000

    def answered(self, now: float) -> None:
        """An answer is over, and played to its end unless it is `cut`."""
        self._since = max(self._played_until, now)

    def cut(self, now: float) -> None:
        """What was still to be played is not played on."""
        self._played_until = min(self._played_until, now)
        if self._since is not None:
            self._since = min(self._since, now)

    def disturbed(self) -> None:
        """Somebody speaks, or will."""
        self._since = None

    @property
    def since(self) -> float | None:
        """Since when nobody speaks, or from when on; None: somebody does, or the caller waits for an answer."""
        return self._since

    def deadline(self, settings: SessionObject) -> float | None:
        """When the silence has lasted too long; None: never."""
        detection = settings.audio.input.turn_detection
        if self._since is None or not isinstance(detection, ServerVad) or detection.idle_timeout_ms is None:
            return None
        return self._since + detection.idle_timeout_ms / 1000
