"""The types of the `openai` package as judge of every event of a translation session."""

from __future__ import annotations

import json
from functools import cache
from typing import get_args

import pytest
from openai.types.realtime.realtime_translation_server_event import RealtimeTranslationServerEvent
from pydantic import BaseModel, TypeAdapter
from tests.core.speaker import Outputs, Speaker
from tests.oracle.test_openai_types import unknown_keys

from vivavoce.protocol import translation as wire
from vivavoce.protocol.codec import encode
from vivavoce.protocol.server import ServerEvent

ORACLE: TypeAdapter[BaseModel] = TypeAdapter(RealtimeTranslationServerEvent)
TYPES = sorted(kind.__struct_config__.tag for kind in get_args(wire.AnyServerEvent))


@cache
def emitted() -> tuple[dict[str, object], ...]:
    """A session with everything in it, as JSON."""
    speaker = Speaker()
    noise = {"type": "near_field", "strength": 0.5}
    outputs: Outputs = [*speaker.started, *speaker.send("nonsense", event_id="mine")]
    outputs += speaker.update(input={"transcription": {"model": "base"}, "noise_reduction": noise})
    outputs += [*speaker.say(), *speaker.understood("Guten Morgen."), *speaker.translated("Good morning.", 500)]
    outputs += speaker.close()
    return tuple(json.loads(encode(output)) for output in outputs if isinstance(output, ServerEvent))


@pytest.mark.parametrize("type_", TYPES)
def test_every_event_validates_and_has_no_key_that_the_types_do_not_know(type_: str) -> None:
    events = [event for event in emitted() if event["type"] == type_]
    assert events
    for event in events:
        model = ORACLE.validate_json(json.dumps(event), strict=True)
        assert getattr(model, "type", None) == type_
        assert set(unknown_keys(model)) == set()


def test_the_session_shows_all_that_is_in_force() -> None:
    (updated,) = (event for event in emitted() if event["type"] == "session.updated")
    assert updated["session"] == {
        "id": "sess_1",
        "type": "translation",
        "model": "gpt-realtime-translate",
        "expires_at": 0,
        "audio": {
            "input": {"transcription": {"model": "base"}, "noise_reduction": {"type": "near_field", "strength": 0.5}},
            "output": {"language": "en"},
        },
    }
