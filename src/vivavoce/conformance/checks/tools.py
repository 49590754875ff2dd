"""Function calls (PROTOCOL.md 3.7, 4.7). What must be called is forced, so that any model passes."""

from __future__ import annotations

import msgspec

from vivavoce.conformance.client import Suite, Wire
from vivavoce.conformance.shapes import objects
from vivavoce.conformance.steps import Told, answered, ask, expect, in_force, not_offered, refused
from vivavoce.conformance.verdict import Check, Section
from vivavoce.testing.client import Event, at, text

_CITY = {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]}
_WEATHER: Event = {"type": "function", "name": "weather", "description": "The weather in a city.", "parameters": _CITY}
_TIME: Event = {"type": "function", "name": "local_time", "description": "The time in a city.", "parameters": _CITY}
_ARGUMENTS = "response.function_call_arguments"
_ORDER = (
    "response.output_item.added",
    "conversation.item.added",
    f"{_ARGUMENTS}.done",
    "conversation.item.done",
    "response.output_item.done",
)
_TEXT = ["text"]


async def _set(wire: Wire, **settings: object) -> None:
    """Raises `NotOffered` when tools are refused by name."""
    await wire.send("session.update", session={"type": "realtime", "output_modalities": _TEXT, **settings})
    event = await wire.next("session.updated", "error")
    if event.get("type") == "error":
        not_offered(event, "session.tool")


def _calls(answer: Told) -> list[Event]:
    return [item for item in objects(at(answer.done, "response", "output")) if item.get("type") == "function_call"]


async def _called(wire: Wire, choice: object = "required", name: str = "weather") -> tuple[Told, Event]:
    """A response that had to call this; gives the call too."""
    await _set(wire, tools=[_WEATHER] if choice == "required" else [_WEATHER, _TIME], tool_choice=choice)
    await ask(wire, "Hello.")
    answer = await answered(wire)
    calls = _calls(answer)
    expect(calls, f"With tool_choice {choice!r} there should be a call.", answer.done)
    expect(calls[0].get("name") == name, f"{name} should be called, and nothing else.", answer.done)
    return answer, calls[0]


async def _outputs(wire: Wire, call_id: object) -> str:
    """Say what a call returned; gives the event's id."""
    output = {"type": "function_call_output", "call_id": call_id, "output": '{"sky": "blue"}'}
    return await wire.send("conversation.item.create", item=output)


async def in_order(suite: Suite) -> None:
    async with suite.session() as wire:
        answer, call = await _called(wire)
        try:
            arguments = msgspec.json.decode(text(call, "arguments"))
        except msgspec.DecodeError:
            arguments = None
        expect(isinstance(arguments, dict), "The arguments should be a JSON object.", answer.done)
        own = [event for event in answer.events if call.get("id") in (event.get("item_id"), at(event, "item", "id"))]
        types = [event.get("type") for event in own]
        expect([kind for kind in types if kind in _ORDER] == list(_ORDER), f"It should come as {_ORDER}.", answer.done)
        expect(f"{_ARGUMENTS}.delta" in types, "Its arguments should come as deltas.", answer.done)
        for event in own:
            if text(event, "type").startswith(_ARGUMENTS):
                expect(
                    event.get("call_id") == call.get("call_id"), "Its call_id should be in each of its events.", event
                )
        whole = next(event for event in own if event.get("type") == f"{_ARGUMENTS}.done")
        expect(whole.get("name") == "weather", "The done of its arguments should name the function.", whole)


async def is_kept(suite: Suite) -> None:
    async with suite.session() as wire:
        _, call = await _called(wire)
        await wire.send("conversation.item.retrieve", item_id=call.get("id"))
        event = await wire.next("conversation.item.retrieved")
        for name in ("type", "call_id", "name", "arguments"):
            expect(at(event, "item", name) == call.get(name), f"Its {name} should be kept.", event)


async def goes_on(suite: Suite) -> None:
    async with suite.session() as wire:
        _, call = await _called(wire)
        await _outputs(wire, call.get("call_id"))
        await wire.next("conversation.item.done")
        answer = await answered(wire, tool_choice="none")
        expect(answer.status == "completed", "After the output there should be an answer.", answer.done)
        expect(answer.words().strip(), "The answer after the output should have words.", answer.done)


