"""`GET /v1/realtime` and `GET /v1/realtime/translations`: the protocol over a WebSocket (PROTOCOL.md 1.1, 1.2, 1.6).

The upgrade always succeeds; what is wrong follows as an `error` event and a close, since that is what stock clients
know how to read.
"""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from functools import partial
from typing import Literal, Protocol

from starlette.routing import BaseRoute, WebSocketRoute
from starlette.websockets import WebSocket, WebSocketDisconnect, WebSocketState

from vivavoce.core.session import error_event
from vivavoce.protocol.codec import encode
from vivavoce.protocol.errors import ProtocolError, invalid_value
from vivavoce.protocol.server import ErrorEvent
from vivavoce.runtime.connection import Connection
from vivavoce.runtime.ids import RandomIds
from vivavoce.runtime.runner import MOST_CLIENTS, Runner
from vivavoce.runtime.secrets import Secret
from vivavoce.transports.auth import KEY_ONLY, Allowed, Auth, Denied

SUBPROTOCOL = "realtime"
UNAUTHORISED = 3000
BAD_REQUEST = 4000
TRY_AGAIN_LATER = 1013
"""The close codes of PROTOCOL.md 1.2. 1013 is one that stock clients reconnect on: right for a full or a young server,
and for nothing that would fail again."""
MAX_FRAME_BYTES = 24 * 1024 * 1024
"""Room for an append of 16 MiB as base64, so that one over the limit of 15 gets its `error` and not a dead socket."""


Kind = Literal["realtime", "transcription", "translation"]
Serve = Callable[[Connection], Coroutine[None, None, None]]
Wanted = Callable[["WebSocket", "Secret | None", "Host"], tuple[Kind, str | None]]


class Host(Protocol):
    """What this transport needs of the server."""

    @property
    def auth(self) -> Auth:
        """Who may call."""

    def check_model(self, model: str, kind: Literal["realtime", "translation"]) -> None:
        """Raises `ProtocolError` (`invalid_model`)."""

    def check_room(self, project: str | None) -> None:
        """Raises `ProtocolError` when the server is not ready, or takes no more sessions of this project."""

    def find(self, call_id: str, project: str | None) -> Runner | None:
        """A live session of a project, by its id."""

    async def run(self, kind: Kind, model: str | None, allowed: Allowed, connection: Connection) -> None:
        """One session on this connection, to its end. It begins with the caller's client secret, if there is one."""


class WsConnection:
    """A WebSocket as the runtime's `Connection`."""

    def __init__(self, websocket: WebSocket) -> None:
        self._websocket = websocket

    async def receive(self) -> str | bytes | None:
        """The next frame; None when the client is gone."""
        try:
            message = await self._websocket.receive()
        except (WebSocketDisconnect, RuntimeError):
            return None
        if message["type"] == "websocket.disconnect":
            return None
        text: str | None = message.get("text")
        return text if text is not None else bytes(message["bytes"])

    async def send(self, frame: str) -> None:
        """Send; the ASGI server waits here while the client does not read."""
        if self._websocket.application_state is not WebSocketState.CONNECTED:
            return
        try:
            await self._websocket.send_text(frame)
        except (WebSocketDisconnect, RuntimeError):
            return  # gone: `receive` will say so

    async def close(self, code: int, reason: str) -> None:
        """Close, unless it is closed."""
        if self._websocket.application_state is not WebSocketState.CONNECTED:
            return
        try:
            await self._websocket.close(code, reason)
        except (WebSocketDisconnect, RuntimeError):
            return


def routes(host: Host) -> list[BaseRoute]:
    """The transport's routes."""

    async def realtime(websocket: WebSocket) -> None:
        await serve(websocket, _conversation)

    async def translations(websocket: WebSocket) -> None:
        await serve(websocket, _translation)

    async def serve(websocket: WebSocket, wanted: Wanted) -> None:
        # Selected only if offered: many clients offer none, and some offer unknown ones beside it (1.1).
        offered = websocket.scope.get("subprotocols", [])
        await websocket.accept(SUBPROTOCOL if SUBPROTOCOL in offered else None)
        connection = WsConnection(websocket)
        try:
            run = _admit(websocket, host, wanted)
        except _Refused as refusal:
            await connection.send(encode(_error(refusal.error)))
            await connection.close(refusal.close_code, refusal.reason)
        else:
            await run(connection)

    return [WebSocketRoute("/v1/realtime", realtime), WebSocketRoute("/v1/realtime/translations", translations)]


