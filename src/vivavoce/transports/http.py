"""The plain HTTP of the server: its models, its health, its metrics, and what answers every error."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Protocol

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import BaseRoute, Route

from vivavoce.transports.auth import Auth
from vivavoce.transports.rest import caller, error_response

OWNER = "vivavoce"


class ServerState(Protocol):
    """What is shown of a server."""

    @property
    def version(self) -> str:
        """Of Vivavoce."""

    @property
    def started_at(self) -> int:
        """Unix seconds."""

    @property
    def ready(self) -> bool:
        """Every engine is loaded and warm, and those on other servers could be reached."""

    @property
    def unreachable(self) -> Mapping[str, str]:
        """For each role whose engine is on a server that has not come up yet, why."""

    @property
    def sessions(self) -> int:
        """Sessions open now."""

    @property
    def engines(self) -> Mapping[str, str]:
        """For each role, the name of its engine."""

    @property
    def models(self) -> Sequence[str]:
        """The model's name, then its aliases, those for translation sessions at the end."""

    def metrics(self) -> tuple[bytes, str]:
        """The Prometheus exposition and its content type."""


class Http:
    """The routes of one server."""

    def __init__(self, state: ServerState, auth: Auth) -> None:
        self._state = state
        self._auth = auth

    def routes(self) -> list[BaseRoute]:
        """For Starlette, beside those of the other transports."""
        return [
            Route("/health", self.health),
            Route("/metrics", self.metrics),
            Route("/v1/models", self.list_models),
            Route("/v1/models/{id:path}", self.retrieve_model),
        ]

    async def health(self, request: Request) -> Response:
        """503 until every engine is warm and every server that one of them needs was reached, then 200."""
        state, missing = self._state, dict(self._state.unreachable)
        body = {
            "status": "ok" if state.ready else "unreachable" if missing else "starting",
            "version": state.version,
            "engines": dict(state.engines),
            "sessions": state.sessions,
            **({"unreachable": missing} if missing else {}),
        }
        return JSONResponse(body, 200 if state.ready else 503, {"Cache-Control": "no-store"})

    async def metrics(self, request: Request) -> Response:
        """For Prometheus. Counts and times only, so no key is asked for."""
        body, content_type = self._state.metrics()
        return Response(body, headers={"Content-Type": content_type})

    async def list_models(self, request: Request) -> Response:
        """`GET /v1/models` (PROTOCOL.md 1.9)."""
        allowed = caller(self._auth, request)
        if isinstance(allowed, Response):
            return allowed
        return JSONResponse({"object": "list", "data": [self._model(name) for name in self._state.models]})

    async def retrieve_model(self, request: Request) -> Response:
        """`GET /v1/models/{id}`; an unknown one is 404."""
        allowed = caller(self._auth, request)
        if isinstance(allowed, Response):
            return allowed
        name: str = request.path_params["id"]
        if name not in self._state.models:
            message = f"The model '{name}' does not exist"
            return error_response(404, message, param="model", code="model_not_found")
        return JSONResponse(self._model(name))

    def _model(self, name: str) -> dict[str, str | int]:
        about: dict[str, str | int] = {
            "id": name,
            "object": "model",
            "created": self._state.started_at,
            "owned_by": OWNER,
        }
        if name != self._state.models[0]:
            about["alias_of"] = self._state.models[0]  # beyond the API: an alias does not pass for a model
        return about


async def _http_exception(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    where = request.url.path
    match error.status_code:
        case 404:
            response = error_response(404, f"Invalid URL ({request.method} {where})")
        case 405:
            message = f"Not allowed to {request.method} on {where}."
            response = error_response(405, message, code="method_not_supported")
        case status:
            response = error_response(status, error.detail)
    response.headers.update(error.headers or {})
    return response


async def _bug(request: Request, error: Exception) -> Response:
    message = "The server had an error while processing your request."
    return error_response(500, message, kind="server_error")


Handler = Callable[[Request, Exception], Awaitable[Response]]
EXCEPTION_HANDLERS: Mapping[type[Exception] | int, Handler] = {HTTPException: _http_exception, Exception: _bug}
"""For Starlette: every HTTP error has the service's shape."""
