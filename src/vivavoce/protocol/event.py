"""What all server events share."""

from __future__ import annotations

from msgspec import Struct


class ServerEvent(Struct, frozen=True, kw_only=True):
    """`event_id` is stamped by the core at its one exit."""

    event_id: str = ""
