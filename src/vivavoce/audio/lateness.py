"""How late the packets of one stream come, and so how long one that is missing is worth waiting for."""

from __future__ import annotations

from collections import deque

SHORTEST = 0.02
"""Seconds: not less, or two packets that change places would be a loss."""
LONGEST = 0.2
"""Seconds: not more, or an answer comes too late to be a conversation."""

_SHARE = 0.98
"""Of the packets, how many come in time. Waiting costs nothing while nothing is missing, so it is generous."""
_WINDOW = 5.0
"""Seconds after which what was seen counts for less, and after as many more for nothing."""
_KEPT = 256
_EVERY = 8
"""The wait is worked out anew with every eighth packet, and at once when one comes later than all before."""


class Lateness:
    """Transit times of a stream: the shortest of the last 5 to 10 s is the network's own, the rest is lateness.

    The two clocks need not agree: a drift moves the shortest transit with it.
    """

    def __init__(self) -> None:
        self.wait = SHORTEST
        """Seconds for which a missing packet is waited for, counted from when it should have come."""
        self._late: deque[float] = deque(maxlen=_KEPT)
        self._least: float | None = None
        self._older: float | None = None
        self._since = 0.0
        self._until_next = 0

    def heard(self, media: float, now: float) -> None:
        """A packet that begins at `media` seconds of the stream came at `now`."""
        transit = now - media
        if self._least is None or now - self._since > _WINDOW:
            self._older, self._least, self._since = self._least, transit, now
        self._least = min(self._least, transit)
        late = transit - self._shortest()
        self._late.append(late)
        self._until_next -= 1
        if self._until_next <= 0:
            self._until_next = _EVERY
            ranked = sorted(self._late)
            self.wait = min(LONGEST, max(SHORTEST, ranked[int(len(ranked) * _SHARE)]))

    def due(self, media: float) -> float:
        """When a packet that begins at `media` seconds comes if nothing delays it."""
        return media + self._shortest()

    def _shortest(self) -> float:
        assert self._least is not None, "nothing was heard yet"
        return self._least if self._older is None else min(self._least, self._older)
