"""Tools are called, and what they return is told, alike whoever answers."""

from __future__ import annotations

import json
from typing import Any

import pytest
from tests.clients.almanac import almanac
from tests.clients.clerk import Clerk
from tests.clients.sdk import Caller, call
from tests.clients.test_openai_tools import WEATHER, give
from tests.patience import run
from tests.responders.kinds import ARR, KINDS, TOLD, WRITTEN, Kind, answer, answered_by, each_told, still_there

from vivavoce.config import Config
from vivavoce.config.mcp import Mcp

OSLO = 'Use weather with {"city": "Oslo"}'
BERGEN = 'use weather with {"city": "Bergen"}'


async def calls(caller: Caller) -> list[Any]:
    """Those of the next response, which has nothing else."""
    done = await caller.until("response.done")
    assert done.response.status == "completed", done.response.status_details
    assert {item.type for item in done.response.output} == {"function_call"}
    return list(done.response.output)


@each_told
def test_a_function_is_called_and_its_result_is_told(kind: Kind) -> None:
    async def scenario() -> None:
        async with answered_by(kind, llm=Clerk()) as server, call(server, **WRITTEN, tools=[WEATHER]) as caller:
            await caller.write(f"{OSLO}.")
            (made,) = await calls(caller)
            assert (made.name, json.loads(made.arguments), made.status) == ("weather", {"city": "Oslo"}, "completed")
            await give(caller, made, "rain")
            await caller.connection.response.create()
            assert await answer(caller) == "It returned rain."

    run(scenario)


@each_told
def test_two_calls_at_once_get_each_its_own_result(kind: Kind) -> None:
    async def scenario() -> None:
        async with answered_by(kind, llm=Clerk()) as server, call(server, **ARR, tools=[WEATHER]) as caller:
            await caller.write(f"{OSLO} and {BERGEN}.")
            first, second = await calls(caller)
            cities = [json.loads(each.arguments)["city"] for each in (first, second)]
            assert cities == ["Oslo", "Bergen"]
            await give(caller, second, "sun")
            await give(caller, first, "rain")
            await caller.connection.response.create()
            assert await answer(caller) in ("It returned sun, rain.", "It returned rain, sun.")

    run(scenario)


@each_told
def test_words_before_a_call_are_said(kind: Kind) -> None:
    async def scenario() -> None:
        async with answered_by(kind, llm=Clerk()) as server, call(server, **ARR, tools=[WEATHER]) as caller:
            await caller.write(f"Say so first and {OSLO}.")
            done = (await caller.until("response.done")).response
            assert [item.type for item in done.output] == ["message", "function_call"]
            assert done.output[0].content[0].transcript == "One moment."
            assert len(caller.audio) / 48 >= 2 * 200

    run(scenario)


@each_told
def test_a_call_that_must_be_made_and_one_that_may_not(kind: Kind) -> None:
    async def scenario() -> None:
        async with answered_by(kind, llm=Clerk()) as server, call(server, **WRITTEN, tools=[WEATHER]) as caller:
            await caller.connection.conversation.item.create(
                item={"type": "message", "role": "user", "content": [{"type": "input_text", "text": f"{OSLO}."}]}
            )
            await caller.connection.response.create(response={"tool_choice": "none"})
            assert await answer(caller) == "There is no weather."

    run(scenario)


@each_told
def test_a_tool_of_an_mcp_server_is_called_and_the_answer_follows_by_itself(kind: Kind) -> None:
    async def scenario() -> None:
        config = Config(mcp=Mcp(allow=("127.0.0.1",)))
        async with almanac() as book, answered_by(kind, llm=Clerk(), config=config) as server:
            tool = {"type": "mcp", "server_label": "almanac", "server_url": book.url, "require_approval": "never"}
            async with call(server, **WRITTEN, tools=[tool]) as caller:
                await caller.until("mcp_list_tools.completed")
                await caller.until("conversation.item.done")
                await caller.write('Use clock with {"city": "Oslo"}.')
                (made,) = (await caller.until("response.done")).response.output
                assert (made.type, made.output, made.error) == ("mcp_call", "noon in Oslo", None)
                assert await answer(caller) == "It returned noon in Oslo."
                assert book.asked == [("clock", "Oslo")]

    run(scenario)


@pytest.mark.parametrize("kind", [kind for kind in KINDS if kind not in TOLD])
def test_a_model_that_calls_nothing_is_given_no_tools(kind: Kind) -> None:
    async def scenario() -> None:
        async with answered_by(kind) as server, call(server, **ARR) as caller:
            await caller.connection.session.update(session={"type": "realtime", "tools": [WEATHER]})  # type: ignore[list-item]
            error = (await caller.until("error")).error
            assert (error.code, error.param) == ("unsupported_value", "session.tools")
            assert error.message.endswith("The configured language model cannot call tools.")
            await still_there(caller)

    run(scenario)
