"""Function calls (PROTOCOL.md 3.7, 4.7)."""

from __future__ import annotations

import msgspec

from vivavoce.conformance.client import Suite, Wire
from vivavoce.conformance.shapes import objects
from vivavoce.conformance.steps import Told, answered, ask, expect, not_offered
from vivavoce.conformance.verdict import Check, Section
from vivavoce.testing.client import Event, at, text

_CITY = {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]}
_TOOL: Event = {"type": "function", "name": "weather", "description": "The weather in a city.", "parameters": _CITY}
_ARGUMENTS = "response.function_call_arguments"


async def _called(wire: Wire) -> tuple[Told, Event]:
    """A response that had to call; gives the call too. Raises `NotOffered` when tools are refused by name."""
    await wire.send(
        "session.update",
        session={"type": "realtime", "tools": [_TOOL], "tool_choice": "required", "output_modalities": ["text"]},
    )
    event = await wire.next("session.updated", "error")
    if event.get("type") == "error":
        not_offered(event, "session.tool")
    await ask(wire, "What is the weather in Paris?")
    answer = await answered(wire)
    calls = [item for item in objects(at(answer.done, "response", "output")) if item.get("type") == "function_call"]
    expect(calls, "With tool_choice 'required' there should be a call.", answer.done)
    return answer, calls[0]


async def calls(suite: Suite) -> None:
    async with suite.session() as wire:
        answer, call = await _called(wire)
        expect(call.get("name") == "weather", "The tool that there is should be called.", answer.done)
        try:
            arguments = msgspec.json.decode(text(call, "arguments"))
        except msgspec.DecodeError:
            arguments = None
        expect(isinstance(arguments, dict), "The arguments should be a JSON object.", answer.done)
        types = answer.types()
        order = ["conversation.item.added", f"{_ARGUMENTS}.done", "conversation.item.done", "response.output_item.done"]
        places = [types.index(kind) if kind in types else -1 for kind in order]
        expect(places == sorted(places) and -1 not in places, f"A call's events come as {order}.", answer.done)


async def goes_on(suite: Suite) -> None:
    async with suite.session() as wire:
        _, call = await _called(wire)
        output = {"type": "function_call_output", "call_id": call.get("call_id"), "output": '{"sky": "blue"}'}
        await wire.send("conversation.item.create", item=output)
        await wire.next("conversation.item.done")
        answer = await answered(wire, tool_choice="none")
        expect(answer.status == "completed", "After the output there should be an answer.", answer.done)


SECTION = Section(
    "tools",
    "Function calls",
    (
        Check("a call comes in the order of the protocol", calls),
        Check("its output is answered", goes_on),
    ),
)
