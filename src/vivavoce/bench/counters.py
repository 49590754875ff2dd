"""What a server counts of itself, read from its `/metrics`."""

from __future__ import annotations

import asyncio
import re
import time
from collections.abc import AsyncGenerator, Mapping
from contextlib import asynccontextmanager
from urllib.parse import urlsplit

import httpx

from vivavoce.testing.client import endpoint

POLL_S = 0.01
_PATIENCE_S = 2.0
"""An engine that has not stopped by then is taken to go on."""
_ANSWER_S = 30.0
_ROLE = re.compile(r'(vivavoce_engine_\w+)\{.*role="(\w+)".*\}')
ROLES = ("llm", "tts")


class NoCounters(Exception):
    """The server does not show its counters; the message says why."""


class Counters:
    """One server's. `counters` makes it."""

    def __init__(self, http: httpx.AsyncClient, url: str) -> None:
        self._http = http
        self._url = url

    async def read(self) -> Mapping[str, float]:
        """Every sample by its name, labels included. Raises `NoCounters`."""
        try:
            answer = await self._http.get(self._url)
            answer.raise_for_status()
        except httpx.HTTPError as error:
            raise NoCounters(f"{self._url} does not answer: {str(error) or type(error).__name__}.") from None
        lines = (line.rpartition(" ") for line in answer.text.splitlines() if not line.startswith("#"))
        return {name: float(value) for name, _, value in lines}

    async def busy(self) -> dict[str, float]:
        """For each of `ROLES`, the calls that make an answer now. Raises `NoCounters`."""
        calls: dict[str, dict[str, float]] = {}
        for name, value in (await self.read()).items():
            if found := _ROLE.fullmatch(name):
                calls.setdefault(found[1], {})[found[2]] = value
        running, answering = calls.get("vivavoce_engine_running", {}), calls.get("vivavoce_engine_answering", {})
        if not running.keys() >= set(ROLES):
            raise NoCounters(f"{self._url} does not say which engines are running.")
        # An engine that also works ahead would otherwise seem to go on with what it works ahead on next.
        return {role: answering.get(role, running[role]) for role in ROLES}


@asynccontextmanager
async def counters(url: str) -> AsyncGenerator[Counters]:
    """The counters of the realtime server at `url`."""
    parts = urlsplit(endpoint(url))
    scheme = "https" if parts.scheme == "wss" else "http"
    async with httpx.AsyncClient(trust_env=False, timeout=_ANSWER_S) as http:
        yield Counters(http, f"{scheme}://{parts.netloc}/metrics")


class Stopping:
    """Watches the engines from before an interruption until they have stopped making the interrupted answer."""

    def __init__(self, of: Counters) -> None:
        self.busy: dict[str, float] = {}
        """The calls of each engine that ran when last asked before the interruption."""
        self.after: dict[str, float] = {}
        """Seconds from the interruption to the first look at an engine that found it idle."""
        self._of = of
        self._cut_at: float | None = None

    def cut(self, at: float) -> None:
        """The interruption was noticed now (`time.monotonic`)."""
        self._cut_at = at

    async def run(self) -> None:
        """Until all of them have stopped, or have not for a while; `after` then lacks those. Raises `NoCounters`.

        Only a look that began after the interruption counts, and it counts from when its answer was here.
        """
        while True:
            asked = time.monotonic()
            busy = await self._of.busy()
            if self._cut_at is None or asked < self._cut_at:
                self.busy = busy
            else:
                after = time.monotonic() - self._cut_at
                for role in ROLES:
                    if not busy[role]:
                        self.after.setdefault(role, after)
                if len(self.after) == len(ROLES) or after > _PATIENCE_S:
                    return
            await asyncio.sleep(max(0.0, asked + POLL_S - time.monotonic()))
