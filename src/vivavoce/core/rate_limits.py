"""How many tokens a session may use in a minute, and what is left of them (PROTOCOL.md 2.2)."""

from __future__ import annotations

from vivavoce.protocol.server import RateLimit, RateLimitsUpdated

_MINUTE_S = 60.0


class Budget:
    """Tokens of one session. They come back steadily, `per_minute` in each minute; 0: there is no limit.

    A response that has begun is never cut off: it may overdraw the budget, and the next one waits the longer.
    """

    def __init__(self, per_minute: int, now: float) -> None:
        self._per_minute = per_minute
        self._left = float(per_minute)
        self._at = now

    def refill(self, now: float) -> None:
        """Time has passed."""
        self._left = min(self._per_minute, self._left + (now - self._at) * self._per_minute / _MINUTE_S)
        self._at = now

    def spend(self, tokens: int) -> RateLimitsUpdated:
        """A response is over; says what is left. Without a limit there is nothing to list."""
        if not self._per_minute:
            return RateLimitsUpdated(rate_limits=())
        self._left -= tokens
        tokens_left = RateLimit(
            name="tokens",
            limit=self._per_minute,
            remaining=max(0, int(self._left)),
            reset_seconds=round((self._per_minute - self._left) * _MINUTE_S / self._per_minute, 3),
        )
        return RateLimitsUpdated(rate_limits=(tokens_left,))

    @property
    def wait_s(self) -> float:
        """Seconds until the next response may begin; 0: now."""
        if not self._per_minute or self._left >= 1:
            return 0.0
        return (1 - self._left) * _MINUTE_S / self._per_minute
