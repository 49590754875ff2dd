"""`POST /v1/realtime/calls/{call_id}/hangup`: end a session from outside (PROTOCOL.md 1.5)."""

from __future__ import annotations

from typing import Protocol

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from vivavoce.transports.auth import Auth
from vivavoce.transports.rest import caller, error_response


class Calls(Protocol):
    """What these routes need of the server."""

    @property
    def auth(self) -> Auth:
        """Who may call."""

    def hang_up(self, call_id: str, project: str | None) -> bool:
        """End a session of this project, or a telephone call that still rings; False: there is none."""


def routes(server: Calls) -> list[BaseRoute]:
    """For Starlette, beside those of the other transports."""

    async def hangup(request: Request) -> Response:
        allowed = caller(server.auth, request)
        if isinstance(allowed, Response):
            return allowed
        call_id: str = request.path_params["call_id"]
        if not server.hang_up(call_id, allowed.project):
            message = f"No session with the id '{call_id}' is running."
            return error_response(404, message, param="call_id", code="invalid_call_id")
        return Response()

    return [Route("/v1/realtime/calls/{call_id}/hangup", hangup, methods=["POST"])]
