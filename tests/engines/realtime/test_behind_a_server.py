"""A session of ours whose engine is the fake server: sessions, tools and pictures stay ours."""

from __future__ import annotations

import base64
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from tests.engines.mcp_helpers import Seen, machine, on_loopback
from tests.live import frames, live, spoken
from tests.patience import run
from tests.transports.calling import call, receive, send
from websockets.asyncio.client import ClientConnection

from vivavoce.audio.pcm import Pcm
from vivavoce.config import Config
from vivavoce.config.mcp import Mcp
from vivavoce.engines.realtime.responder import RealtimeResponder
from vivavoce.testing.pictures import data_uri, png
from vivavoce.testing.remote_realtime import RemoteRealtime
from vivavoce.testing.remote_reply import Reply

TOOL = {"type": "function", "parameters": {"type": "object", "properties": {}}}
PICTURE = png(3, 2)


@asynccontextmanager
async def behind(
    *replies: Reply, config: Config | None = None, session: dict[str, Any] | None = None, **options: Any
) -> AsyncIterator[tuple[ClientConnection, RemoteRealtime]]:
    """A client of ours, and the server behind."""
    async with RemoteRealtime(*replies) as upstream:
        responder = RealtimeResponder(upstream.url, "any", **options)
        async with live(config, responder=responder) as server, call(server, "?model=gpt-realtime") as (caller, _):
            await send(caller, "session.update", session={"type": "realtime", **(session or {})})
            await receive(caller, "session.updated")
            yield caller, upstream
        upstream.assert_finished()


async def write(caller: ClientConnection, *content: dict[str, Any]) -> None:
    """The client writes, and asks for an answer."""
    item = {"type": "message", "role": "user", "content": list(content)}
    await send(caller, "conversation.item.create", item=item)
    await send(caller, "response.create")


def text(words: str) -> dict[str, Any]:
    """A part of a message."""
    return {"type": "input_text", "text": words}


def told(upstream: RemoteRealtime) -> list[Any]:
    """What each item was of which the last answer was made."""
    return [
        item.get("output") or item.get("name") or "".join(each.get("text", each["type"]) for each in item["content"])  # type: ignore[attr-defined]
        for item in upstream.sessions[-1].asked[-1]
    ]


def test_a_caller_who_interrupts_is_answered_and_what_was_not_heard_is_forgotten() -> None:
    story = Reply("Once upon a time there was a very old cat.", pace=2.0)

    async def scenario() -> None:
        async with behind(story, Reply("Yes?")) as (caller, upstream):
            await write(caller, text("A story."))
            first = await receive(caller, "response.output_audio.delta")
            for frame in frames(spoken(after=0)):
                await send(caller, "input_audio_buffer.append", audio=frame)
            await receive(caller, "input_audio_buffer.speech_started")
            cut = {"item_id": first["item_id"], "content_index": 0, "audio_end_ms": 30}
            await send(caller, "conversation.item.truncate", **cut)
            for frame in frames(Pcm.silence(600)):
                await send(caller, "input_audio_buffer.append", audio=frame)
            done = await receive(caller, "response.done")
            assert done["response"]["status"] == "cancelled"
            done = await receive(caller, "response.done")
            assert done["response"]["output"][0]["content"][0]["transcript"] == "Yes?"
            assert told(upstream) == ["A story.", "input_audio"]

    run(scenario)


def test_a_voice_without_words_is_heard_and_not_remembered() -> None:
    async def scenario() -> None:
        async with behind(Reply("Nobody writes this down.", wordless=True), Reply("Yes?")) as (caller, upstream):
            await write(caller, text("Who is there?"))
            await receive(caller, "response.output_audio.delta")
            response = (await receive(caller, "response.done"))["response"]
            assert response["status"] == "completed"
            assert response["output"][0]["content"][0]["transcript"] == ""
            await write(caller, text("Hello?"))
            await receive(caller, "response.done")
            assert told(upstream) == ["Who is there?", "Hello?"]

    run(scenario)


