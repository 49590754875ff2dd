"""The fake realtime server is strict, and what it sends is what the types of the `openai` package know."""

from __future__ import annotations

import asyncio
import json
from base64 import b64encode
from typing import Any

import pytest
from openai.types.realtime import RealtimeServerEvent
from pydantic import TypeAdapter
from tests.patience import PATIENCE_S
from websockets.asyncio.client import ClientConnection, connect

from vivavoce.testing.remote_realtime import RemoteRealtime
from vivavoce.testing.remote_reply import Reply

Event = dict[str, Any]
_known: TypeAdapter[Any] = TypeAdapter(RealtimeServerEvent)


def exchanged(*events: Event, replies: tuple[Reply, ...] = (), until: str = "response.done") -> list[Event]:
    """What comes for these events, up to the first of a type; `session.created` is left out."""

    async def main() -> list[Event]:
        async with asyncio.timeout(PATIENCE_S), RemoteRealtime(*replies) as server, connect(server.url) as socket:
            for event in events:
                await socket.send(json.dumps(event))
            return (await _read(socket, until))[1:]

    return asyncio.run(main())


async def _read(socket: ClientConnection, until: str) -> list[Event]:
    got: list[Event] = []
    while not got or got[-1]["type"] != until:
        got.append(json.loads(await socket.recv()))
    return got


def item(text: str, **more: object) -> Event:
    """A message of the client's."""
    message = {"type": "message", "role": "user", "content": [{"type": "input_text", "text": text}]}
    return {"type": "conversation.item.create", "item": {**message, **more}}


AUDIO = {"type": "input_audio_buffer.append", "audio": b64encode(bytes(9600)).decode()}
COMMIT = {"type": "input_audio_buffer.commit"}
ASK = {"type": "response.create"}


@pytest.mark.parametrize(
    "reply",
    [
        Reply(),
        Reply(leading=True),
        Reply("One.", [("clock", "{}"), ("clock", '{"a": 1}')], interleaved=True),
        Reply(status="incomplete", reason="max_output_tokens"),
        Reply(status="failed"),
    ],
)
def test_its_events_are_those_of_the_wire(reply: Reply) -> None:
    update = {"type": "session.update", "session": {"type": "realtime"}}
    for event in exchanged(update, AUDIO, COMMIT, item("Hello."), ASK, replies=(reply,)):
        known = _known.validate_json(json.dumps(event), strict=True)
        assert known.type == event["type"]


@pytest.mark.parametrize(
    ("events", "code"),
    [
        ([COMMIT], "input_audio_buffer_commit_empty"),
        ([item("a", id="x"), item("b", id="x")], "item_create_duplicate_item_id"),
        ([{"type": "conversation.item.delete", "item_id": "x"}], "item_delete_invalid_item_id"),
        ([{**item("a"), "previous_item_id": "x"}], "item_not_found"),
        ([{"type": "response.cancel"}], "response_cancel_not_active"),
        ([ASK, ASK], "conversation_already_has_active_response"),
        ([{"type": "session.update", "session": {"instructions": "x"}}], "missing_required_parameter"),
        ([{"type": "session.update", "session": {"type": "realtime", "wrong": 1}}], "unknown_parameter"),
        (
            [{"type": "response.create", "response": {"input": [{"type": "item_reference", "id": "x"}]}}],
            "item_not_found",
        ),
        ([{"type": "nonsense"}], "invalid_value"),
    ],
)
def test_it_refuses_what_the_protocol_refuses(events: list[Event], code: str) -> None:
    slow = Reply(pace=1.0)
    *_, error = exchanged(*events, replies=(slow, slow), until="error")
    assert error["error"]["code"] == code


def test_an_output_without_its_call_is_refused() -> None:
    output = {"type": "function_call_output", "call_id": "x", "output": "1"}
    *_, error = exchanged({"type": "conversation.item.create", "item": output}, until="error")
    assert error["error"]["param"] == "item.call_id"


def test_an_update_changes_what_it_names() -> None:
    both: list[Event] = [
        {"instructions": "Be brief.", "audio": {"output": {"voice": "ash"}}},
        {"audio": {"output": {"speed": 1.25}}},
    ]
    updates = [{"type": "session.update", "session": {"type": "realtime", **each}} for each in both]
    *_, last = exchanged(*updates, item("Hello."), until="conversation.item.added")[:-1]
    assert last["session"] == {
        "type": "realtime",
        "instructions": "Be brief.",
        "audio": {"output": {"voice": "ash", "speed": 1.25}},
    }


def test_what_is_cut_off_by_a_cancel_ends_incomplete() -> None:
    async def main() -> list[Event]:
        async with RemoteRealtime(Reply(pace=0.01)) as server, connect(server.url) as socket:
            await socket.send(json.dumps(ASK))
            begun = await _read(socket, "response.output_item.added")
            await socket.send(json.dumps({"type": "response.cancel"}))
            return begun[1:] + await _read(socket, "response.done")

    got = asyncio.run(main())
    cut, mirrored, done = got[-3:]
    assert (cut["type"], mirrored["type"]) == ("response.output_item.done", "conversation.item.done")
    assert (cut["item"]["status"], done["response"]["status"]) == ("incomplete", "cancelled")
    assert done["response"]["output"] == [cut["item"]] == [mirrored["item"]]
    for event in got:
        assert _known.validate_json(json.dumps(event), strict=True).type == event["type"]