async def pending(suite: Suite) -> None:
    async with suite.session() as wire:
        _, call = await _called(wire)
        for words in ("Never mind for now. Say hello.", "And once more."):
            await ask(wire, words)
            answer = await answered(wire, tool_choice="none")
            expect(answer.status == "completed", "The conversation should go on while a call is open.", answer.done)
        await _outputs(wire, call.get("call_id"))
        await wire.next("conversation.item.done")
        answer = await answered(wire, tool_choice="none")
        expect(answer.status == "completed", "A late output should be answered too.", answer.done)


async def named(suite: Suite) -> None:
    async with suite.session() as wire:
        await _called(wire, {"type": "function", "name": "local_time"}, "local_time")


async def none(suite: Suite) -> None:
    async with suite.session() as wire:
        await _set(wire, tools=[_WEATHER], tool_choice="none")
        await ask(wire, "What is the weather in Paris?")
        answer = await answered(wire)
        expect(not _calls(answer), "With tool_choice 'none' nothing should be called.", answer.done)


async def of_one_response(suite: Suite) -> None:
    async with suite.session() as wire:
        await _set(wire, tools=[_WEATHER], tool_choice="none")
        await ask(wire, "Hello.")
        answer = await answered(wire, tools=[_TIME], tool_choice="required")
        names = [call.get("name") for call in _calls(answer)]
        expect(names and set(names) == {"local_time"}, "The response's own tool should be called.", answer.done)
        session = await in_force(wire)
        shown = [tool.get("name") for tool in objects(session.get("tools"))]
        expect(shown == ["weather"], f"The session should keep its own tools, not {shown}.")
        answer = await answered(wire)
        expect(not _calls(answer), "The next response should go by the session again.", answer.done)


async def output_of_nothing(suite: Suite) -> None:
    async with suite.session() as wire:
        await _set(wire, tools=[_WEATHER])
        await refused(wire, await _outputs(wire, "call_nobody"), "the output of a call that there is not")
        await in_force(wire)


async def output_twice(suite: Suite) -> None:
    async with suite.session() as wire:
        _, call = await _called(wire)
        await _outputs(wire, call.get("call_id"))
        await wire.next("conversation.item.done")
        await refused(wire, await _outputs(wire, call.get("call_id")), "a second output of one call")
        answer = await answered(wire, tool_choice="none")
        expect(answer.status == "completed", "The first output should still be answered.", answer.done)


async def nameless(suite: Suite) -> None:
    async with suite.session() as wire:
        await _set(wire, tools=[_WEATHER])
        event_id = await wire.send("session.update", session={"type": "realtime", "tools": [{"type": "function"}]})
        codes, param = ("missing_required_parameter",), "session.tools[0].name"
        await refused(wire, event_id, "a tool without a name", codes=codes, param=param)
        shown = [tool.get("name") for tool in objects((await in_force(wire)).get("tools"))]
        expect(shown == ["weather"], f"The tools should stay as they were, and not be {shown}.")


async def unknown_choice(suite: Suite) -> None:
    async with suite.session() as wire:
        await _set(wire, tools=[_WEATHER])
        choice = {"type": "function", "name": "nobody"}
        event_id = await wire.send("session.update", session={"type": "realtime", "tool_choice": choice})
        await refused(wire, event_id, "a tool_choice of a function that there is not")
        await in_force(wire)


SECTION = Section(
    "tools",
    "Function calls",
    (
        Check("a call comes in the order of the protocol", in_order),
        Check("a call is kept as an item", is_kept),
        Check("its output is answered", goes_on),
        Check("the conversation goes on while a call is open", pending),
        Check("a function that is named is called", named),
        Check("tool_choice none calls nothing", none),
        Check("tools of a response hold for that response", of_one_response),
        Check("an output of a call that there is not is refused", output_of_nothing),
        Check("a second output of a call is refused", output_twice),
        Check("a tool without a name is refused by its name", nameless),
        Check("a choice of a function that there is not is refused", unknown_choice),
    ),
)
