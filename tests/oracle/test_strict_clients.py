"""What the strictest clients fall over (PROTOCOL.md 9.2, 9.3), looked for in every event."""

from __future__ import annotations

from collections.abc import Iterator

from tests.oracle.emitted import Event, emitted


def of_type(*types: str) -> list[Event]:
    found = [event for event in emitted() if event["type"] in types]
    assert {event["type"] for event in found} == set(types)
    return found


def items() -> Iterator[Event]:
    for event in emitted():
        if "item" in event:
            yield event["item"]
        yield from event.get("response", {}).get("output", [])


def numbers(value: object, key: str) -> Iterator[object]:
    if isinstance(value, dict):
        for name, inner in value.items():
            if name.endswith(key):
                yield inner
            yield from numbers(inner, key)


def test_every_event_has_an_id() -> None:
    assert all(event["event_id"].startswith("event_") for event in emitted())


def test_parts_have_only_the_key_of_their_type() -> None:
    for event in of_type("response.content_part.added", "response.content_part.done"):
        part = event["part"]
        wanted = "text" if part["type"] == "text" else "transcript"
        assert set(part) == {"type", wanted}
        assert isinstance(part[wanted], str)


def test_the_callers_voice_has_an_explicit_transcript() -> None:
    voices = [part for item in items() for part in item.get("content", ()) if part["type"] == "input_audio"]
    assert voices
    assert all("transcript" in part for part in voices)


def test_items_name_themselves_and_have_a_status() -> None:
    for item in items():
        assert item["object"] == "realtime.item"
        assert item["status"] in {"in_progress", "completed", "incomplete"}
        if item["type"] == "message":
            assert item["role"] in {"system", "user", "assistant"}


def test_calls_have_all_that_is_needed_to_make_them() -> None:
    calls = [item for item in items() if item["type"] == "function_call"]
    assert calls
    for call in calls:
        assert all(isinstance(call[key], str) for key in ("id", "call_id", "name", "arguments"))
    assert all(event["name"] for event in of_type("response.function_call_arguments.done"))


def test_the_items_of_mcp_servers_have_what_stock_clients_parse() -> None:
    calls = [item for item in items() if item["type"] == "mcp_call"]
    assert calls
    for call in calls:
        assert all(isinstance(call[key], str) for key in ("id", "server_label", "name", "arguments"))
        assert call["output"] is None or isinstance(call["output"], str)
    tools = [tool for item in items() if item["type"] == "mcp_list_tools" for tool in item["tools"]]
    assert tools
    assert all(isinstance(tool["description"], str) for tool in tools)
    assert all(isinstance(event["obfuscation"], str) for event in of_type("response.mcp_call_arguments.delta"))


def test_items_carry_audio_only_when_they_are_retrieved() -> None:
    carrying = {
        event["type"] for event in emitted() for part in event.get("item", {}).get("content", []) if "audio" in part
    }
    assert carrying == {"conversation.item.retrieved"}
    outputs = [item for event in of_type("response.done") for item in event["response"]["output"]]
    assert outputs
    assert not any("audio" in part for item in outputs for part in item.get("content", ()))


def test_offsets_and_indices_are_integers() -> None:
    for key in ("_ms", "_index", "_tokens"):
        found = [value for event in emitted() for value in numbers(event, key)]
        assert found
        assert all(type(value) is int or value in (None, "inf") for value in found)


def test_errors_have_all_five_keys() -> None:
    for event in of_type("error"):
        assert set(event["error"]) == {"type", "code", "message", "param", "event_id"}
        assert isinstance(event["error"]["message"], str)


def test_a_failed_transcription_has_no_nulls() -> None:
    for event in of_type("conversation.item.input_audio_transcription.failed"):
        assert None not in event["error"].values()


def test_transcriptions_and_responses_tell_their_usage() -> None:
    assert all(event["usage"] for event in of_type("conversation.item.input_audio_transcription.completed"))
    for event in of_type("response.done"):
        assert set(event["response"]["usage"]) == {
            "total_tokens",
            "input_tokens",
            "output_tokens",
            "input_token_details",
            "output_token_details",
        }


def test_sessions_have_explicit_booleans_and_rates() -> None:
    for event in of_type("session.created", "session.updated"):
        session = event["session"]
        assert session["type"] in ("realtime", "transcription")
        for side in session["audio"].values():
            assert (side["format"]["type"] == "audio/pcm") == (side["format"].get("rate") == 24000)
        detection = session["audio"]["input"]["turn_detection"]
        if detection is not None and session["type"] == "realtime":
            assert type(detection["create_response"]) is bool
            assert type(detection["interrupt_response"]) is bool


def test_status_details_are_an_object_without_nulls_or_null() -> None:
    for event in of_type("response.created", "response.done"):
        details = event["response"]["status_details"]
        assert details is None or None not in details.values()
        if details is not None:
            assert details["type"] == event["response"]["status"]
