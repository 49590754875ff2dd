"""Frames to events and back (PROTOCOL.md 1.2, 2.0, 2.1, 2.3)."""

from __future__ import annotations

import base64
import json
from typing import Any, get_args

import pytest

from vivavoce.protocol import client as c
from vivavoce.protocol import server as wire
from vivavoce.protocol.codec import binary_refused, decode, encode
from vivavoce.protocol.errors import ProtocolError

EVENTS: list[dict[str, Any]] = [
    {"type": "session.update", "session": {"type": "realtime"}},
    {"type": "input_audio_buffer.append", "audio": "AAAA"},
    {"type": "input_audio_buffer.commit"},
    {"type": "input_audio_buffer.clear"},
    {"type": "output_audio_buffer.clear"},
    {
        "type": "conversation.item.create",
        "item": {"type": "message", "role": "user", "content": [{"type": "input_text", "text": "Hi"}]},
        "previous_item_id": "root",
    },
    {"type": "conversation.item.retrieve", "item_id": "item_1"},
    {"type": "conversation.item.truncate", "item_id": "item_1", "content_index": 0, "audio_end_ms": 20},
    {"type": "conversation.item.delete", "item_id": "item_1"},
    {"type": "response.create", "response": {"conversation": "none", "metadata": {"a": "b"}}},
    {"type": "response.cancel", "response_id": "resp_1"},
]


def refused(frame: str | bytes | dict[str, Any]) -> ProtocolError:
    with pytest.raises(ProtocolError) as caught:
        decode(json.dumps(frame) if isinstance(frame, dict) else frame)
    return caught.value


@pytest.mark.parametrize("event", EVENTS, ids=lambda event: event["type"])
@pytest.mark.parametrize("event_id", [None, "mine"])
def test_every_client_event_decodes_with_and_without_an_id(event: dict[str, Any], event_id: str | None) -> None:
    decoded = decode(json.dumps({**event, "event_id": event_id}))
    assert type(decoded).__struct_config__.tag == event["type"]
    assert decoded.event_id == event_id


def test_there_is_an_example_of_every_client_event() -> None:
    tags = [kind.__struct_config__.tag for kind in get_args(c.AnyClientEvent)]
    assert sorted(tags) == sorted(event["type"] for event in EVENTS)


@pytest.mark.parametrize("frame", ["", "{", "{'a': 1}", '{"type": }', "\x00", b"\xff\xfe", '{"a": "\\ud800"}'])
def test_what_is_no_json_is_invalid_json(frame: str | bytes) -> None:
    error = refused(frame)
    assert (error.code, error.param, error.event_id) == ("invalid_json", None, None)
    assert error.message.startswith("Invalid event: failed to parse JSON value. ")


@pytest.mark.parametrize(
    "frame",
    [
        "[" * 100_000,
        '{"type": "session.update", "session": {"type": "realtime", "prompt": ' + '{"a": ' * 5000 + "1" + "}" * 5002,
    ],
    ids=["arrays", "objects"],
)
def test_deep_nesting_is_refused_and_not_followed(frame: str) -> None:
    assert refused(frame).code == "invalid_json"


@pytest.mark.parametrize("frame", ["[]", "1", "null", '"session.update"'])
def test_what_is_no_object_is_an_invalid_event(frame: str) -> None:
    error = refused(frame)
    assert (error.code, error.message) == ("invalid_event", "Invalid event: expected a JSON object.")


def test_an_event_without_a_type_is_an_invalid_event() -> None:
    error = refused({"event_id": "mine"})
    assert (error.code, error.message) == ("invalid_event", "The 'type' field is missing.")
    assert error.event_id == "mine"


def test_an_unknown_type_is_answered_with_those_that_there_are() -> None:
    error = refused({"type": "session.dance", "event_id": "mine"})
    assert (error.code, error.param, error.event_id) == ("invalid_value", "type", "mine")
    assert error.message.startswith("Invalid value: 'session.dance'. Supported values are: ")
    assert "'session.update'" in error.message


def test_a_type_that_is_no_string_is_refused() -> None:
    error = refused({"type": 5})
    assert (error.code, error.param) == ("invalid_type", "type")


