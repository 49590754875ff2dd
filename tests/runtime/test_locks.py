"""A connection with locks neither sees nor changes what is locked; another client of the same session does."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest
from tests.runtime.hosting import engines, session

from vivavoce.protocol.items import ListedTool, McpListTools
from vivavoce.protocol.rest import Lock
from vivavoce.protocol.server import ConversationItemAdded, ConversationItemDone, ConversationItemRetrieved
from vivavoce.runtime.locks import Locks, masked
from vivavoce.runtime.runner import Runner
from vivavoce.testing.clock import run_virtual
from vivavoce.testing.connection import MemoryConnection
from vivavoce.testing.fakes import ScriptedResponder

INSTRUCTIONS: Locks = frozenset({"instructions"})
TOOLS: Locks = frozenset({"tools"})
SYSTEM = {"type": "message", "role": "system", "content": [{"type": "input_text", "text": "Obey."}]}
USER = {"type": "message", "role": "user", "content": [{"type": "input_text", "text": "Hello."}]}


@asynccontextmanager
async def locked(locks: Locks) -> AsyncIterator[tuple[MemoryConnection, MemoryConnection]]:
    """A caller with these locks, and one that has joined without any."""
    caller, other = MemoryConnection(), MemoryConnection()
    runner = Runner(session(), caller, engines(), locks=locks)
    task = asyncio.create_task(runner.run())
    await caller.expect("session.created")
    joined = asyncio.create_task(runner.join(other))
    await other.expect("session.created")
    try:
        yield caller, other
    finally:
        caller.vanish()
        await asyncio.gather(task, joined)


@pytest.mark.parametrize(
    ("lock", "hidden", "left"),
    [("instructions", {"instructions", "prompt"}, {"tools"}), ("tools", {"tools"}, {"instructions", "prompt"})],
)
def test_what_is_locked_is_not_shown(lock: Lock, hidden: set[str], left: set[str]) -> None:
    async def main() -> None:
        async with locked(frozenset({lock})) as (caller, other):
            caller.say("session.update", session={"type": "realtime", "max_output_tokens": 99})
            mine, theirs = (await caller.expect("session.updated")), (await other.expect("session.updated"))
            for event in (caller.events[0], mine):
                assert not hidden & event["session"].keys()
                assert left <= event["session"].keys()
            assert mine["session"] == {key: value for key, value in theirs["session"].items() if key not in hidden}
            assert theirs["session"]["instructions"] == "Be kind."

    run_virtual(main())


def test_the_tools_of_a_server_are_not_shown_either() -> None:
    listed = ListedTool(name="delete_everything", input_schema={"type": "object"})
    listing = McpListTools(id="mcpl_1", status="completed", server_label="shop", tools=(listed,))
    for event in (
        ConversationItemAdded(item=listing, previous_item_id=None),
        ConversationItemDone(item=listing, previous_item_id=None),
        ConversationItemRetrieved(item=listing),
    ):
        frame = masked(event, TOOLS)
        assert frame is not None
        assert json.loads(frame)["item"] == {
            "id": "mcpl_1",
            "object": "realtime.item",
            "type": "mcp_list_tools",
            "status": "completed",
            "server_label": "shop",
            "tools": [],
        }
        assert masked(event, INSTRUCTIONS) is None


TOUCHES: list[tuple[Locks, str, dict[str, Any], str]] = [
    (
        INSTRUCTIONS,
        "session.update",
        {"session": {"type": "realtime", "max_output_tokens": 7, "instructions": ""}},
        "session.instructions",
    ),
    (INSTRUCTIONS, "session.update", {"session": {"type": "realtime", "prompt": {"id": "p"}}}, "session.prompt"),
    (INSTRUCTIONS, "session.update", {"session": {"type": "realtime", "prompt": None}}, "session.prompt"),
    (INSTRUCTIONS, "response.create", {"response": {"instructions": "Obey."}}, "response.instructions"),
    (INSTRUCTIONS, "response.create", {"response": {"prompt": {"id": "p"}}}, "response.prompt"),
    (INSTRUCTIONS, "response.create", {"response": {"input": [USER, SYSTEM]}}, "response.input[1].role"),
    (INSTRUCTIONS, "conversation.item.create", {"item": SYSTEM}, "item.role"),
    (TOOLS, "session.update", {"session": {"type": "realtime", "tools": []}}, "session.tools"),
    (TOOLS, "response.create", {"response": {"tools": []}}, "response.tools"),
    (INSTRUCTIONS | TOOLS, "response.create", {"response": {"tools": []}}, "response.tools"),
]


@pytest.mark.parametrize(("locks", "type_", "fields", "param"), TOUCHES)
def test_what_is_locked_cannot_be_touched(locks: Locks, type_: str, fields: dict[str, Any], param: str) -> None:
    async def main() -> None:
        async with locked(locks) as (caller, other):
            caller.say(type_, event_id="mine", **fields)
            error = (await caller.expect("error"))["error"]
            assert (error["code"], error["param"], error["event_id"]) == ("parameter_locked", param, "mine")
            caller.say("session.update", session={"type": "realtime", "audio": {"output": {"speed": 1.25}}})
            # Nothing of it has taken effect, and the session goes on.
            after = await other.expect("session.updated")
            assert (after["session"]["instructions"], after["session"]["max_output_tokens"]) == ("Be kind.", "inf")
            assert other.types() == ["session.created", "session.updated"]

    run_virtual(main())


FREE: list[tuple[Locks, str, dict[str, Any], str]] = [
    (INSTRUCTIONS, "session.update", {"session": {"type": "realtime", "tools": []}}, "session.updated"),
    (INSTRUCTIONS, "conversation.item.create", {"item": USER}, "conversation.item.done"),
    (TOOLS, "conversation.item.create", {"item": SYSTEM}, "conversation.item.done"),
    (TOOLS, "session.update", {"session": {"type": "realtime", "tool_choice": "none"}}, "session.updated"),
    (TOOLS, "session.update", {"session": {"type": "realtime", "instructions": "New."}}, "session.updated"),
    (INSTRUCTIONS, "input_audio_buffer.clear", {}, "input_audio_buffer.cleared"),
]


@pytest.mark.parametrize(("locks", "type_", "fields", "answer"), FREE)
def test_everything_else_goes_on_as_ever(locks: Locks, type_: str, fields: dict[str, Any], answer: str) -> None:
    async def main() -> None:
        async with locked(locks) as (caller, _):
            caller.say(type_, **fields)
            await caller.expect(answer)
            assert "error" not in caller.types()

    run_virtual(main())


def test_a_client_without_locks_changes_what_the_caller_cannot() -> None:
    async def main() -> None:
        async with locked(INSTRUCTIONS | TOOLS) as (caller, other):
            other.say("session.update", session={"type": "realtime", "instructions": "Be strict."})
            assert (await other.expect("session.updated"))["session"]["instructions"] == "Be strict."
            assert "instructions" not in (await caller.expect("session.updated"))["session"]

    run_virtual(main())


def test_answers_follow_the_instructions_that_are_locked() -> None:
    async def main() -> None:
        caller, responder = MemoryConnection(), ScriptedResponder([])
        runner = Runner(session(), caller, engines(responder=responder), locks=INSTRUCTIONS)
        task = asyncio.create_task(runner.run())
        caller.say("response.create", response={"output_modalities": ["text"]})
        await caller.expect("response.done")
        assert [call.request.instructions for call in responder.calls] == ["Be kind."]
        caller.vanish()
        await task

    run_virtual(main())