class _Refused(Exception):
    def __init__(self, error: ProtocolError, close_code: int) -> None:
        super().__init__(error.message)
        self.error = error
        self.close_code = close_code
        self.reason = f"{error.kind}.{error.code}" if error.code else error.kind


def _admit(websocket: WebSocket, host: Host, wanted: Wanted) -> Serve:
    """What to do with the connection. Raises `_Refused`."""
    decision = host.auth.check(websocket.headers, websocket.scope.get("subprotocols", []))
    if isinstance(decision, Denied):
        raise _denied(decision)
    if "realtime=v1" in websocket.headers.get("openai-beta", ""):
        message = "The beta shape of the Realtime API is not supported. Remove the 'OpenAI-Beta' header."
        raise _Refused(ProtocolError("beta_api_shape_disabled", message), BAD_REQUEST)
    if "call_id" in websocket.query_params and wanted is _conversation:
        return _join(websocket.query_params["call_id"], decision, host)
    try:
        kind, model = wanted(websocket, decision.secret, host)
    except ProtocolError as error:
        raise _Refused(error, BAD_REQUEST) from None
    try:
        host.check_room(decision.project)
    except ProtocolError as error:
        raise _Refused(error, TRY_AGAIN_LATER) from None
    return partial(host.run, kind, model, decision)


def _join(call_id: str, allowed: Allowed, host: Host) -> Serve:
    # A secret is for people who are not trusted with a key. It opens sessions with what was bound to it and locked,
    # and would get round that as a second client of a session.
    if allowed.secret is not None:
        raise _denied(KEY_ONLY)
    runner = host.find(call_id, allowed.project)
    if runner is None:
        error = ProtocolError("invalid_call_id", f"No session with the id '{call_id}' is running.")
        raise _Refused(error, BAD_REQUEST)
    if runner.clients >= MOST_CLIENTS:
        error = ProtocolError("overloaded", f"This session has {MOST_CLIENTS} clients already.", kind="server_error")
        raise _Refused(error, TRY_AGAIN_LATER)
    return runner.join


def _translation(websocket: WebSocket, secret: Secret | None, host: Host) -> tuple[Kind, str | None]:
    """A translation session and its model; with a client secret no model needs to be named (1.6)."""
    query = websocket.query_params
    for name in ("intent", "call_id"):
        if name in query:
            raise ProtocolError("unsupported_value", f"The query parameter '{name}' is not for translation sessions.")
    if secret is not None and secret.kind != "translation":
        message = f"This client secret is for {secret.kind} sessions, which are opened in another way."
        raise ProtocolError("invalid_value", message)
    model = query.get("model") or None
    if model is not None:
        host.check_model(model, "translation")
    elif secret is None:
        raise _no_model(websocket, "gpt-realtime-translate")
    return "translation", model


def _conversation(websocket: WebSocket, secret: Secret | None, host: Host) -> tuple[Kind, str | None]:
    """The kind of session, and its model if the client names one (1.2)."""
    intent, model = websocket.query_params.get("intent"), websocket.query_params.get("model") or None
    if intent not in (None, "transcription"):
        raise invalid_value("intent", intent, ("transcription",))
    kind: Kind = "transcription" if intent else "realtime"
    if secret is not None:
        if secret.kind == "translation" or (intent and intent != secret.kind):
            message = f"This client secret is for {secret.kind} sessions, which are opened in another way."
            raise ProtocolError("invalid_value", message)
        kind = secret.kind
    if kind == "transcription":
        return kind, None  # a model that is named beside it is for a conversation, and here is none (1.2)
    if model is not None:
        host.check_model(model, "realtime")
    elif secret is None:
        raise _no_model(websocket, "gpt-realtime")
    return kind, model


def _no_model(websocket: WebSocket, example: str) -> ProtocolError:
    where = websocket.url.replace(query="")
    return ProtocolError("missing_model", f"You must provide a model parameter, for example {where}?model={example}")


def _denied(decision: Denied) -> _Refused:
    return _Refused(ProtocolError(decision.code, decision.message), UNAUTHORISED)


def _error(error: ProtocolError) -> ErrorEvent:
    event = error_event(error, None)
    return ErrorEvent(event_id=RandomIds()("event"), error=event.error)
