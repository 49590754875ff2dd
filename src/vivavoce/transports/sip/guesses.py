"""How many wrong passwords came from where, so that nobody can try them all."""

from __future__ import annotations

from ipaddress import ip_address

MOST = 20
"""Wrong passwords from one place within `FORGET_S`; after them nobody there is asked any more."""
FORGET_S = 300.0
"""Seconds from the first wrong one until all of that place are forgotten: the longest that a right one is kept out."""
REMEMBERED = 10_000
"""Places with wrong passwords; beyond them the oldest is forgotten."""


def place(address: str) -> bytes:
    """Who an IP address stands for: itself, or its /64 where it is of IPv6: one host may use them all."""
    here = ip_address(address)
    return here.packed[:8] if here.version == 6 else here.packed


class Guesses:
    """Wrong passwords by their places. `now` is in seconds."""

    def __init__(self, remembered: int = REMEMBERED) -> None:
        self._remembered = remembered
        self._wrong: dict[bytes, tuple[float, int]] = {}  # since when and how many; the oldest first

    def __len__(self) -> int:
        return len(self._wrong)

    def wrong(self, here: bytes, now: float) -> None:
        """One more."""
        while self._wrong and now - next(iter(self._wrong.values()))[0] >= FORGET_S:
            del self._wrong[next(iter(self._wrong))]
        since, number = self._wrong.get(here, (now, 0))
        self._wrong[here] = since, number + 1
        if len(self._wrong) > self._remembered:
            del self._wrong[next(iter(self._wrong))]

    def too_many(self, here: bytes, now: float) -> bool:
        """Whether nothing from there is looked at for now. What is refused for that does not count as wrong."""
        since, number = self._wrong.get(here, (now, 0))
        return number >= MOST and now - since < FORGET_S
