"""Bodies of HTTP requests (PROTOCOL.md 1.3, 1.6), and what is wrong with a bad one in the wire's own words."""

from __future__ import annotations

from typing import Annotated, Literal, TypeVar, cast

import msgspec
from msgspec import UNSET, Meta, Struct, UnsetType

from vivavoce.protocol.errors import ProtocolError
from vivavoce.protocol.explain import explain
from vivavoce.protocol.session import AnySessionPatch
from vivavoce.protocol.translation import TranslationRequest

_T = TypeVar("_T")
Lock = Literal["instructions", "tools"]
"""What a client secret may keep from those who use it: an extension (docs/clients.md)."""


CallUri = Annotated[str, Meta(pattern=r"^(sips?|tel):[!#-;=?-~]+$", max_length=512)]
"""What a telephone can be told to call: ASCII without spaces, quotes and angle brackets."""
HeaderName = Annotated[str, Meta(pattern=r"^[Xx]-[A-Za-z0-9-]+$", max_length=64)]
"""Of a header that nobody but the two ends understands."""
HeaderValue = Annotated[str, Meta(pattern=r"^[\x20-\x7e]*$", max_length=512)]


class ExpiresAfter(Struct, frozen=True, forbid_unknown_fields=True):
    """How long a client secret opens sessions, in seconds from when it is made. A session may last longer."""

    anchor: Literal["created_at"] = "created_at"
    seconds: Annotated[int, Meta(ge=10, le=7200)] = 600


class SecretRequest(Struct, frozen=True, forbid_unknown_fields=True):
    """`POST /v1/realtime/client_secrets`."""

    expires_after: ExpiresAfter = ExpiresAfter()
    session: AnySessionPatch | UnsetType = UNSET
    lock: list[Lock] = []


class TranslationSecretRequest(Struct, frozen=True, forbid_unknown_fields=True):
    """`POST /v1/realtime/translations/client_secrets`."""

    session: TranslationRequest
    expires_after: ExpiresAfter = ExpiresAfter()


class RejectRequest(Struct, frozen=True, forbid_unknown_fields=True):
    """`POST /v1/realtime/calls/{call_id}/reject` (1.5)."""

    status_code: Annotated[int, Meta(ge=300, le=699)] | None = None


class ReferRequest(Struct, frozen=True, forbid_unknown_fields=True):
    """`POST /v1/realtime/calls/{call_id}/refer` (1.5)."""

    target_uri: CallUri


class DialRequest(Struct, frozen=True, forbid_unknown_fields=True):
    """`POST /v1/realtime/calls` with JSON: a call that this server makes. An extension (docs/telephony.md)."""

    uri: Annotated[str, Meta(pattern=r"^sips?:[!#-;=?-~]+$", max_length=512)]
    session: AnySessionPatch
    headers: dict[HeaderName, HeaderValue] = {}


class ConsentPatch(Struct, frozen=True, forbid_unknown_fields=True):
    """`POST /v1/audio/voice_consents/{consent_id}` (1.8)."""

    name: Annotated[str, Meta(min_length=1, max_length=256)]


ACCEPT = cast("type[AnySessionPatch]", AnySessionPatch)
"""`POST /v1/realtime/calls/{call_id}/accept`: the session itself (1.5). A union, so that `type` must be there."""


def read(body: bytes, type_: type[_T]) -> _T:
    """The request in a body; none at all is an empty object. Raises `ProtocolError` with code and `param`."""
    body = body.strip() or b"{}"
    try:
        return msgspec.json.decode(body, type=type_)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise _fault(body, type_, str(error)) from None


def _fault(body: bytes, type_: object, reason: str) -> ProtocolError:
    try:
        value = msgspec.json.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        return ProtocolError("invalid_json", f"Invalid body: failed to parse JSON value. {error}")
    found = explain(type_, value)
    if found is None:
        return ProtocolError("invalid_value", f"Invalid body: {reason}")
    return ProtocolError(found.code, found.message, param=found.param)
