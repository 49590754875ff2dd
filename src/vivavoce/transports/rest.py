"""What all HTTP routes share: who may call, bodies of a bounded size, and errors in the service's shape."""

from __future__ import annotations

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from vivavoce.protocol.errors import ProtocolError
from vivavoce.transports.auth import Allowed, Auth, Denied

MAX_BODY_BYTES = 1024 * 1024
"""Room for a session with the longest instructions."""
_STATUS = {"invalid_request_error": 400, "rate_limit_error": 429, "server_error": 503}


def error_response(
    status: int,
    message: str,
    *,
    param: str | None = None,
    code: str | None = None,
    kind: str = "invalid_request_error",
) -> Response:
    """`{"error": {...}}` as the service writes it (PROTOCOL.md 1)."""
    error = {"message": message, "type": kind, "param": param, "code": code}
    return JSONResponse({"error": error}, status)


def refused(error: ProtocolError) -> Response:
    """The client's fault, or that of a server which cannot do it now."""
    return error_response(_STATUS[error.kind], error.message, param=error.param, code=error.code, kind=error.kind)


def caller(auth: Auth, request: Request) -> Allowed | Response:
    """Who sends an API key along, or the answer to whoever does not."""
    decision = auth.check_key(request.headers)
    return denied(decision) if isinstance(decision, Denied) else decision


def denied(decision: Denied) -> Response:
    """401, with what was wrong."""
    response = error_response(401, decision.message, code=decision.code)
    response.headers["WWW-Authenticate"] = "Bearer"
    return response


async def body_of(request: Request) -> bytes:
    """The whole body. Raises `HTTPException` 413 for one over `MAX_BODY_BYTES`."""
    body = bytearray()
    async for chunk in request.stream():
        body += chunk
        if len(body) > MAX_BODY_BYTES:
            raise HTTPException(413, f"The body is too long: at most {MAX_BODY_BYTES} bytes are read.")
    return bytes(body)
