"""What a server process holds: its tasks from `/metrics`, the rest from /proc, so Linux only."""

from __future__ import annotations

import asyncio
import os

import msgspec

from vivavoce.bench.counters import NoCounters, counters
from vivavoce.bench.usage import resident

REST_S = 1.0
_SESSIONS_END_S = 30.0
"""A caller who never came, or is gone without a word, is given up within 15 s."""
_POLL_S = 0.05
_LOOKS = 5


class CannotLook(Exception):
    """The process cannot be looked into; the message says why."""


class Holdings(msgspec.Struct, frozen=True):
    """At one moment."""

    sessions: int
    tasks: int
    """Of the event loop."""
    threads: int
    fds: int
    """Open file descriptors."""
    rss: int
    """Resident memory in bytes, its children's included."""


async def holdings(url: str, pid: int) -> Holdings:
    """After all sessions have ended and a second of rest. Raises `CannotLook` and `NoCounters`."""
    for _ in range(round(_SESSIONS_END_S / _POLL_S)):
        if not (await _counted(url))[0]:
            break
        await asyncio.sleep(_POLL_S)
    await asyncio.sleep(REST_S)
    return await look(url, pid)


async def look(url: str, pid: int) -> Holdings:
    """As it is. Raises `CannotLook` and `NoCounters`."""
    sessions, tasks = await _counted(url)
    fds = []
    for _ in range(_LOOKS):  # until our own connection is closed at the other end too, on a busy machine as well
        await asyncio.sleep(_POLL_S)
        fds.append(_entries(pid, "fd"))
    return Holdings(sessions, tasks, _entries(pid, "task"), min(fds), resident(pid))


def _entries(pid: int, folder: str) -> int:
    try:
        return len(os.listdir(f"/proc/{pid}/{folder}"))
    except OSError as error:
        raise CannotLook(f"Process {pid} cannot be looked into: {error.strerror}.") from None


async def _counted(url: str) -> tuple[int, int]:
    """Sessions and tasks. On a connection of its own each time: a kept one would be among what is counted."""
    async with counters(url) as seen:
        found = await seen.read()
    if not found.keys() >= {"vivavoce_sessions", "vivavoce_tasks"}:
        raise NoCounters(f"The server at {url} does not count its sessions and tasks.")
    return int(found["vivavoce_sessions"]), int(found["vivavoce_tasks"])
