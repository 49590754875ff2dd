"""What all HTTP routes share: who may call, bodies of a bounded size, and errors in the service's shape."""

from __future__ import annotations

from dataclasses import dataclass
from email.message import EmailMessage
from email.parser import BytesHeaderParser
from email.policy import HTTP

from starlette.datastructures import QueryParams
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from vivavoce.protocol.errors import ProtocolError
from vivavoce.transports.auth import Allowed, Auth, Denied

MAX_BODY_BYTES = 1024 * 1024
"""Room for a session with the longest instructions."""
FORM = "multipart/form-data"
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


async def body_of(request: Request, most: int = MAX_BODY_BYTES) -> bytes:
    """The whole body. Raises `HTTPException` 413 for one of more than `most` bytes."""
    body = bytearray()
    async for chunk in request.stream():
        body += chunk
        if len(body) > most:
            raise HTTPException(413, f"The body is too long: at most {most} bytes are read.")
    return bytes(body)


def limit_of(query: QueryParams, usual: int, most: int) -> int:
    """How many entries `limit` asks for; `usual` where it is absent. Raises `ProtocolError`."""
    limit = query.get("limit", str(usual))
    if limit.isascii() and limit.isdigit() and len(limit) <= len(str(most)) and 1 <= int(limit) <= most:
        return int(limit)
    raise ProtocolError("invalid_value", f"'limit' must be a number from 1 to {most}.", param="limit")


@dataclass(frozen=True, slots=True, eq=False)
class Part:
    """Of a form. `file` is None for a field."""

    content: bytes
    file: str | None
    media_type: str


def form_parts(content_type: str, body: bytes) -> dict[str, Part]:
    """The fields and files of a `multipart/form-data` body by their names (RFC 7578), the last of each name.

    Raises `ProtocolError` for a body that is none.
    """
    head = _header(f"Content-Type: {content_type}".encode("latin-1", "replace"))
    boundary = head.get_boundary()
    if head.get_content_type() != FORM or not boundary:
        message = f"The Content-Type is '{content_type}'. Supported is {FORM}, with a boundary."
        raise ProtocolError("unsupported_content_type", message)
    parts: dict[str, Part] = {}
    _, *pieces = (b"\r\n" + body).split(b"\r\n--" + boundary.encode("latin-1", "replace"))
    for piece in pieces:
        if piece.startswith(b"--"):
            break
        lines, _, content = piece.partition(b"\r\n\r\n")
        about = _header(lines.lstrip())
        name = about.get_param("name", header="content-disposition")
        if isinstance(name, str):
            parts[name] = Part(content, about.get_filename(), about.get_content_type())
    return parts


def _header(lines: bytes) -> EmailMessage:
    # A form is a MIME message without its header, and so is each of its parts.
    return BytesHeaderParser(EmailMessage, policy=HTTP).parsebytes(lines)
