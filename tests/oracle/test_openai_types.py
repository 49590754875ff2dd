"""The types of the `openai` package as judge of every event: nothing missing, nothing mistyped, nothing invented."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import get_args

import pytest
from openai.types.realtime import RealtimeServerEvent
from pydantic import BaseModel, TypeAdapter
from tests.oracle.emitted import Event, emitted

from vivavoce.protocol import server as wire

ORACLE: TypeAdapter[BaseModel] = TypeAdapter(RealtimeServerEvent)
TYPES = sorted(kind.__struct_config__.tag for kind in get_args(wire.AnyServerEvent))
NOT_IN_THE_TYPES = {"session.expires_at", "session.id", "session.object"}
"""The package describes the session that is requested; the service shows these too (PROTOCOL.md 3.1)."""
OF_TYPES = {
    "input_audio_buffer.dtmf_event_received": {"event_id"},
    "mcp_call": {"object", "status"},
    "mcp_approval_request": {"object", "status"},
    "mcp_approval_response": {"object", "status"},
    "mcp_list_tools": {"object", "status", "error"},
}
"""The package names `object` and `status` for other items alone (PROTOCOL.md 3.10), and knows one event without an id
(2.2), which ours has like any other. Why a listing failed is told by us."""


def of_type(type_: str) -> list[Event]:
    return [event for event in emitted() if event["type"] == type_]


@pytest.mark.parametrize("type_", TYPES)
def test_every_event_validates(type_: str) -> None:
    events = of_type(type_)
    assert events, f"no trace emits {type_}"
    for event in events:
        model = ORACLE.validate_json(json.dumps(event), strict=True)
        assert getattr(model, "type", None) == type_


@pytest.mark.parametrize("type_", TYPES)
def test_no_event_has_a_key_that_the_types_do_not_know(type_: str) -> None:
    for event in of_type(type_):
        unknown = set(unknown_keys(ORACLE.validate_json(json.dumps(event)))) - NOT_IN_THE_TYPES
        assert unknown == set()


def unknown_keys(model: BaseModel, path: str = "") -> Iterator[str]:
    """What an event holds beyond its type."""
    for name in set(model.model_extra or {}) - OF_TYPES.get(str(getattr(model, "type", "")), set()):
        yield f"{path}{name}"
    for name in model.model_fields_set - set(model.model_extra or {}):
        value = getattr(model, name)
        for inner in value if isinstance(value, list) else [value]:
            if isinstance(inner, BaseModel):
                yield from unknown_keys(inner, f"{path}{name}.")
