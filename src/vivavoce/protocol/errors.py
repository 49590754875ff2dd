"""The client's faults, as the wire names them (PROTOCOL.md 2.3)."""

from __future__ import annotations

from collections.abc import Iterable
from difflib import get_close_matches


class ProtocolError(Exception):
    """What the client asked for cannot be done: it becomes an `error` event, and the session goes on.

    `code` and `param` are those of PROTOCOL.md 2.3; `event_id` is the client's own, where it could be read.
    """

    def __init__(
        self,
        code: str | None,
        message: str,
        *,
        param: str | None = None,
        event_id: str | None = None,
        kind: str = "invalid_request_error",
    ) -> None:
        super().__init__(message)
        self.code = code
        self.message = message
        self.param = param
        self.event_id = event_id
        self.kind = kind


def unsupported(param: str, message: str) -> ProtocolError:
    """A field that this server knows and does not serve: refused by name, never ignored (DESIGN.md 8)."""
    return ProtocolError("unsupported_value", message, param=param)


def invalid_value(param: str, value: object, allowed: tuple[str, ...]) -> ProtocolError:
    """A value outside the allowed ones, in the service's own words (PROTOCOL.md 2.3)."""
    return ProtocolError("invalid_value", f"Invalid value: '{value}'. {supported_values(allowed)}", param=param)


def near_names(name: str, known: Iterable[str]) -> str:
    """` Did you mean 'cedar'?` with up to three of the known names that are spelt much like it; "" for none."""
    quoted = [f"'{near}'" for near in get_close_matches(name.lower(), list(known), cutoff=0.6)]
    return f" Did you mean {' or '.join(quoted)}?" if quoted else ""


def supported_values(allowed: tuple[str, ...]) -> str:
    """`Supported values are: 'a', 'b', and 'c'.`"""
    quoted = [f"'{name}'" for name in allowed]
    if len(quoted) < 3:
        return f"Supported values are: {' and '.join(quoted)}."
    return f"Supported values are: {', '.join(quoted[:-1])}, and {quoted[-1]}."
