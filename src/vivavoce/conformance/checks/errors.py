"""Frames and events that no server should take: each gets its error, and the session goes on (PROTOCOL.md 1.2, 2.3)."""

from __future__ import annotations

from vivavoce.conformance.client import Suite, Wire
from vivavoce.conformance.steps import expect, in_force, refused
from vivavoce.conformance.verdict import Check, Section
from vivavoce.testing.client import at


async def _bad_frame(suite: Suite, frame: str | bytes, what: str, *codes: str, param: str | None = None) -> None:
    async with suite.session() as wire:
        await wire.send_frame(frame)
        await refused(wire, None, what, codes=codes, param=param)
        await in_force(wire)


async def binary(suite: Suite) -> None:
    await _bad_frame(suite, b"\x00\x01\x02", "a binary frame", "invalid_event")


async def broken_json(suite: Suite) -> None:
    await _bad_frame(suite, '{"type": "response.create"', "a frame that is no JSON", "invalid_json")


async def an_array(suite: Suite) -> None:
    await _bad_frame(suite, "[1, 2, 3]", "a frame that is no JSON object")


async def no_type(suite: Suite) -> None:
    async with suite.session() as wire:
        await wire.send_event({"event_id": "untyped"})
        await refused(wire, "untyped", "an event without a type")
        await in_force(wire)


async def unknown_type(suite: Suite) -> None:
    async with suite.session() as wire:
        event_id = await wire.send("no.such.event")
        await refused(wire, event_id, "an event of an unknown type", codes=("invalid_value",), param="type")
        await in_force(wire)


async def unknown_field(suite: Suite) -> None:
    async with suite.session() as wire:
        event_id = await wire.send("input_audio_buffer.clear", bogus=1)
        what = "an event with an unknown field"
        await refused(wire, event_id, what, codes=("unknown_parameter",), param="bogus")
        await in_force(wire)


async def missing_field(suite: Suite) -> None:
    async with suite.session() as wire:
        event_id = await wire.send("conversation.item.delete")
        codes = ("missing_required_parameter",)
        await refused(wire, event_id, "an event that lacks a field", codes=codes, param="item_id")
        await in_force(wire)


async def wrong_kind(suite: Suite) -> None:
    async with suite.session() as wire:
        event_id = await wire.send("session.update", session={"type": "realtime", "instructions": 7})
        await refused(wire, event_id, "a number in place of a string", param="session.instructions")
        await in_force(wire)


async def no_base64(suite: Suite) -> None:
    async with suite.session() as wire:
        event_id = await wire.send("input_audio_buffer.append", audio="this is no base64!")
        await refused(wire, event_id, "audio that is no base64")
        await in_force(wire)


async def without_id(suite: Suite) -> None:
    async with suite.session() as wire:
        await wire.send_event({"type": "response.cancel"})
        await refused(wire, None, "a cancel when there is nothing to cancel")
        event = await _acknowledged(wire)
        expect(at(event, "error") is None, "An acknowledgement should hold no error.", event)


async def _acknowledged(wire: Wire) -> dict[str, object]:
    event_id = await wire.send("input_audio_buffer.clear")
    event = dict(await wire.next("input_audio_buffer.cleared"))
    expect(event_id not in event.values(), "An acknowledgement should not carry the client's event_id.", event)
    return event


async def several(suite: Suite) -> None:
    async with suite.session() as wire:
        sent = [await wire.send("conversation.item.delete", item_id=f"nobody_{number}") for number in range(5)]
        for event_id in sent:
            await refused(wire, event_id, "the deletion of an unknown item")
        await in_force(wire)


SECTION = Section(
    "errors",
    "Errors",
    (
        Check("a binary frame is refused, and the session goes on", binary),
        Check("a frame that is no JSON is refused, and the session goes on", broken_json),
        Check("a frame that is no JSON object is refused, and the session goes on", an_array),
        Check("an event without a type is refused, and the session goes on", no_type),
        Check("an unknown type of event is refused, and the session goes on", unknown_type),
        Check("an unknown field is refused by its name", unknown_field),
        Check("a missing field is named", missing_field),
        Check("a value of the wrong kind is refused by its name", wrong_kind),
        Check("audio that is no base64 is refused", no_base64),
        Check("an error for an event without an id names none", without_id),
        Check("each of several errors names its own event", several),
    ),
)
