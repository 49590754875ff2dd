"""`GET /v1/realtime`: the protocol over a WebSocket (PROTOCOL.md 1.1, 1.2).

The upgrade always succeeds; what is wrong follows as an `error` event and a close, since that is what stock clients
know how to read.
"""

from __future__ import annotations

from typing import Protocol

from starlette.routing import BaseRoute, WebSocketRoute
from starlette.websockets import WebSocket, WebSocketDisconnect, WebSocketState

from vivavoce.core.session import error_event
from vivavoce.protocol.codec import encode
from vivavoce.protocol.errors import ProtocolError
from vivavoce.protocol.server import ErrorEvent
from vivavoce.runtime.connection import Connection
from vivavoce.runtime.ids import RandomIds
from vivavoce.transports.auth import Auth, Denied

SUBPROTOCOL = "realtime"
UNAUTHORISED = 3000
BAD_REQUEST = 4000
TRY_AGAIN_LATER = 1013
"""The close codes of PROTOCOL.md 1.2. 1013 is one that stock clients reconnect on: right for a full or a young server,
and for nothing that would fail again."""
MAX_FRAME_BYTES = 24 * 1024 * 1024
"""Room for an append of 16 MiB as base64, so that one over the limit of 15 gets its `error` and not a dead socket."""


class Host(Protocol):
    """What this transport needs of the server."""

    @property
    def auth(self) -> Auth:
        """Who may call."""

    def check_model(self, model: str) -> None:
        """Raises `ProtocolError` (`invalid_model`)."""

    def check_room(self) -> None:
        """Raises `ProtocolError` when the server is not ready or takes no more sessions."""

    async def run(self, model: str, connection: Connection) -> None:
        """One session on this connection, to its end."""


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
    """The transport's one route."""

    async def realtime(websocket: WebSocket) -> None:
        # Selected only if offered: many clients offer none, and some offer unknown ones beside it (1.1).
        offered = websocket.scope.get("subprotocols", [])
        await websocket.accept(SUBPROTOCOL if SUBPROTOCOL in offered else None)
        connection = WsConnection(websocket)
        try:
            model = _admit(websocket, host)
        except _Refused as refusal:
            await connection.send(encode(_error(refusal.error)))
            await connection.close(refusal.close_code, refusal.reason)
        else:
            await host.run(model, connection)

    return [WebSocketRoute("/v1/realtime", realtime)]


class _Refused(Exception):
    def __init__(self, error: ProtocolError, close_code: int) -> None:
        super().__init__(error.message)
        self.error = error
        self.close_code = close_code
        self.reason = f"{error.kind}.{error.code}" if error.code else error.kind


def _admit(websocket: WebSocket, host: Host) -> str:
    """The model that is asked for. Raises `_Refused`."""
    decision = host.auth.check(websocket.headers, websocket.scope.get("subprotocols", []))
    if isinstance(decision, Denied):
        raise _Refused(ProtocolError(decision.code, decision.message), UNAUTHORISED)
    try:
        model = _model(websocket, host)
    except ProtocolError as error:
        raise _Refused(error, BAD_REQUEST) from None
    try:
        host.check_room()
    except ProtocolError as error:
        raise _Refused(error, TRY_AGAIN_LATER) from None
    return model


def _model(websocket: WebSocket, host: Host) -> str:
    query = websocket.query_params
    if "realtime=v1" in websocket.headers.get("openai-beta", ""):
        raise ProtocolError(
            "beta_api_shape_disabled",
            "The beta shape of the Realtime API is not supported. Remove the 'OpenAI-Beta' header.",
        )
    for name in ("intent", "call_id"):
        if name in query:
            raise ProtocolError("unsupported_value", f"The query parameter '{name}' is not supported by this server.")
    model = query.get("model")
    if not model:
        raise ProtocolError(
            "missing_model",
            f"You must provide a model parameter, for example {websocket.url.replace(query='')}?model=gpt-realtime",
        )
    host.check_model(model)
    return model


def _error(error: ProtocolError) -> ErrorEvent:
    event = error_event(error, None)
    return ErrorEvent(event_id=RandomIds()("event"), error=event.error)
