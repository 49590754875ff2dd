"""The ledgers of one server: of the sessions that are open, of the last ones that ended, and their sums.

Its memory is bounded: by the sessions that may be open, by `MOST_ENDED`, and by the models and projects of the
configuration, of each of which it keeps `MOST_DAYS` days and one sum of all.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime
from itertools import islice

from vivavoce.observe.ledger import Ledger, Who
from vivavoce.observe.money import PriceList
from vivavoce.observe.sums import Sums, together

MOST_ENDED = 500
"""Sessions that are remembered one by one when they have ended; some 2 KB each."""
MOST_DAYS = 32

_Whose = tuple[str | None, str]
"""Project and model."""


class Book:
    """`engines`: for each role the name of its engine; `clock`: monotonic seconds, `wall`: Unix seconds."""

    def __init__(
        self,
        engines: Mapping[str, str],
        prices: PriceList,
        clock: Callable[[], float],
        wall: Callable[[], float] = time.time,
    ) -> None:
        self.engines = engines
        self.prices = prices
        self._clock = clock
        self._wall = wall
        self.since = int(wall())
        self._lock = threading.Lock()
        self._open: dict[str, Ledger] = {}
        self._ended: dict[str, Ledger] = {}
        """The oldest first."""
        self._days: dict[str, dict[_Whose, Sums]] = {}
        """Of sessions that have ended, by the day in UTC on which they began. The oldest first."""
        self._older: dict[_Whose, Sums] = {}
        """Of the days that are kept no more."""

    @contextmanager
    def entered(
        self, session_id: str, call_id: str | None, project: str | None, model: str, kind: str
    ) -> Iterator[Ledger]:
        """The ledger of a session that is open inside."""
        who = Who(id=session_id, call_id=call_id, project=project, model=model, kind=kind, started_at=int(self._wall()))
        ledger = self._open[session_id] = Ledger(who, self.engines, self._clock(), self._lock)
        try:
            yield ledger
        finally:
            del self._open[session_id]
            self._close(ledger)

    def find(self, id_: str, project: str | None) -> tuple[Ledger, Sums] | None:
        """The session or call of this project by its id, and what it has used by now; None: it is not known."""
        for ledger in self._newest(project):
            if id_ in (ledger.who.id, ledger.who.call_id):
                return ledger, self._by_now(ledger)
        return None

    def sessions(self, project: str | None, model: str | None, day: str | None, most: int) -> list[tuple[Ledger, Sums]]:
        """Open ones, then those that have ended, the newest first, at most `most`; None: any model, any day."""
        found = (
            ledger
            for ledger in self._newest(project)
            if model in (None, ledger.who.model) and (day is None or day == _day(ledger.who.started_at))
        )
        return [(ledger, self._by_now(ledger)) for ledger in islice(found, most)]

    def days(self, project: str | None) -> list[tuple[str, str, Sums]]:
        """Day, model and sum, of the sessions that began on that day; the newest first."""
        found: dict[tuple[str, str], list[Sums]] = {}
        with self._lock:
            for day, whose, sums in self._all():
                if whose[0] == project and day:
                    found.setdefault((day, whose[1]), []).append(sums)
            return [(day, model, together(parts)) for (day, model), parts in sorted(found.items(), reverse=True)]

    def total(self, project: str | None, model: str | None = None) -> Sums:
        """Since the server began."""
        with self._lock:
            return together(sums for _, whose, sums in self._all() if whose[0] == project and model in (None, whose[1]))

    def everything(self) -> Sums:
        """Of all projects, since the server began."""
        with self._lock:
            return together(sums for _, _, sums in self._all())

    # --- inside ---

    def _all(self) -> Iterator[tuple[str, _Whose, Sums]]:
        """Every sum by its day, which is empty for those that are kept no more. Under the lock."""
        for whose, sums in self._older.items():
            yield "", whose, sums
        for day, of_day in self._days.items():
            for whose, sums in of_day.items():
                yield day, whose, sums
        for ledger in self._open.values():
            ledger.timed(self._clock())
            yield _day(ledger.who.started_at), (ledger.who.project, ledger.who.model), ledger.sums

    def _newest(self, project: str | None) -> Iterator[Ledger]:
        for ledgers in (self._open, self._ended):
            yield from (ledger for ledger in reversed(ledgers.values()) if ledger.who.project == project)

    def _by_now(self, ledger: Ledger) -> Sums:
        ledger.timed(self._clock())
        with self._lock:
            return together((ledger.sums,))

    def _close(self, ledger: Ledger) -> None:
        ledger.timed(self._clock())
        ledger.ended_at = int(self._wall())
        with self._lock:
            of_day = self._days.setdefault(_day(ledger.who.started_at), {})
            ledger.also = of_day.setdefault((ledger.who.project, ledger.who.model), Sums())
            ledger.also.add(ledger.sums)
            while len(self._days) > MOST_DAYS:
                for whose, sums in self._days.pop(min(self._days)).items():
                    self._older.setdefault(whose, Sums()).add(sums)
        self._ended[ledger.who.id] = ledger
        while len(self._ended) > MOST_ENDED:
            del self._ended[next(iter(self._ended))]


def _day(unix: int) -> str:
    return datetime.fromtimestamp(unix, UTC).date().isoformat()