def test_several_functions_are_called_at_once_and_their_outputs_come_back() -> None:
    calls = Reply("", [("one", "{}"), ("two", "{}")], interleaved=True)

    async def scenario() -> None:
        tools = {"tools": [{**TOOL, "name": "one"}, {**TOOL, "name": "two"}]}
        async with behind(calls, Reply("Both are done."), session=tools) as (caller, upstream):
            await write(caller, text("Do both."))
            made = (await receive(caller, "response.done"))["response"]["output"]
            assert [each["name"] for each in made] == ["one", "two"]
            for each in reversed(made):
                output = {"type": "function_call_output", "call_id": each["call_id"], "output": f"{each['name']} done"}
                await send(caller, "conversation.item.create", item=output)
            await send(caller, "response.create")
            done = await receive(caller, "response.done")
            assert done["response"]["output"][0]["content"][0]["transcript"] == "Both are done."
            assert told(upstream) == ["Do both.", "one", "two", "two done", "one done"]

    run(scenario)


def test_a_tool_of_an_mcp_server_is_ours_to_call_and_the_answer_follows() -> None:
    async def scenario() -> None:
        async with on_loopback(machine(Seen()).streamable_http_app(), Seen()) as address:
            tool = {"type": "mcp", "server_label": "m", "server_url": f"{address}/mcp", "require_approval": "never"}
            add = Reply("", [("add", json.dumps({"a": 2, "b": 3}))])
            config = Config(mcp=Mcp(allow=("127.0.0.1",)))
            async with behind(add, Reply("Five."), config=config) as (caller, upstream):
                await send(caller, "session.update", session={"type": "realtime", "tools": [tool]})
                await receive(caller, "mcp_list_tools.completed")
                await write(caller, text("Two and three?"))
                (made,) = (await receive(caller, "response.done"))["response"]["output"]
                assert (made["type"], made["output"]) == ("mcp_call", "5")
                done = await receive(caller, "response.done")
                assert done["response"]["output"][0]["content"][0]["transcript"] == "Five."
                assert told(upstream) == ["Two and three?", "add", "5"]
                tools: Any = upstream.sessions[-1].settings["tools"]
                assert {tool["type"] for tool in tools} == {"function"}

    run(scenario)


def test_pictures_are_shown() -> None:
    async def scenario() -> None:
        async with behind(Reply("A square."), images=True) as (caller, upstream):
            await write(caller, text("Look."), {"type": "input_image", "image_url": data_uri(PICTURE)})
            await receive(caller, "response.done")
            (item,) = upstream.sessions[-1].asked[0]
            picture = item["content"][1]  # type: ignore[index]
            assert base64.b64decode(picture["image_url"].partition("base64,")[2]) == PICTURE

    run(scenario)


def test_its_failure_is_the_answer_s_and_the_session_goes_on() -> None:
    failed = Reply("", status="failed", code="rate_limit_exceeded", message="Slow down.")

    async def scenario() -> None:
        async with behind(failed, Reply("Better.")) as (caller, _):
            await write(caller, text("Hello."))
            response = (await receive(caller, "response.done"))["response"]
            assert response["status"] == "failed"
            assert response["status_details"]["error"]["code"] == "rate_limit_exceeded"
            await send(caller, "response.create")
            assert (await receive(caller, "response.done"))["response"]["status"] == "completed"

    run(scenario)


def test_the_caller_s_voice_is_heard_there_and_nobody_recognises_its_words() -> None:
    async def scenario() -> None:
        async with behind(Reply("I heard you.")) as (caller, upstream):
            for frame in frames(spoken()):
                await send(caller, "input_audio_buffer.append", audio=frame)
            await receive(caller, "response.done")
            assert told(upstream) == ["input_audio"]
            kinds = upstream.sessions[-1].kinds()
            # The turn lay there before it was over: at its end only the rest of it was sent.
            assert kinds.index("input_audio_buffer.append") < kinds.index("input_audio_buffer.commit")

    run(scenario)
