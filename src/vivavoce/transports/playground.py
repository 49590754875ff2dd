"""The playground: a page at `/` to talk to this server, and what the page must know to offer what there is.

The page is a client like any other: it speaks the protocol, with a key where one is asked for. Only
`/playground/settings.json` and `/v1/voices` are beyond the API.
"""

from __future__ import annotations

import hashlib
from collections.abc import Awaitable, Callable
from importlib.resources import files
from typing import Protocol

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import BaseRoute, Route

from vivavoce.core.capabilities import Capabilities
from vivavoce.transports.auth import MISSING, Auth, Denied
from vivavoce.transports.rest import denied

PACKAGE = "vivavoce.playground"
INDEX = "index.html"
_TYPES = {
    ".html": "text/html; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".css": "text/css; charset=utf-8",
    ".svg": "image/svg+xml",
}
_HEADERS = {
    # Asked for each time and then mostly not sent again: a page of one version must not run scripts of another.
    "Cache-Control": "no-cache",
    # Nothing from elsewhere, nothing inline, nobody's frame. A picture that the user shows is a data URI.
    "Content-Security-Policy": (
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; "
        "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    ),
    "Permissions-Policy": "microphone=(self)",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
}
Handler = Callable[[Request], Awaitable[Response]]


class Offering(Protocol):
    """What the page asks of a server."""

    @property
    def version(self) -> str:
        """Of Vivavoce."""

    @property
    def auth(self) -> Auth:
        """Who may call."""

    @property
    def can(self) -> Capabilities | None:
        """What sessions may ask for; None while engines are loading."""

    @property
    def currency(self) -> str | None:
        """Of the prices; None: there are none."""


def routes(server: Offering) -> list[BaseRoute]:
    """For Starlette, beside those of the other transports."""

    async def settings(request: Request) -> Response:
        """What there is to choose from, or what is missing first: a key, or the engines; 401 for a wrong key."""
        # A client secret opens sessions, so it may know what to ask them for.
        decision = server.auth.check(request.headers)
        body: dict[str, object] = {"status": "ok", "version": server.version}
        if decision is MISSING:
            body["status"] = "key_required"
        elif isinstance(decision, Denied):
            return denied(decision)
        elif server.can is None:
            body["status"] = "starting"
        else:
            # What it cost is told to keys alone.
            body |= {**_choices(server.can), "currency": None if decision.secret else server.currency}
        return JSONResponse(body, headers={"Cache-Control": "no-store"})

    pages = [Route("/playground/settings.json", settings)]
    for file in files(PACKAGE).iterdir():
        name = file.name
        suffix = name[name.rfind(".") :]
        if suffix in _TYPES:
            path = "/" if name == INDEX else f"/playground/{name}"
            pages.append(Route(path, _file(file.read_bytes(), _TYPES[suffix])))
    return list[BaseRoute](pages)


def _file(body: bytes, content_type: str) -> Handler:
    etag = f'"{hashlib.sha256(body).hexdigest()[:32]}"'
    headers = {**_HEADERS, "ETag": etag, "Content-Type": content_type}

    async def send(request: Request) -> Response:
        known = request.headers.get("if-none-match", "")
        if etag in (tag.strip().removeprefix("W/") for tag in known.split(",")):
            return Response(status_code=304, headers=headers)
        return Response(body, headers=headers)

    return send


def _choices(can: Capabilities) -> dict[str, object]:
    return {
        "model": can.models[0],
        "speed": (can.min_speed, can.max_speed),
        "semantic_vad": can.semantic_vad,
        "noise_reduction": can.noise_reduction,
        "tools": can.tools,
        "mcp": can.mcp,
        "images": can.images,
        "transcription": {
            "model": can.transcription_models[0],
            "features": can.transcription_features,
            "languages": can.languages,
        },
    }
