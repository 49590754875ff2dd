"""The live sessions of one server: how many there may be, and how they end when the server does."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager

from vivavoce.runtime.runner import Runner

GOING_AWAY = 1012
"""Service restart (RFC 6455): stock clients may reconnect (PROTOCOL.md 1.2)."""


class Registry:
    """Every running session by its id. `limit` 0: as many as come."""

    def __init__(self, limit: int = 0) -> None:
        self.limit = limit
        self.draining = False
        self._runners: dict[str, Runner] = {}
        self._empty = asyncio.Event()
        self._empty.set()

    def __len__(self) -> int:
        return len(self._runners)

    @property
    def full(self) -> bool:
        """No more sessions now."""
        return self.draining or (self.limit > 0 and len(self._runners) >= self.limit)

    @contextmanager
    def entered(self, session_id: str, runner: Runner) -> Iterator[None]:
        """The session is live inside."""
        self._runners[session_id] = runner
        self._empty.clear()
        try:
            yield
        finally:
            del self._runners[session_id]
            if not self._runners:
                self._empty.set()

    async def drain(self, seconds: float) -> None:
        """Close all sessions, and wait for them at most so long."""
        self.draining = True
        for runner in list(self._runners.values()):
            runner.stop(GOING_AWAY, "server is shutting down")
        try:
            async with asyncio.timeout(seconds):
                await self._empty.wait()
        except TimeoutError:
            return  # the rest is cancelled with the event loop
