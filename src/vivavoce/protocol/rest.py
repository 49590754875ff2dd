"""Bodies of HTTP requests (PROTOCOL.md 1.3, 1.6), and what is wrong with a bad one in the wire's own words."""

from __future__ import annotations

from typing import Annotated, Literal, TypeVar

import msgspec
from msgspec import UNSET, Meta, Struct, UnsetType

from vivavoce.protocol.errors import ProtocolError
from vivavoce.protocol.explain import explain
from vivavoce.protocol.session import AnySessionPatch
from vivavoce.protocol.translation import TranslationRequest

_T = TypeVar("_T")
Lock = Literal["instructions", "tools"]
"""What a client secret may keep from those who use it: an extension (docs/clients.md)."""


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
