"""`GET /v1/usage` and `GET /v1/usage/{id}`: what sessions used, and what it cost. Extensions (docs/usage.md)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date
from typing import Protocol

import msgspec
from starlette.datastructures import QueryParams
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import BaseRoute, Route

from vivavoce.protocol.errors import ProtocolError, invalid_value
from vivavoce.transports.auth import Auth
from vivavoce.transports.rest import caller, error_response, limit_of, refused

FILTERS = ("model", "day", "limit")
SHOWN, MOST_SHOWN = 20, 200
"""Sessions that are shown one by one: where nothing is asked for, and at most. More would hold up the calls: with
prices each takes some 50 us, and no frame of audio leaves meanwhile."""
_FRESH = {"Cache-Control": "no-store"}


class Reports(Protocol):
    """What was used, by the project that may know it."""

    def all(self, project: str | None, model: str | None, day: str | None, limit: int) -> Mapping[str, object]:
        """Sums, and the newest sessions one by one."""

    def session(self, id_: str, project: str | None) -> Mapping[str, object] | None:
        """One session or call by its id; None: it is not known."""


class Counting(Protocol):
    """What these routes need of the server."""

    @property
    def auth(self) -> Auth:
        """Who may call."""

    @property
    def models(self) -> Sequence[str]:
        """Every name of its model."""

    @property
    def usage(self) -> Reports:
        """See `Reports`."""


def routes(server: Counting) -> list[BaseRoute]:
    """For Starlette, beside those of the other transports. They take an API key, which sees its own project."""

    async def usage(request: Request) -> Response:
        allowed = caller(server.auth, request)
        if isinstance(allowed, Response):
            return allowed
        try:
            model, day, limit = _asked(request.query_params, server.models)
        except ProtocolError as error:
            return refused(error)
        body = msgspec.json.encode(server.usage.all(allowed.project, model, day, limit))
        return Response(body, media_type="application/json", headers=_FRESH)

    async def session(request: Request) -> Response:
        allowed = caller(server.auth, request)
        if isinstance(allowed, Response):
            return allowed
        id_: str = request.path_params["id"]
        report = server.usage.session(id_, allowed.project)
        if report is None:
            message = f"No session or call with the id '{id_}' is known. The oldest that have ended are forgotten."
            return error_response(404, message, param="id", code="session_not_found")
        return JSONResponse(report, headers=_FRESH)

    return [Route("/v1/usage", usage), Route("/v1/usage/{id}", session)]


def _asked(query: QueryParams, models: Sequence[str]) -> tuple[str | None, str | None, int]:
    """Model, day and limit. Raises `ProtocolError`."""
    for name in query:
        if name not in FILTERS:
            message = f"Unknown query parameter: '{name}'. Known here: {', '.join(FILTERS)}."
            raise ProtocolError("unknown_parameter", message, param=name)
    model, day = query.get("model"), query.get("day")
    if model is not None and model not in models:
        raise invalid_value("model", model, tuple(models))
    if day is not None and not _is_day(day):
        raise ProtocolError("invalid_value", "'day' must be a date as 2026-01-31 (UTC).", param="day")
    return model, day, limit_of(query, SHOWN, MOST_SHOWN)


def _is_day(text: str) -> bool:
    try:
        return date.fromisoformat(text).isoformat() == text
    except ValueError:
        return False
