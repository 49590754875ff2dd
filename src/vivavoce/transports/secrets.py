"""`POST /v1/realtime/client_secrets` and its like for translations (PROTOCOL.md 1.3, 1.6)."""

from __future__ import annotations

from typing import Protocol

import msgspec
from msgspec import UnsetType
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from vivavoce.protocol.errors import ProtocolError, unsupported
from vivavoce.protocol.rest import SecretRequest, TranslationSecretRequest, read
from vivavoce.protocol.session import AnySessionPatch, SessionObject, shown
from vivavoce.protocol.translation import TranslationRequest, TranslationSession
from vivavoce.runtime.locks import UNLOCKED
from vivavoce.runtime.tool_check import Refused, check_all
from vivavoce.transports.auth import Auth
from vivavoce.transports.rest import body_of, caller, refused


class Binder(Protocol):
    """What these routes need of the server."""

    @property
    def auth(self) -> Auth:
        """Who may call; it keeps the secrets too."""

    @property
    def refused(self) -> Refused:
        """Why the language model cannot call a tool."""

    def bind(self, wanted: AnySessionPatch | UnsetType | TranslationRequest) -> SessionObject | TranslationSession:
        """The session that a secret is to open. Raises `ProtocolError`."""


class SecretRoutes:
    """The routes of one server."""

    def __init__(self, server: Binder) -> None:
        self._server = server

    def routes(self) -> list[BaseRoute]:
        """For Starlette, beside those of the other transports."""
        return [
            Route("/v1/realtime/client_secrets", self.create, methods=["POST"]),
            Route("/v1/realtime/translations/client_secrets", self.create_for_translation, methods=["POST"]),
        ]

    async def create(self, request: Request) -> Response:
        """A secret for realtime or transcription sessions."""
        return await self._create(request, SecretRequest)

    async def create_for_translation(self, request: Request) -> Response:
        """A secret for translation sessions."""
        return await self._create(request, TranslationSecretRequest)

    async def _create(self, request: Request, type_: type[SecretRequest | TranslationSecretRequest]) -> Response:
        allowed = caller(self._server.auth, request)
        if isinstance(allowed, Response):
            return allowed
        body = await body_of(request)
        try:
            wanted = read(body, type_)
            session = self._server.bind(wanted.session)
            if isinstance(session, SessionObject):
                await check_all(session.tools, "session.tools", self._server.refused)
            locks = frozenset(wanted.lock) if isinstance(wanted, SecretRequest) else UNLOCKED
            if locks and session.type == "transcription":
                raise unsupported("lock", "A transcription session has nothing that can be locked.")
            value, secret = self._server.auth.secrets.create(
                session, wanted.expires_after.seconds, project=allowed.project, locks=locks, size=len(body)
            )
        except ProtocolError as error:
            return refused(error)
        view = shown(session) if isinstance(session, SessionObject) else session
        answer = {"value": value, "expires_at": secret.expires_at, "session": view}
        return Response(
            msgspec.json.encode(answer), media_type="application/json", headers={"Cache-Control": "no-store"}
        )
