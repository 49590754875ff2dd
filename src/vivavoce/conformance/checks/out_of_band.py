"""Responses outside the conversation (PROTOCOL.md 4.9)."""

from __future__ import annotations

from vivavoce.conformance.checks.interruption import LONG
from vivavoce.conformance.checks.items import message
from vivavoce.conformance.client import Suite
from vivavoce.conformance.steps import answered, ask, expect, in_force, refused
from vivavoce.conformance.verdict import Check, Section
from vivavoce.testing.client import at, text

_ASIDE = {"conversation": "none", "output_modalities": ["text"]}


async def apart(suite: Suite) -> None:
    async with suite.session() as wire:
        question = await ask(wire)
        answer = await answered(wire, **_ASIDE, metadata={"topic": "aside"})
        expect(at(answer.created, "response", "conversation_id") is None, "It has no conversation.", answer.created)
        expect(at(answer.done, "response", "metadata") == {"topic": "aside"}, "Its metadata is echoed.", answer.done)
        expect(answer.status == "completed", "It should complete.", answer.done)
        mirrored = [each for each in answer.events if text(each, "type").startswith("conversation.item.")]
        expect(not mirrored, "It should leave no item in the conversation.", mirrored[0] if mirrored else None)
        await ask(wire, "And now?")
        added = wire.of("conversation.item.added")[-1]
        expect(at(added, "previous_item_id") == question, "The next item follows the one before it.", added)


async def not_kept(suite: Suite) -> None:
    async with suite.session() as wire:
        answer = await answered(wire, **_ASIDE)
        event_id = await wire.send("conversation.item.retrieve", item_id=answer.item_id)
        await refused(wire, event_id, "the retrieval of an item outside the conversation")


async def beside(suite: Suite) -> None:
    async with suite.session() as wire:
        await ask(wire, LONG)
        await wire.send("response.create", response={"metadata": {"which": "main"}})
        await wire.send("response.create", response={**_ASIDE, "metadata": {"which": "aside"}})
        done = [await wire.next("response.done"), await wire.next("response.done")]
        which = sorted(str(at(each, "response", "metadata", "which")) for each in done)
        expect(which == ["aside", "main"], "Both responses should come to their end.", done[-1])
        statuses = [at(each, "response", "status") for each in done]
        expect(statuses == ["completed"] * 2, f"Both should complete, not {statuses}.", done[-1])


async def own_input(suite: Suite) -> None:
    async with suite.session() as wire:
        item_id = await ask(wire, "The word is 'lighthouse'.")
        given = [{"type": "item_reference", "id": item_id}, message("user", "input_text", "Say the word.")]
        answer = await answered(wire, **_ASIDE, input=given)
        expect(answer.status == "completed", "An answer to its own input should complete.", answer.done)
        empty = await answered(wire, **_ASIDE, input=[], instructions="Say yes.")
        expect(empty.status == "completed", "An answer to no input should complete.", empty.done)


async def unknown_reference(suite: Suite) -> None:
    async with suite.session() as wire:
        given = [{"type": "item_reference", "id": "nobody"}]
        event_id = await wire.send("response.create", response={**_ASIDE, "input": given})
        await refused(wire, event_id, "a reference to an unknown item")
        await in_force(wire)


SECTION = Section(
    "out-of-band",
    "Out-of-band responses",
    (
        Check("one leaves the conversation as it was, and says so", apart),
        Check("its items cannot be retrieved", not_kept),
        Check("it runs beside a response of the conversation", beside),
        Check("it takes an input of its own, with references", own_input),
        Check("a reference to an unknown item is refused", unknown_reference),
    ),
)
