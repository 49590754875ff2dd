"""Where ids come from: the core never makes one up (PROTOCOL.md 2.0)."""

from __future__ import annotations

from typing import Protocol


class Ids(Protocol):
    """Where ids come from: a counter in tests, random in production."""

    def __call__(self, prefix: str) -> str:
        """A new id that starts with `prefix` and an underscore."""


class CountingIds:
    """`item_1`, `item_2`, `resp_1`, ...: for tests and worked examples."""

    def __init__(self) -> None:
        self._counts: dict[str, int] = {}

    def __call__(self, prefix: str) -> str:
        """The next id with this prefix."""
        self._counts[prefix] = self._counts.get(prefix, 0) + 1
        return f"{prefix}_{self._counts[prefix]}"
