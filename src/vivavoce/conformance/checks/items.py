"""Conversation items: create, retrieve, delete (PROTOCOL.md 2.1, 3.10, 4.1)."""

from __future__ import annotations

from vivavoce.conformance.client import Suite, Wire
from vivavoce.conformance.shapes import objects
from vivavoce.conformance.steps import ask, expect, in_force, not_offered, refused
from vivavoce.conformance.verdict import Check, Section
from vivavoce.testing.client import Event, at, text

_DOT = (
    "data:image/png;base64,iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAAAAAA6fptVAAAACklEQVR42mNgAAAAAgAB5Sfe/AAAAABJRU5ErkJggg=="
)
"""A PNG of one pixel."""


def message(role: str, kind: str, words: str, **more: object) -> dict[str, object]:
    """A message item of one text part."""
    return {"type": "message", "role": role, "content": [{"type": kind, "text": words}], **more}


async def creates(suite: Suite) -> None:
    async with suite.session() as wire:
        for role, kind in (("user", "input_text"), ("system", "input_text"), ("assistant", "output_text")):
            await wire.send("conversation.item.create", item=message(role, kind, f"I am {role}."))
            added = await wire.next("conversation.item.added")
            done = await wire.next("conversation.item.done")
            for event in (added, done):
                parts = objects(at(event, "item", "content"))
                said = [(part.get("type"), part.get("text")) for part in parts]
                expect(said == [(kind, f"I am {role}.")], f"The {role}'s item should hold what was sent.", event)
            same = at(added, "item", "id") == at(done, "item", "id")
            expect(same, "The item that is done should be the one that was added.", done)


async def own_ids(suite: Suite) -> None:
    async with suite.session() as wire:
        wanted = "0123456789abcdef0123456789abcdef"
        item_id = await ask(wire, id=wanted)
        event = wire.of("conversation.item.added")[0]
        expect(item_id == wanted, "An item should keep the id that the client gave it.", event)


async def in_order(suite: Suite) -> None:
    async with suite.session() as wire:
        expect(await _previous(wire, id="one") is None, "The first item should follow none.", _last(wire))
        expect(await _previous(wire, id="two") == "one", "A new item should come last.", _last(wire))
        await wire.send(
            "conversation.item.create", previous_item_id="root", item=message("user", "input_text", "0", id="zero")
        )
        event = await wire.next("conversation.item.added")
        expect(at(event, "previous_item_id") is None, "'root' should put an item first.", event)
        await wire.next("conversation.item.done")
        await wire.send(
            "conversation.item.create", previous_item_id="one", item=message("user", "input_text", "½", id="half")
        )
        event = await wire.next("conversation.item.added")
        expect(at(event, "previous_item_id") == "one", "An item should come after the one that is named.", event)
        await wire.next("conversation.item.done")
        expect(await _previous(wire, id="three") == "two", "What was last should still be last.", _last(wire))


async def _previous(wire: Wire, **item: object) -> object:
    await ask(wire, **item)  # type: ignore[arg-type]
    return at(_last(wire), "previous_item_id")


def _last(wire: Wire) -> Event:
    return wire.of("conversation.item.added")[-1]


async def after_nobody(suite: Suite) -> None:
    async with suite.session() as wire:
        item = message("user", "input_text", "Lost.", id="lost")
        event_id = await wire.send("conversation.item.create", previous_item_id="nobody", item=item)
        await refused(wire, event_id, "an item after one that there is not")
        event_id = await wire.send("conversation.item.retrieve", item_id="lost")
        await refused(wire, event_id, "the retrieval of an item that was refused")


async def twice(suite: Suite) -> None:
    async with suite.session() as wire:
        await ask(wire, id="once")
        event_id = await wire.send("conversation.item.create", item=message("user", "input_text", "Again.", id="once"))
        await refused(wire, event_id, "an id that is taken", codes=("item_create_duplicate_item_id",))
        await wire.send("conversation.item.retrieve", item_id="once")
        event = await wire.next("conversation.item.retrieved")
        expect("Again." not in str(event), "The item that was there first should stay as it was.", event)


async def retrieves(suite: Suite) -> None:
    async with suite.session() as wire:
        item_id = await ask(wire, "Keep this.")
        await wire.send("conversation.item.retrieve", item_id=item_id)
        event = await wire.next("conversation.item.retrieved")
        expect(text(event, "item", "id") == item_id, "The item that was asked for should come.", event)
        said = [part.get("text") for part in objects(at(event, "item", "content"))]
        expect(said == ["Keep this."], "It should hold what was sent.", event)


