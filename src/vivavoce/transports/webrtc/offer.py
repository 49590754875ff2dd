"""`POST /v1/realtime/calls`: a browser's offer, and the answer to it (PROTOCOL.md 1.4)."""

from __future__ import annotations

import asyncio
import logging
from typing import Literal, Protocol

import msgspec
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from vivavoce.protocol.errors import ProtocolError
from vivavoce.protocol.rest import SecretRequest, read
from vivavoce.protocol.session import AnySessionPatch, SessionObject
from vivavoce.protocol.translation import TranslationRequest, TranslationSession
from vivavoce.runtime.connection import Connection
from vivavoce.runtime.ids import RandomIds
from vivavoce.runtime.line import Call
from vivavoce.runtime.tool_check import Refused, check_all
from vivavoce.transports.auth import Allowed, Auth, Denied
from vivavoce.transports.rest import FORM, body_of, denied, error_response, form_parts, refused
from vivavoce.transports.webrtc.call import LiveCall
from vivavoce.transports.webrtc.ice import Network
from vivavoce.transports.webrtc.sdp import Offer

PATH = "/v1/realtime/calls"
SDP = "application/sdp"
CLOSE_S = 1.0
"""Seconds that calls have to say goodbye when the server stops."""

_log = logging.getLogger(__name__)
Kind = Literal["realtime", "transcription", "translation"]


class Host(Protocol):
    """What this transport needs of the server."""

    @property
    def auth(self) -> Auth:
        """Who may call."""

    @property
    def refused(self) -> Refused:
        """Why the language model cannot call a tool."""

    def check_model(self, model: str, kind: Literal["realtime", "translation"]) -> None:
        """Raises `ProtocolError` (`invalid_model`)."""

    def check_room(self, project: str | None) -> None:
        """Raises `ProtocolError` when the server is not ready, or takes no more sessions of this project."""

    def bind(
        self, wanted: AnySessionPatch | msgspec.UnsetType | TranslationRequest
    ) -> SessionObject | TranslationSession:
        """The session that somebody asks for. Raises `ProtocolError`."""

    async def run(
        self, kind: Kind, model: str | None, allowed: Allowed, connection: Connection, call: Call | None
    ) -> None:
        """One session on this connection, to its end, which is found by the call's id."""


class WebRtc:
    """The calls of one server."""

    def __init__(self, host: Host, network: Network) -> None:
        self._host = host
        self._network = network
        self._door = asyncio.Lock()
        self._calls: set[asyncio.Task[None]] = set()

    def routes(self) -> list[BaseRoute]:
        """For Starlette, beside those of the other transports."""
        return [Route(PATH, self.create, methods=["POST"])]

    async def aclose(self) -> None:
        """Wait until every call is off the network, now that its session is over; end those that take too long."""
        if not self._calls:
            return
        _, late = await asyncio.wait(self._calls, timeout=CLOSE_S)
        for task in late:
            task.cancel()
        if late:
            await asyncio.wait(late)

    async def create(self, request: Request) -> Response:
        """201 with the answer; the call goes on by itself."""
        # A client secret may do this, and little else.
        allowed = self._host.auth.check(request.headers)
        if isinstance(allowed, Denied):
            return denied(allowed)
        body = await body_of(request)
        try:
            text, wanted = _parts(request.headers.get("content-type", ""), body)
            kind, model, begun = self._session(request.query_params.get("model") or None, wanted, allowed)
            self._host.check_room(allowed.project)
            await check_all(begun.tools if begun else (), "session.tools", self._host.refused)
            live = LiveCall(RandomIds()("rtc"), Offer.parse(text), self._network)
            answer = await live.answer()
            await self._begin(live, kind, model, allowed, begun)
        except ProtocolError as error:
            if error.code == "unsupported_content_type":
                return error_response(415, error.message, code=error.code)
            return refused(error)
        return Response(answer, 201, {"Location": f"{PATH}/{live.id}"}, SDP)

    async def _begin(
        self, live: LiveCall, kind: Kind, model: str | None, allowed: Allowed, begun: SessionObject | None
    ) -> None:
        """From here on it can be joined and hung up. Raises `ProtocolError` when others have taken the last room."""
        async with self._door:  # one after the other, so that each counts before the next is let in
            try:
                self._host.check_room(allowed.project)
            except ProtocolError:
                await live.abandon()
                raise
            session = self._host.run(kind, model, allowed, live.channel, Call(live.id, live.line, begun))
            task = asyncio.create_task(live.run(session))
            self._calls.add(task)
            task.add_done_callback(self._ended)
            await live.begun(task)

    def _session(
        self, model: str | None, wanted: bytes | None, allowed: Allowed
    ) -> tuple[Kind, str | None, SessionObject | None]:
        """What is to be run: its kind, the model that the URL names, and the session that comes along."""
        begun = None
        kind: Kind = allowed.secret.kind if allowed.secret else "realtime"
        if wanted is not None:
            begun = self._bound(wanted, allowed)
            kind = begun.type
        if kind == "translation":
            raise ProtocolError("invalid_value", "Translation sessions are not served as calls, but over a WebSocket.")
        if model is not None:
            self._host.check_model(model, "realtime")
        return kind, None if kind == "transcription" else model, begun

    def _bound(self, wanted: bytes, allowed: Allowed) -> SessionObject:
        """A session that comes along is read and refused like a client secret's."""
        if allowed.secret is not None:
            message = "The session of this call is that of its client secret: leave the part 'session' out."
            raise ProtocolError("invalid_value", message, param="session")
        session = {"session": read(wanted, dict[str, object])}
        bound = self._host.bind(read(msgspec.json.encode(session), SecretRequest).session)
        assert isinstance(bound, SessionObject), "no translation can be asked for here"
        return bound

    def _ended(self, task: asyncio.Task[None]) -> None:
        self._calls.discard(task)
        if not task.cancelled() and (bug := task.exception()):
            _log.error("a call failed", exc_info=bug)


def _parts(content_type: str, body: bytes) -> tuple[str, bytes | None]:
    """The offer, and the session that comes along. Raises `ProtocolError`."""
    kind = content_type.partition(";")[0].strip().lower()
    if kind == SDP:
        return _text(body), None
    if kind != FORM:
        message = f"The Content-Type is '{kind}'. Supported are {SDP} and {FORM}."
        raise ProtocolError("unsupported_content_type", message)
    parts = {name: part.content for name, part in form_parts(content_type, body).items()}
    for name in parts.keys() - {"sdp", "session"}:
        message = f"Unknown part of the form: '{name}'. Supported are 'sdp' and 'session'."
        raise ProtocolError("unknown_parameter", message, param=name)
    if "sdp" not in parts:
        message = "Missing required parameter: 'sdp'. The form has a part 'sdp' with the offer, and may have 'session'."
        raise ProtocolError("missing_required_parameter", message, param="sdp")
    return _text(parts["sdp"]), parts.get("session")


def _text(body: bytes) -> str:
    try:
        return body.decode()
    except UnicodeDecodeError:
        raise ProtocolError("invalid_offer", "The SDP offer is not text in UTF-8.", param="sdp") from None
