"""What one connection may neither see nor change of its session: the locks of a client secret.

An extension of the protocol (docs/clients.md). They belong to the connection, not to the session: another client of
the same session, with a key of its own, sees and changes everything.
"""

from __future__ import annotations

from collections.abc import Iterable

import msgspec
from msgspec import UNSET
from msgspec.structs import replace

from vivavoce.protocol import client as c
from vivavoce.protocol import server as wire
from vivavoce.protocol.codec import encode
from vivavoce.protocol.errors import ProtocolError
from vivavoce.protocol.items import ClientMessage, McpListTools
from vivavoce.protocol.rest import Lock
from vivavoce.protocol.session import SessionPatch
from vivavoce.runtime.core import AnyEvent

Locks = frozenset[Lock]
UNLOCKED: Locks = frozenset()
_FIELDS: dict[Lock, tuple[str, ...]] = {"instructions": ("instructions", "prompt"), "tools": ("tools",)}
"""A stored prompt is where instructions come from: whoever may choose one chooses them. Which of the tools are called
is not locked, nor what comes of it: the client runs its functions, and approves the calls of the others."""
_WITH_ITEM = wire.ConversationItemAdded | wire.ConversationItemDone | wire.ConversationItemRetrieved


def check(event: AnyEvent, locks: Locks) -> None:
    """Raises `ProtocolError` (`parameter_locked`) for an event that touches a locked field."""
    if not locks:
        return
    param = None
    match event:
        case c.SessionUpdate(session=SessionPatch() as patch):
            present = (name for name in _fields(locks) if getattr(patch, name) is not UNSET)
            param = _first("session", present)
        case c.ConversationItemCreate(item=item) if _instructs(item, locks):
            param = "item.role"
        case c.ResponseCreate(response=c.ResponseParams() as params):
            present = (name for name in _fields(locks) if getattr(params, name) is not None)
            param = _first("response", present) or _instructing(params, locks)
        case _:
            pass
    if param is not None:
        message = f"'{param}' cannot be set here: this connection's client secret locks {_listed(locks)}."
        raise ProtocolError("parameter_locked", message, param=param, event_id=event.event_id)


def masked(event: wire.ServerEvent, locks: Locks) -> str | None:
    """The frame of an event without what is locked; None where that hides nothing."""
    if locks and isinstance(event, wire.SessionCreated | wire.SessionUpdated):
        shown = msgspec.to_builtins(event)
        for name in _fields(locks):
            shown["session"].pop(name, None)
        return msgspec.json.encode(shown).decode()
    if "tools" in locks and isinstance(event, _WITH_ITEM) and isinstance(event.item, McpListTools):
        # That there is such a server is no secret: calls of its tools are shown too.
        return encode(replace(event, item=replace(event.item, tools=())))
    return None


def _fields(locks: Locks) -> list[str]:
    return [name for lock in sorted(locks) for name in _FIELDS[lock]]


def _first(place: str, names: Iterable[str]) -> str | None:
    name = next(iter(names), None)
    return None if name is None else f"{place}.{name}"


def _instructs(item: object, locks: Locks) -> bool:
    # A system message instructs the model as much as the instructions do: open to the client, it would be their lock's
    # way round.
    return "instructions" in locks and isinstance(item, ClientMessage) and item.role == "system"


def _instructing(params: c.ResponseParams, locks: Locks) -> str | None:
    wrong = (index for index, item in enumerate(params.input or ()) if _instructs(item, locks))
    return next((f"response.input[{index}].role" for index in wrong), None)


def _listed(locks: Locks) -> str:
    return " and ".join(sorted(locks))
