"""What applications do with telephone calls over HTTP: accept, reject, refer, and call somebody (PROTOCOL.md 1.5)."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import BaseRoute, Match, Route
from starlette.types import Scope

from vivavoce.protocol.errors import ProtocolError, invalid_value
from vivavoce.protocol.rest import ACCEPT, DialRequest, ReferRequest, RejectRequest, read
from vivavoce.protocol.session import AnySessionPatch, SessionObject, TranscriptionSessionPatch
from vivavoce.runtime.tool_check import check_all
from vivavoce.transports.rest import body_of, caller, error_response, refused
from vivavoce.transports.sip.decisions import Decisions
from vivavoce.transports.sip.needs import Host
from vivavoce.transports.sip.roster import CallError

PATH = "/v1/realtime/calls"
DECLINED = 603
"""What a rejection says that names no status (1.5)."""
Do = Callable[[str, str | None, bytes], Awaitable[None]]
"""Takes the call's id, the project of who asks, and the body."""


class CallRoutes:
    """The routes of one server."""

    def __init__(self, host: Host, decisions: Decisions) -> None:
        self._host = host
        self._decisions = decisions

    def routes(self) -> list[BaseRoute]:
        """For Starlette, before those of calls from browsers, which share a path with them."""
        does: dict[str, Do] = {"accept": self._accept, "reject": self._reject, "refer": self._refer}
        decisions = [
            Route(f"{PATH}/{{call_id}}/{verb}", self._decision(do), methods=["POST"]) for verb, do in does.items()
        ]
        return [*decisions, _JsonRoute(PATH, self.dial, methods=["POST"])]

    async def dial(self, request: Request) -> Response:
        """201: the call is on its way. Whether it is answered shows in its session."""
        allowed = caller(self._host.auth, request)
        if isinstance(allowed, Response):
            return allowed
        body = await body_of(request)
        try:
            wanted = read(body, DialRequest)
            headers = tuple(wanted.headers.items())
            session = await self._bound(wanted.session)
            call_id = await self._decisions.dial(allowed.project, wanted.uri, session, headers)
        except ProtocolError as error:
            return refused(error)
        except CallError as error:
            return error_response(error.status, error.message, param=error.param, code=error.code)
        return JSONResponse({"id": call_id}, 201, {"Location": f"{PATH}/{call_id}"})

    def _decision(self, do: Do) -> Callable[[Request], Awaitable[Response]]:
        """200 without a body, as the service answers."""

        async def decide(request: Request) -> Response:
            allowed = caller(self._host.auth, request)
            if isinstance(allowed, Response):
                return allowed
            body = await body_of(request)
            try:
                await do(request.path_params["call_id"], allowed.project, body)
            except ProtocolError as error:
                return refused(error)
            except CallError as error:
                return error_response(error.status, error.message, param=error.param, code=error.code)
            return Response()

        return decide

    async def _accept(self, call_id: str, project: str | None, body: bytes) -> None:
        wanted = read(body, ACCEPT)
        self._decisions.check(call_id, project)
        try:
            session = await self._bound(wanted)
        except ProtocolError as error:
            raise _unwrapped(error) from None
        await self._decisions.accept(call_id, project, session)

    async def _reject(self, call_id: str, project: str | None, body: bytes) -> None:
        self._decisions.reject(call_id, project, read(body, RejectRequest).status_code or DECLINED)

    async def _refer(self, call_id: str, project: str | None, body: bytes) -> None:
        self._decisions.refer(call_id, project, read(body, ReferRequest).target_uri)

    async def _bound(self, wanted: AnySessionPatch) -> SessionObject:
        if isinstance(wanted, TranscriptionSessionPatch):
            raise invalid_value("session.type", "transcription", ("realtime",))
        session = self._host.bind(wanted)
        assert isinstance(session, SessionObject), "no translation can be asked for here"
        await check_all(session.tools, "session.tools", self._host.refused)
        return session


class _JsonRoute(Route):
    """For requests with JSON alone: an SDP offer to the same path is a browser's."""

    def matches(self, scope: Scope) -> tuple[Match, Scope]:
        """Starlette's, and the type of the body."""
        headers = dict(scope.get("headers", ()))
        kind = headers.get(b"content-type", b"").partition(b";")[0].strip().lower()
        return super().matches(scope) if kind == b"application/json" else (Match.NONE, {})


def _unwrapped(error: ProtocolError) -> ProtocolError:
    """Here the session is the body, and not a part of it."""
    param = error.param.removeprefix("session.") if error.param else None
    message = error.message.replace("'session.", "'")
    return ProtocolError(error.code, message, param=param, kind=error.kind)
