"""The stock `openai` SDK with functions of its user's; every event is checked against the SDK's types."""

from __future__ import annotations

import json
from typing import Any

from tests.clients.clerk import Clerk
from tests.clients.sdk import Caller, call
from tests.live import live
from tests.patience import run

WEATHER = {
    "type": "function",
    "name": "weather",
    "description": "What the weather is like in a city.",
    "parameters": {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]},
}
TEXT = {"tools": [WEATHER], "output_modalities": ["text"], "instructions": "Arr."}
ONE = {"tools": [WEATHER], "tool_choice": "required"}
OSLO = 'Use weather with {"city": "Oslo"}.'


async def calls(caller: Caller) -> list[Any]:
    """Those of the next response."""
    done = await caller.until("response.done")
    return [item for item in done.response.output if item.type == "function_call"]


async def give(caller: Caller, function_call: Any, output: str) -> None:
    """What a call returned, without asking for an answer."""
    item = {"type": "function_call_output", "call_id": function_call.call_id, "output": output}
    await caller.connection.conversation.item.create(item=item)  # type: ignore[arg-type]
    await caller.until("conversation.item.done")


async def words(caller: Caller) -> str:
    """Those of the next response."""
    done = await caller.until("response.done")
    text: str = done.response.output[0].content[0].text
    return text


def test_a_call_has_its_events_in_order_and_its_result_is_told() -> None:
    async def scenario() -> None:
        async with live(llm=Clerk()) as server, call(server, **TEXT) as caller:
            await caller.write(OSLO)
            (made,) = await calls(caller)
            assert (made.name, json.loads(made.arguments), made.status) == ("weather", {"city": "Oslo"}, "completed")
            order = [
                "response.created",
                "response.output_item.added",
                "conversation.item.added",
                "response.function_call_arguments.delta",
                "response.function_call_arguments.delta",
                "response.function_call_arguments.done",
                "conversation.item.done",
                "response.output_item.done",
                "response.done",
            ]
            assert caller.types[caller.types.index(order[0]) :] == order
            await give(caller, made, "rain")
            await caller.connection.response.create()
            assert await words(caller) == "It returned rain."

    run(scenario)


def test_a_call_beside_words_is_the_second_item_of_its_response() -> None:
    async def scenario() -> None:
        async with live(llm=Clerk()) as server, call(server, **TEXT) as caller:
            await caller.write(f"Say so first and {OSLO}")
            done = await caller.until("response.done")
            assert [item.type for item in done.response.output] == ["message", "function_call"]
            added = [event for event in caller.events if event.type == "response.output_item.added"]
            assert [event.output_index for event in added] == [0, 1]

    run(scenario)


def test_tools_of_one_response() -> None:
    async def scenario() -> None:
        async with live(llm=Clerk()) as server, call(server, output_modalities=["text"], instructions="Arr.") as caller:
            await caller.write(OSLO)
            assert await words(caller) == "There is no weather."
            await caller.connection.response.create(response=ONE)  # type: ignore[arg-type]
            (made,) = await calls(caller)
            assert made.name == "weather"

    run(scenario)


def test_a_second_output_of_a_call_is_refused_by_name() -> None:
    async def scenario() -> None:
        async with live(llm=Clerk()) as server, call(server, **TEXT) as caller:
            await caller.write(OSLO)
            (made,) = await calls(caller)
            await give(caller, made, "rain")
            item = {"type": "function_call_output", "call_id": made.call_id, "output": "snow"}
            await caller.connection.conversation.item.create(item=item, event_id="again")  # type: ignore[arg-type]
            error = (await caller.until("error")).error
            assert (error.param, error.event_id) == ("item.call_id", "again")
            await caller.connection.response.create()
            assert await words(caller) == "It returned rain."

    run(scenario)
