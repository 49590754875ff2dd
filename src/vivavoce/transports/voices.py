"""`GET /v1/voices` and `/v1/voices/{name}/sample`: extensions (docs/voices.md)."""

from __future__ import annotations

from typing import Protocol

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import BaseRoute, Route

from vivavoce.core.capabilities import Capabilities
from vivavoce.protocol.errors import ProtocolError
from vivavoce.runtime.voices import Voices
from vivavoce.transports.auth import Auth, Denied
from vivavoce.transports.rest import denied, error_response, refused


class Speaking(Protocol):
    """What these routes need of the server."""

    @property
    def auth(self) -> Auth:
        """Who may call."""

    @property
    def can(self) -> Capabilities | None:
        """None while engines are loading."""

    @property
    def voices(self) -> Voices:
        """Who speaks."""


def routes(server: Speaking) -> list[BaseRoute]:
    """For Starlette, beside those of the other transports."""

    async def voices(request: Request) -> Response:
        """Whoever may open a session may know what to ask for: with a key, or with a client secret."""
        return _barred(server, request) or JSONResponse(server.voices.listing())

    async def sample(request: Request) -> Response:
        if barred := _barred(server, request):
            return barred
        try:
            wav = await server.voices.sample(request.path_params["name"])
        except ProtocolError as error:
            if error.code == "voice_not_found":
                return error_response(404, error.message, param=error.param, code=error.code)
            return refused(error)
        return Response(wav, media_type="audio/wav", headers={"Cache-Control": "private, max-age=3600"})

    return [Route("/v1/voices", voices), Route("/v1/voices/{name:path}/sample", sample)]


def _barred(server: Speaking, request: Request) -> Response | None:
    decision = server.auth.check(request.headers)
    if isinstance(decision, Denied):
        return denied(decision)
    if server.can is None:
        message = "The server is still loading its models."
        return error_response(503, message, code="server_starting", kind="server_error")
    return None