async def retrieves_nobody(suite: Suite) -> None:
    async with suite.session() as wire:
        event_id = await wire.send("conversation.item.retrieve", item_id="nobody")
        codes = ("item_retrieve_invalid_item_id",)
        await refused(wire, event_id, "the retrieval of an unknown item", codes=codes)


async def deletes(suite: Suite) -> None:
    async with suite.session() as wire:
        for name in ("one", "two", "three"):
            await ask(wire, id=name)
        await wire.send("conversation.item.delete", item_id="three")
        event = await wire.next("conversation.item.deleted")
        expect(event.get("item_id") == "three", "The deleted item should be named.", event)
        event_id = await wire.send("conversation.item.retrieve", item_id="three")
        await refused(wire, event_id, "the retrieval of a deleted item")
        expect(await _previous(wire, id="four") == "two", "What remains should be chained on.", _last(wire))


async def deletes_nobody(suite: Suite) -> None:
    async with suite.session() as wire:
        event_id = await wire.send("conversation.item.delete", item_id="nobody")
        codes = ("item_delete_invalid_item_id",)
        await refused(wire, event_id, "the deletion of an unknown item", codes=codes)


async def truncates_text(suite: Suite) -> None:
    async with suite.session() as wire:
        item_id = await ask(wire)
        event_id = await wire.send("conversation.item.truncate", item_id=item_id, content_index=0, audio_end_ms=0)
        await refused(wire, event_id, "the truncation of what is no answer in speech")
        event_id = await wire.send("conversation.item.truncate", item_id="nobody", content_index=0, audio_end_ms=0)
        codes = ("item_truncate_invalid_item_id", "invalid_value", "item_not_found")
        await refused(wire, event_id, "the truncation of an unknown item", codes=codes)


async def wrong_role(suite: Suite) -> None:
    async with suite.session() as wire:
        event_id = await wire.send("conversation.item.create", item=message("user", "output_text", "Not mine."))
        await refused(wire, event_id, "an assistant's content in a user's message")
        event_id = await wire.send("conversation.item.create", item=message("robot", "input_text", "Beep."))
        await refused(wire, event_id, "a role that there is not")
        await in_force(wire)


async def calls(suite: Suite) -> None:
    await _offered(
        suite,
        {"type": "function_call", "name": "weather", "call_id": "call_1", "arguments": "{}"},
        {"type": "function_call_output", "call_id": "call_1", "output": '{"sky": "blue"}'},
    )


async def images(suite: Suite) -> None:
    part = {"type": "input_image", "image_url": _DOT}
    event = await _offered(suite, {"type": "message", "role": "user", "content": [part]})
    kinds = [each.get("type") for each in objects(at(event, "item", "content"))]
    expect(kinds == ["input_image"], "The item should be shown with its picture.", event)


async def _offered(suite: Suite, *items: dict[str, object]) -> Event:
    """Adds them; gives the last one's `conversation.item.added`. Raises `NotOffered` when they are refused by name."""
    event: Event = {}
    async with suite.session() as wire:
        for item in items:
            await wire.send("conversation.item.create", item=item)
            event = await wire.next("conversation.item.added", "error")
            if event.get("type") == "error":
                not_offered(event, "item")
            expect(at(event, "item", "type") == item["type"], f"A {item['type']} item should be added.", event)
            await wire.next("conversation.item.done")
        return event


SECTION = Section(
    "items",
    "Conversation items",
    (
        Check("messages of user, system and assistant are added and done", creates),
        Check("an item keeps the id that the client gave it", own_ids),
        Check("items come last, first, or after one that is named", in_order),
        Check("an item after one that there is not is refused, and not added", after_nobody),
        Check("an id that is taken is refused", twice),
        Check("an item can be retrieved", retrieves),
        Check("the retrieval of an unknown item is refused", retrieves_nobody),
        Check("an item can be deleted", deletes),
        Check("the deletion of an unknown item is refused", deletes_nobody),
        Check("the truncation of anything but spoken answers is refused", truncates_text),
        Check("content that does not fit its role is refused", wrong_role),
        Check("function calls and their outputs are items", calls),
        Check("images are content", images),
    ),
)