def test_an_unknown_field_is_named() -> None:
    error = refused({"type": "response.cancel", "bogus": 1, "event_id": "mine"})
    assert (error.code, error.param, error.event_id) == ("unknown_parameter", "bogus", "mine")
    assert error.message == "Unknown parameter: 'bogus'."


def test_a_missing_field_is_named() -> None:
    error = refused({"type": "input_audio_buffer.append"})
    assert (error.code, error.param) == ("missing_required_parameter", "audio")


@pytest.mark.parametrize("audio", ["%%%", "QQ", "A", "AAAA=", "AA AA"])
def test_wrong_base64_is_refused(audio: str) -> None:
    error = refused({"type": "input_audio_buffer.append", "audio": audio, "event_id": "mine"})
    assert (error.code, error.param, error.event_id) == ("invalid_value", "audio", "mine")


def append(size: int) -> str:
    audio = base64.b64encode(bytes(size)).decode()
    return json.dumps({"type": "input_audio_buffer.append", "audio": audio, "event_id": "mine"})


def test_an_append_of_fifteen_mebibytes_is_accepted() -> None:
    event = decode(append(15 * 1024 * 1024))
    assert isinstance(event, c.InputAudioBufferAppend)
    assert len(event.audio) == 15 * 1024 * 1024


def test_a_longer_append_is_refused() -> None:
    error = refused(append(15 * 1024 * 1024 + 1))
    assert (error.code, error.param, error.event_id) == ("invalid_value", "audio", "mine")
    assert "15728640 bytes" in error.message


def test_an_event_id_of_512_characters_is_the_longest_that_comes_back() -> None:
    assert refused({"type": "nonsense", "event_id": "x" * 512}).event_id == "x" * 512
    error = refused({"type": "response.cancel", "event_id": "x" * 513})
    assert (error.code, error.param, error.event_id) == ("string_above_max_length", "event_id", None)


def test_an_event_id_that_is_no_string_does_not_come_back() -> None:
    error = refused({"type": "response.cancel", "event_id": 5})
    assert (error.code, error.param, error.event_id) == ("invalid_type", "event_id", None)


@pytest.mark.parametrize("value", [-1, 2**31, 10**100])
def test_offsets_are_counts_of_a_reasonable_size(value: int) -> None:
    frame = {"type": "conversation.item.truncate", "item_id": "a", "content_index": 0, "audio_end_ms": value}
    assert refused(frame).param == "audio_end_ms"


def test_a_number_that_python_itself_would_not_print_is_refused() -> None:
    frame = '{"type": "conversation.item.truncate", "item_id": "a", "content_index": 0, "audio_end_ms": ' + "9" * 5000
    assert refused(frame + "}").code in {"invalid_json", "integer_above_max_value"}


@pytest.mark.parametrize(
    ("metadata", "param"),
    [
        ({str(n): "x" for n in range(17)}, "response.metadata"),
        ({"k" * 65: "x"}, "response.metadata." + "k" * 65),
        ({"k": "x" * 513}, "response.metadata.k"),
    ],
)
def test_metadata_has_limits(metadata: dict[str, str], param: str) -> None:
    assert refused({"type": "response.create", "response": {"metadata": metadata}}).param == param


def test_a_binary_frame_has_its_own_answer() -> None:
    error = binary_refused()
    assert error.code == "invalid_event"
    assert error.message == "Expected a text WebSocket message; binary frames are not supported."


def test_events_are_encoded_with_their_type_and_audio_as_base64() -> None:
    event = wire.OutputAudioDelta(
        event_id="event_1",
        response_id="resp_1",
        item_id="item_1",
        output_index=0,
        content_index=0,
        delta=b"\x00\x01\xff",
    )
    assert json.loads(encode(event)) == {
        "type": "response.output_audio.delta",
        "event_id": "event_1",
        "response_id": "resp_1",
        "item_id": "item_1",
        "output_index": 0,
        "content_index": 0,
        "delta": "AAH/",
    }


def test_a_fault_that_only_the_decoder_sees_is_told_in_its_words() -> None:
    error = refused('{"type": "response.cancel", "response_id": 5, "response_id": "resp_1", "event_id": "mine"}')
    assert (error.code, error.event_id) == ("invalid_event", "mine")
    assert error.message == "Invalid event: Expected `str | null`, got `int` - at `$.response_id`"
