"""What the server counts and times, for Prometheus. It is the runtime's `Observer`.

Labels hold only words of the protocol and of the configuration, never ids, so their number is bounded.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from functools import partial
from typing import Protocol, runtime_checkable

from prometheus_client import (
    CONTENT_TYPE_LATEST,
    CollectorRegistry,
    Counter,
    Gauge,
    GCCollector,
    Histogram,
    PlatformCollector,
    ProcessCollector,
    generate_latest,
)

from vivavoce.observe.book import Book
from vivavoce.observe.usage_metrics import UsageCollector
from vivavoce.runtime.observer import CallKind, CallOutcome, Timeline

TURN_BUCKETS_S = (
    *(0.05, 0.1, 0.15, 0.2, 0.25, 0.3, 0.35, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9),
    *(1.0, 1.2, 1.5, 2.0, 2.5, 3.0, 4.0, 5.0, 7.5, 10.0, 15.0, 30.0),
)
"""Seconds; finest where people tell answers apart as prompt or slow."""
LAG_BUCKETS_S = (0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0)
LAG_PERIOD_S = 0.25
"""How often the event loop's lag is measured."""


class Busy(Protocol):
    """The part of an engine that is shown."""

    @property
    def name(self) -> str:
        """The name that chooses it in the configuration."""

    @property
    def running(self) -> int:
        """Calls that occupy it now."""


@runtime_checkable
class WorksAhead(Protocol):
    """An engine that also works for answers that nobody has asked for yet."""

    @property
    def name(self) -> str:
        """The name that chooses it in the configuration."""

    @property
    def answering(self) -> int:
        """Calls that occupy it now to make an answer."""


class Metrics:
    """One server's metrics, in a registry of their own."""

    def __init__(self) -> None:
        registry = self._registry = CollectorRegistry()
        ProcessCollector(registry=registry)
        PlatformCollector(registry=registry)
        GCCollector(registry=registry)
        self._sessions = Gauge("vivavoce_sessions", "Sessions open now.", registry=registry)
        self._started = Counter("vivavoce_sessions_started", "Sessions ever opened.", registry=registry)
        self._events = Counter("vivavoce_events_sent", "Server events sent.", ["type"], registry=registry)
        self._errors = Counter("vivavoce_errors", "Error events sent.", ["code"], registry=registry)
        self._responses = Counter(
            "vivavoce_responses", "Responses that ended.", ["status", "reason"], registry=registry
        )
        self._calls = Counter(
            "vivavoce_tool_calls", "Calls of tools that ended.", ["kind", "outcome"], registry=registry
        )
        self._turns = Counter("vivavoce_turns", "Turns of callers that ended.", registry=registry)
        self._turn = Histogram(
            "vivavoce_turn_seconds",
            "From the end of the caller's speech to each stage of the turn.",
            ["stage"],
            buckets=TURN_BUCKETS_S,
            registry=registry,
        )
        self._engines = Gauge(
            "vivavoce_engine_running", "Calls that occupy an engine now.", ["role", "engine"], registry=registry
        )
        self._answering = Gauge(
            "vivavoce_engine_answering",
            "Of the calls that occupy an engine now, those that make an answer. Only of engines that also work ahead.",
            ["role", "engine"],
            registry=registry,
        )
        tasks = Gauge("vivavoce_tasks", "Tasks of the event loop now, that of this scrape included.", registry=registry)
        tasks.set_function(_tasks)
        self._lag = Histogram(
            "vivavoce_event_loop_lag_seconds",
            "How late the event loop ran a timer.",
            buckets=LAG_BUCKETS_S,
            registry=registry,
        )

    # --- the runtime's observer ---

    def session_started(self, session_id: str) -> None:
        """Count it as open."""
        self._started.inc()
        self._sessions.inc()

    def session_ended(self, session_id: str) -> None:
        """It is open no more."""
        self._sessions.dec()

    def event_sent(self, type_: str) -> None:
        """Count a server event by its type."""
        self._events.labels(type_).inc()

    def error(self, code: str | None) -> None:
        """Count an `error` event by its code; some have none."""
        self._errors.labels(code or "none").inc()

    def response_done(self, status: str, reason: str | None) -> None:
        """Count a response by how and why it ended."""
        self._responses.labels(status, reason or "none").inc()

    def call_ended(self, kind: CallKind, outcome: CallOutcome) -> None:
        """Count a call by who runs it and how it ended."""
        self._calls.labels(kind, outcome).inc()

    def turn(self, timeline: Timeline) -> None:
        """Sort a turn's stages into the histograms."""
        self._turns.inc()
        for stage, seconds in timeline.since_speech_end().items():
            # Work that began in a pause may be done before the speech is known to have ended.
            self._turn.labels(stage).observe(max(seconds, 0.0))

    # --- read at each scrape ---

    def watch_engines(self, engines: Mapping[str, Busy]) -> None:
        """Show, at every scrape, how busy each of these engines is; the keys are their roles."""
        for role, engine in engines.items():
            self._engines.labels(role, engine.name).set_function(partial(_running, engine))
            if isinstance(engine, WorksAhead):
                self._answering.labels(role, engine.name).set_function(partial(_answering, engine))

    def watch_usage(self, book: Book) -> None:
        """Show, at every scrape, what all sessions together have used."""
        self._registry.register(UsageCollector(book))

    def render(self) -> tuple[bytes, str]:
        """The exposition and its content type."""
        return generate_latest(self._registry), CONTENT_TYPE_LATEST

    async def watch_loop(self) -> None:
        """Measure the event loop's lag until cancelled."""
        now = asyncio.get_running_loop().time
        while True:
            due = now() + LAG_PERIOD_S
            await asyncio.sleep(LAG_PERIOD_S)
            self._lag.observe(max(now() - due, 0.0))


def _running(engine: Busy) -> float:
    return engine.running


def _answering(engine: WorksAhead) -> float:
    return engine.answering


def _tasks() -> float:
    try:
        return len(asyncio.all_tasks())
    except RuntimeError:  # no loop runs in this thread
        return 0
