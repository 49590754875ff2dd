"""The live sessions of one server: how many there may be, who finds them, and how they end when the server does."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from types import MappingProxyType

from vivavoce.runtime.runner import Runner

GOING_AWAY = 1012
"""Service restart (RFC 6455): stock clients may reconnect (PROTOCOL.md 1.2)."""


class Registry:
    """Every running session by its id. `limit` 0: as many as come; `quotas`: the limits of single projects."""

    def __init__(self, limit: int = 0, quotas: Mapping[str, int] = MappingProxyType({})) -> None:
        self.limit = limit
        self.draining = False
        self._quotas = quotas
        self._runners: dict[str, Runner] = {}
        self._projects: dict[str, str | None] = {}
        """Whose each session is."""
        self._empty = asyncio.Event()
        self._empty.set()

    def __len__(self) -> int:
        return len(self._runners)

    @property
    def full(self) -> bool:
        """No more sessions now."""
        return self.draining or (self.limit > 0 and len(self._runners) >= self.limit)

    def quota(self, project: str | None) -> int | None:
        """The limit of a project that has used it up; None: it may open one more session."""
        quota = self._quotas.get(project) if project is not None else None
        used = sum(owner == project for owner in self._projects.values())
        return quota if quota is not None and used >= quota else None

    def find(self, session_id: str, project: str | None) -> Runner | None:
        """A session of this project that is not about to end."""
        runner = self._runners.get(session_id)
        if runner is None or runner.ended or self._projects[session_id] != project:
            return None
        return runner

    @contextmanager
    def entered(self, session_id: str, runner: Runner, project: str | None = None) -> Iterator[None]:
        """The session is live inside, and belongs to the project."""
        self._runners[session_id] = runner
        self._projects[session_id] = project
        self._empty.clear()
        try:
            yield
        finally:
            del self._runners[session_id], self._projects[session_id]
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
