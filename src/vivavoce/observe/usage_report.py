"""The reports of `GET /v1/usage`, as `docs/usage.md` describes them."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal

from vivavoce.observe.book import Book
from vivavoce.observe.ledger import Ledger
from vivavoce.observe.money import Bill, bill
from vivavoce.observe.sums import RATE, Effort, Sums, together

Json = dict[str, object]


class Reports:
    """Of one book, for whoever may read what a project used."""

    def __init__(self, book: Book) -> None:
        self._book = book

    def all(self, project: str | None, model: str | None, day: str | None, limit: int) -> Json:
        """Sums by day and model, and the `limit` newest sessions."""
        return _report(self._book, project, model, day, limit)

    def session(self, id_: str, project: str | None) -> Json | None:
        """One session or call by its id; None: it is not known."""
        found = self._book.find(id_, project)
        return None if found is None else _session(self._book, *found)


def _session(book: Book, ledger: Ledger, sums: Sums) -> Json:
    """One session, open or ended."""
    who = ledger.who
    about: Json = {
        "object": "usage.session",
        "id": who.id,
        "call_id": who.call_id,
        "project": who.project,
        "model": who.model,
        "type": who.kind,
        "started_at": who.started_at,
        "ended_at": ledger.ended_at,
    }
    return about | _used(book, sums)


def _report(book: Book, project: str | None, model: str | None, day: str | None, limit: int) -> Json:
    """All of one project: sums by day and model, and its newest sessions."""
    days = [(each, of, sums) for each, of, sums in book.days(project) if day in (None, each) and model in (None, of)]
    sessions = book.sessions(project, model, day, limit + 1)  # one more, to know whether there are more
    total = book.total(project, model) if day is None else together(sums for _, _, sums in days)
    return {
        "object": "usage",
        "since": book.since,
        "project": project,
        "total": _counted(book, total),
        "days": [{"day": each, "model": of, **_counted(book, sums)} for each, of, sums in days],
        "data": [_session(book, ledger, sums) for ledger, sums in sessions[:limit]],
        "has_more": len(sessions) > limit,
    }


def _counted(book: Book, sums: Sums) -> Json:
    return {"sessions": sums.sessions, **_used(book, sums)}


def _used(book: Book, sums: Sums) -> Json:
    tokens = sums.tokens
    return {
        "connected_seconds": sums.connected_ms / 1000,
        "audio": {
            "heard_seconds": _seconds(sums.heard),
            "transcribed_seconds": sums.transcribed_ms / 1000,
            "made_seconds": _seconds(sums.made),
            "played_seconds": None if sums.played is None else _seconds(sums.played),
        },
        "responses": sums.responses,
        "tool_calls": {"function": sums.functions, "mcp": sums.mcp_calls},
        "tokens": {
            "input": {
                "text": tokens.input_text,
                "audio": tokens.input_audio,
                "image": tokens.input_image,
                "cached": tokens.cached_text + tokens.cached_audio + tokens.cached_image,
            },
            "output": {"text": tokens.output_text, "audio": tokens.output_audio},
        },
        "engines": {role: _effort(book.engines, role, effort) for role, effort in sorted(sums.efforts.items())},
        "money": _money(bill(book.prices, sums), sums.connected_ms),
    }


def _effort(names: Mapping[str, str], role: str, effort: Effort) -> Json:
    """What a role has none of is left out: a voice activity detector says no characters."""
    shown: Json = {"name": names.get(role)}
    if effort.requests:
        shown["requests"] = effort.requests
    if effort.samples:
        shown["audio_seconds"] = _seconds(effort.samples)
    if effort.characters:
        shown["characters"] = effort.characters
    shown["cpu_seconds"] = None if effort.cpu_ns is None else round(effort.cpu_ns / 1e9, 3)
    return shown


def _money(cost: Bill | None, connected_ms: int) -> Json | None:
    if cost is None:
        return None
    total = cost.total
    minute = None if total is None or not connected_ms else total * 60_000 / connected_ms
    return {
        "currency": cost.currency,
        "total": _decimal(total),
        "per_connected_minute": None if minute is None else _decimal(minute.quantize(Decimal("0.000001"))),
        "lines": [
            {
                "role": line.role,
                "unit": line.unit,
                "quantity": _decimal(line.quantity),
                "price": _decimal(line.price.normalize()),
                "amount": _decimal(line.amount),
            }
            for line in cost.lines
        ],
        "unpriced": list(cost.unpriced),
    }


def _decimal(value: Decimal | None) -> str | None:
    return None if value is None else f"{value:f}"


def _seconds(samples: int) -> float:
    return round(samples / RATE, 3)
