"""SIP messages: bytes to requests and responses, and back (RFC 3261, 7)."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from functools import cached_property

from vivavoce.transports.sip.actions import Flow, Headers
from vivavoce.transports.sip.fields import Party, SipError, Via, items

VERSION = "SIP/2.0"
SDP = "application/sdp"
MOST_HEADERS = 256
MOST_VIAS = 70
"""As many as Max-Forwards begins with."""
COOKIE = "z9hG4bK"
"""How a branch begins that is unique (RFC 3261, 8.1.1.7)."""

_COMPACT = {
    "a": "Accept-Contact",
    "b": "Referred-By",
    "c": "Content-Type",
    "e": "Content-Encoding",
    "f": "From",
    "i": "Call-ID",
    "j": "Reject-Contact",
    "k": "Supported",
    "l": "Content-Length",
    "m": "Contact",
    "o": "Event",
    "r": "Refer-To",
    "s": "Subject",
    "t": "To",
    "u": "Allow-Events",
    "v": "Via",
    "x": "Session-Expires",
}
_TOKEN = r"[A-Za-z0-9.!%*_+`'~-]+"
_NAME = re.compile(_TOKEN)
_REQUEST = re.compile(rf"({_TOKEN}) (\S+) ([Ss][Ii][Pp]/[0-9]+\.[0-9]+)")
_STATUS = re.compile(r"[Ss][Ii][Pp]/2\.0 ([1-6][0-9][0-9])(?: (.*))?")
_CSEQ = re.compile(rf"([0-9]{{1,10}})\s+({_TOKEN})")
_CONTROL = re.compile(r"[\x00-\x08\x0a-\x1f\x7f]")
_BOUNDARY = re.compile(r'multipart/[^;]*;.*?boundary=(?:"([^"]{1,70})"|([^";\s]{1,70})).*', re.IGNORECASE)
_SDP_PART = re.compile(rb"content-type\s*:\s*application/sdp", re.IGNORECASE)
_ONCE = ("from", "to", "call-id", "cseq")


class BadRequest(SipError):
    """A request that is broken, and whole enough to be told so with `status`."""

    def __init__(self, message: str, request: Request, status: int = 400) -> None:
        super().__init__(message)
        self.request = request
        self.status = status


@dataclass(frozen=True)
class Message:
    """What requests and responses have in common. The names of header fields are whole, never the compact ones."""

    headers: Headers
    body: bytes

    def get(self, name: str) -> str | None:
        """The first header field of that name, in lower case."""
        return next((value for each, value in self.headers if each.lower() == name), None)

    def every(self, name: str) -> list[str]:
        """All elements of the header fields of that name, in lower case, in order."""
        return [item for each, value in self.headers if each.lower() == name for item in items(value)]

    @cached_property
    def vias(self) -> list[Via]:
        """The way it took, the last station first."""
        stations = self.every("via")
        if len(stations) > MOST_VIAS:
            raise SipError(f"{len(stations)} stations on its way")
        return [Via.parse(each) for each in stations]

    @cached_property
    def from_(self) -> Party:
        """Who sent the request."""
        return Party.parse(self.get("from") or "")

    @cached_property
    def to(self) -> Party:
        """Whom the request is for."""
        return Party.parse(self.get("to") or "")

    @cached_property
    def call_id(self) -> str:
        """The call it belongs to."""
        return self.get("call-id") or ""

    @cached_property
    def cseq(self) -> tuple[int, str]:
        """Number and method."""
        found = _CSEQ.fullmatch(self.get("cseq") or "")
        if found is None or int(found[1]) >= 2**31:
            raise SipError("CSeq is no number below 2**31 and a method")
        return int(found[1]), found[2]

    @property
    def sdp(self) -> str | None:
        """The session description in the body, alone or among others; None: there is none."""
        kind = self.get("content-type") or ""
        boundary = _BOUNDARY.fullmatch(kind)
        if boundary is None:
            parts = [self.body] if kind.partition(";")[0].strip().lower() == SDP and self.body else []
        else:
            mark = b"--" + (boundary[1] or boundary[2]).encode()
            split = (part.partition(b"\r\n\r\n") for part in (b"\r\n" + self.body).split(b"\r\n" + mark))
            parts = [content for head, _, content in split if _SDP_PART.search(head)]
        return parts[0].decode("utf-8", "replace") if parts else None

    def option(self, name: str, option: str) -> bool:
        """Whether Supported, Allow or their like names it."""
        return option.lower() in (each.lower() for each in self.every(name))

    def _bytes(self, start: str) -> bytes:
        lines = [start, *(f"{name}: {value}" for name, value in self.headers), f"Content-Length: {len(self.body)}"]
        return "\r\n".join((*lines, "", "")).encode() + self.body


@dataclass(frozen=True)
class Request(Message):
    """A method and the URI it is for."""

    method: str
    uri: str

    def __bytes__(self) -> bytes:
        return self._bytes(f"{self.method} {self.uri} {VERSION}")


@dataclass(frozen=True)
class Response(Message):
    """A status, 100 to 699, and what people call it."""

    status: int
    reason: str

    def __bytes__(self) -> bytes:
        return self._bytes(f"{VERSION} {self.status} {self.reason}")

    @property
    def final(self) -> bool:
        """Nothing else answers the request."""
        return self.status >= 200


def parse(data: bytes) -> Request | Response:
    """One message, as it came in a datagram or out of a `Framer`.

    Raises `SipError`, and of its kind `BadRequest` for what can be answered. Bytes after the body are dropped
    (RFC 3261, 18.3).
    """
    head, end, body = data.lstrip(b"\r\n").partition(b"\r\n\r\n")
    if not end:
        raise SipError("no empty line after the header fields")
    start, *lines = unfolded(head)
    headers = tuple(header_field(line) for line in lines)
    if len(headers) > MOST_HEADERS:
        raise SipError(f"more than {MOST_HEADERS} header fields")
    length = content_length(headers)
    kept = tuple(each for each in headers if each[0].lower() != "content-length")
    if found := _STATUS.fullmatch(start):
        response = Response(kept, _cut(body, length), int(found[1]), found[2] or "")
        _check(response)
        return response
    if (found := _REQUEST.fullmatch(start)) is None:
        raise SipError(f"'{start[:80]}' begins no SIP message")
    request = Request(kept, body[:length], found[1], found[2])
    if not request.vias:
        raise SipError("no Via, so nobody to answer")
    try:
        _check(request)
        _cut(body, length)
    except SipError as error:
        raise BadRequest(str(error), request) from None
    if found[3].upper() != VERSION:
        raise BadRequest(f"{found[3]} is not spoken here", request, 505)
    return request


def unfolded(head: bytes) -> list[str]:
    """Lines, those joined that were broken (RFC 3261, 7.3.1). Raises `SipError` at control characters."""
    text = re.sub(r"\r\n[ \t]+", " ", head.decode("utf-8", "replace"))
    lines = text.split("\r\n")
    if any(_CONTROL.search(line) for line in lines):
        raise SipError("control characters in the header fields")
    return lines


def content_length(headers: Headers) -> int | None:
    """Bytes of the body, where it is said. Raises `SipError`."""
    lengths = {value for name, value in headers if name.lower() == "content-length"}
    if not lengths:
        return None
    length = lengths.pop()
    if lengths or not re.fullmatch("[0-9]{1,8}", length):
        raise SipError("Content-Length is not one number")
    return int(length)


def header_field(line: str) -> tuple[str, str]:
    """Name, the whole of a compact one, and value. Raises `SipError`."""
    name, colon, value = line.partition(":")
    name = name.rstrip(" \t")
    if not colon or not _NAME.fullmatch(name):
        raise SipError(f"'{line[:80]}' is no header field")
    return _COMPACT.get(name.lower(), name), value.strip(" \t")


def _cut(body: bytes, length: int | None) -> bytes:
    if length is not None and len(body) < length:
        raise SipError(f"{len(body)} of {length} bytes of the body arrived")
    return body[:length]


def _check(message: Request | Response) -> None:
    """What every message must have (RFC 3261, 8.1.1). Raises `SipError`."""
    names = [name.lower() for name, _ in message.headers]
    for name in _ONCE:
        if names.count(name) != 1:
            raise SipError(f"{names.count(name)} header fields {name}")
    if not message.vias or not message.call_id:
        raise SipError("an empty Via or Call-ID")
    _, method = message.cseq
    if isinstance(message, Request) and (method != message.method or not message.from_.tag):
        raise SipError(f"CSeq speaks of {method}, or From has no tag")
    Party.parse(message.get("to") or "")
    Party.parse(message.get("from") or "")


def arrived(request: Request, flow: Flow) -> Request:
    """With `received` and `rport` in its first Via, so that the answer finds its way (RFC 3261, 18.2.1; RFC 3581)."""
    via = request.vias[0]
    rport = "rport" in via.parameters
    if via.host == flow.remote[0] and not rport:
        return request
    parts = [part for part in via.text.split(";") if not re.match(r"\s*(received|rport)\s*(=|$)", part, re.IGNORECASE)]
    parts.append(f"received={flow.remote[0]}")
    if rport:
        parts.append(f"rport={flow.remote[1]}")
    rest = [("Via", each.text) for each in request.vias[1:]]
    others = (each for each in request.headers if each[0].lower() != "via")
    return replace(request, headers=(("Via", ";".join(parts)), *rest, *others))


def way_back(request: Request, flow: Flow) -> Flow:
    """Where the answers to a request go (RFC 3261, 18.2.2)."""
    via = request.vias[0]
    if flow.reliable or "rport" in via.parameters:
        return flow
    return replace(flow, remote=(flow.remote[0], via.port or 5060))


def reply(
    request: Request, status: int, reason: str = "", *, tag: str = "", headers: Headers = (), body: bytes = b""
) -> Response:
    """The answer to a request. `tag` names this side in To, where nobody has yet."""
    copied: list[tuple[str, str]] = []
    for name, value in request.headers:
        known = name.lower()
        if known == "to" and tag and "tag" not in request.to.parameters:
            copied.append((name, f"{value};tag={tag}"))
        elif known in ("via", "from", "to", "call-id", "cseq"):
            copied.append((name, value))
    return Response((*copied, *headers), body, status, reason or REASONS.get(status) or REASONS[status // 100])


REASONS = {
    1: "Progress",
    2: "OK",
    3: "Redirected",
    4: "Refused",
    5: "Server Error",
    6: "Declined",
    100: "Trying",
    180: "Ringing",
    183: "Session Progress",
    200: "OK",
    202: "Accepted",
    400: "Bad Request",
    401: "Unauthorized",
    403: "Forbidden",
    404: "Not Found",
    405: "Method Not Allowed",
    408: "Request Timeout",
    410: "Gone",
    415: "Unsupported Media Type",
    416: "Unsupported URI Scheme",
    420: "Bad Extension",
    422: "Session Interval Too Small",
    480: "Temporarily Unavailable",
    481: "Call/Transaction Does Not Exist",
    482: "Loop Detected",
    483: "Too Many Hops",
    484: "Address Incomplete",
    486: "Busy Here",
    487: "Request Terminated",
    488: "Not Acceptable Here",
    489: "Bad Event",
    491: "Request Pending",
    500: "Server Internal Error",
    503: "Service Unavailable",
    505: "Version Not Supported",
    600: "Busy Everywhere",
    603: "Decline",
    604: "Does Not Exist Anywhere",
    606: "Not Acceptable",
}
"""What people call a status, and by its first digit one that is not here."""
