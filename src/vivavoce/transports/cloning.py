"""`/v1/audio/voices` and `/v1/audio/voice_consents`: custom voices (PROTOCOL.md 1.8), where the engine can clone."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Protocol

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import BaseRoute, Route

from vivavoce.protocol.errors import ProtocolError, unsupported
from vivavoce.protocol.rest import ConsentPatch, read
from vivavoce.runtime.cloning import MAX_RECORDING_BYTES, Cloning, File, Shown
from vivavoce.transports.auth import Auth
from vivavoce.transports.rest import FORM, Part, body_of, caller, error_response, form_parts, limit_of, refused

MAX_FORM_BYTES = MAX_RECORDING_BYTES + (64 << 10)
"""A recording, and what is said of it."""
_IN_PATHS = ("voice_id", "consent_id")
_MOST = 100
_USUAL = 20


class CloningServer(Protocol):
    """What these routes need of the server."""

    @property
    def auth(self) -> Auth:
        """Who may call."""

    @property
    def cloning(self) -> Cloning:
        """Who makes the voices."""


Act = Callable[[Cloning, Request], Awaitable[Shown]]


def routes(server: CloningServer) -> list[BaseRoute]:
    """For Starlette, beside those of the other transports."""

    def route(path: str, method: str, act: Act) -> Route:
        async def answer(request: Request) -> Response:
            return await _answered(server, act, request)

        return Route(f"/v1/audio/{path}", answer, methods=[method])

    return [
        route("voices", "POST", _create_voice),
        route("voices/{voice_id}", "DELETE", _delete_voice),
        route("voice_consents", "POST", _create_consent),
        route("voice_consents", "GET", _consents),
        route("voice_consents/{consent_id}", "GET", _consent),
        route("voice_consents/{consent_id}", "POST", _rename_consent),
        route("voice_consents/{consent_id}", "DELETE", _delete_consent),
    ]


async def _answered(server: CloningServer, act: Act, request: Request) -> Response:
    allowed = caller(server.auth, request)
    if isinstance(allowed, Response):
        return allowed
    if allowed.project is not None:
        # The engine knows one account: it would show one project's consents to another.
        message = "Custom voices are the whole server's: a key of a project cannot see or change them."
        return error_response(403, message, code="insufficient_permissions")
    try:
        server.cloning.cloner()  # before a long body is read
        return JSONResponse(await act(server.cloning, request), headers={"Cache-Control": "no-store"})
    except ProtocolError as error:
        if error.param in _IN_PATHS and error.code in ("voice_not_found", "consent_not_found"):
            return error_response(404, error.message, param=error.param, code=error.code)
        return refused(error)


async def _create_voice(cloning: Cloning, request: Request) -> Shown:
    if request.headers.get("content-type", "").lower().startswith("application/json"):  # it has no room for a sample
        message = (
            f"The Content-Type is 'application/json'. Supported is {FORM}, with an 'audio_sample': "
            "voices of the type 'prompt' are not supported."
        )
        raise ProtocolError("unsupported_content_type", message)
    parts = await _form(request)
    kind = _text(parts, "type", "audio_sample")
    if kind != "audio_sample":
        raise unsupported("type", f"Voices of the type '{kind}' are not supported, only of 'audio_sample'.")
    _no_more_than(parts, "name", "audio_sample", "consent", "type")
    name, consent = _text(parts, "name"), _text(parts, "consent")
    return await cloning.create_voice(name, _file(parts, "audio_sample"), consent)


async def _delete_voice(cloning: Cloning, request: Request) -> Shown:
    return await cloning.delete_voice(request.path_params["voice_id"])


async def _create_consent(cloning: Cloning, request: Request) -> Shown:
    parts = await _form(request)
    _no_more_than(parts, "name", "language", "recording")
    name, language = _text(parts, "name"), _text(parts, "language")
    return await cloning.create_consent(name, language, _file(parts, "recording"))


async def _consents(cloning: Cloning, request: Request) -> Shown:
    query = request.query_params
    return await cloning.consents(query.get("after"), limit_of(query, _USUAL, _MOST))


async def _consent(cloning: Cloning, request: Request) -> Shown:
    return await cloning.consent(request.path_params["consent_id"])


async def _rename_consent(cloning: Cloning, request: Request) -> Shown:
    patch = read(await body_of(request), ConsentPatch)
    return await cloning.rename_consent(request.path_params["consent_id"], patch.name)


async def _delete_consent(cloning: Cloning, request: Request) -> Shown:
    return await cloning.delete_consent(request.path_params["consent_id"])


async def _form(request: Request) -> dict[str, Part]:
    return form_parts(request.headers.get("content-type", ""), await body_of(request, MAX_FORM_BYTES))


def _no_more_than(parts: dict[str, Part], *known: str) -> None:
    if unknown := sorted(parts.keys() - set(known)):
        raise ProtocolError("unknown_parameter", f"Unknown parameter: '{unknown[0]}'.", param=unknown[0])


def _file(parts: dict[str, Part], name: str) -> File:
    part = _part(parts, name)
    return File(part.file or name, part.content, part.media_type)


def _text(parts: dict[str, Part], name: str, otherwise: str | None = None) -> str:
    if name not in parts and otherwise is not None:
        return otherwise
    try:
        text = _part(parts, name).content.decode().strip()
    except UnicodeDecodeError:
        raise ProtocolError("invalid_value", f"'{name}' is not text in UTF-8.", param=name) from None
    if not text:
        raise ProtocolError("invalid_value", f"'{name}' is empty.", param=name)
    return text


def _part(parts: dict[str, Part], name: str) -> Part:
    if name not in parts:
        raise ProtocolError("missing_required_parameter", f"Missing required parameter: '{name}'.", param=name)
    return parts[name]
