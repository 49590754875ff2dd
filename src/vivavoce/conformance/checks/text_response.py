"""Answers in writing (PROTOCOL.md 3.9, 4.4, 4.13)."""

from __future__ import annotations

from vivavoce.conformance.client import Suite, Wire
from vivavoce.conformance.steps import answered, ask, expect, refused, told, written
from vivavoce.conformance.verdict import Check, LeftOut, Section
from vivavoce.testing.client import at, text

_TRIES = 3
_TEXT = ["text"]
_ORDER = (
    "response.created",
    "response.content_part.added",
    "response.output_text.delta",
    "response.output_text.done",
    "response.content_part.done",
    "conversation.item.done",
    "response.output_item.done",
    "response.done",
)


async def in_order(suite: Suite) -> None:
    async with suite.session() as wire:
        answer = await written(wire)
        types = answer.types()
        opening = {"response.output_item.added", "conversation.item.added"}
        expect(
            set(types[1:3]) == opening,
            f"The item should be added before its content; came: {types[:4]}.",
            answer.created,
        )
        kept = [kind for kind in types if kind not in opening]
        expect(kept == list(_ORDER), f"The events should be {', '.join(_ORDER)}; came: {', '.join(kept)}.", answer.done)


async def words(suite: Suite) -> None:
    async with suite.session() as wire:
        answer = await written(wire)
        expect(answer.words().strip(), "An answer in writing should have words.", answer.done)
        expect(not answer.audio(), "An answer in writing should have no audio.", answer.done)


async def stays(suite: Suite) -> None:
    async with suite.session() as wire:
        question = await ask(wire)
        answer = await answered(wire, output_modalities=_TEXT)
        added = next(each for each in answer.events if each.get("type") == "conversation.item.added")
        expect(at(added, "previous_item_id") == question, "The answer should come after the question.", added)
        await wire.send("conversation.item.retrieve", item_id=answer.item_id)
        event = await wire.next("conversation.item.retrieved")
        expect(_texts(event) == [answer.words()], "The answer should be kept as it was given.", event)
        after = await ask(wire)
        added = wire.of("conversation.item.added")[-1]
        expect(after and at(added, "previous_item_id") == answer.item_id, "The next item should follow it.", added)


def _texts(event: object) -> list[str]:
    content = at(event, "item", "content")
    return [text(part, "text") for part in content] if isinstance(content, list) else []


async def metadata(suite: Suite) -> None:
    async with suite.session() as wire:
        await ask(wire)
        wanted = {"client_event_id": "abc", "topic": "tea"}
        answer = await answered(wire, output_modalities=_TEXT, metadata=wanted)
        for event in (answer.created, answer.done):
            expect(at(event, "response", "metadata") == wanted, f"The metadata should be echoed: {wanted}.", event)


async def overrides(suite: Suite) -> None:
    async with suite.session(output_modalities=_TEXT, max_output_tokens=500) as wire:
        await ask(wire)
        answer = await answered(wire, max_output_tokens=400, instructions="Be brief.")
        shown = at(answer.created, "response", "max_output_tokens")
        expect(shown == 400, f"max_output_tokens of the response should be 400, not {shown!r}.", answer.created)
        again = await answered(wire)
        shown = at(again.created, "response", "max_output_tokens")
        expect(shown == 500, f"An override should hold for one response; then 500, not {shown!r}.", again.created)


async def cut_short(suite: Suite) -> None:
    async with suite.session() as wire:
        await ask(wire, "Count from one to one hundred, in words.")
        answer = await answered(wire, output_modalities=_TEXT, max_output_tokens=1)
        expect(answer.status == "incomplete", "An answer over its limit should be incomplete.", answer.done)
        reason = at(answer.done, "response", "status_details", "reason")
        expect(reason == "max_output_tokens", "The reason should be max_output_tokens.", answer.done)


async def session_limit(suite: Suite) -> None:
    async with suite.session(max_output_tokens=1, output_modalities=_TEXT) as wire:
        await ask(wire, "Count from one to one hundred, in words.")
        answer = await answered(wire)
        expect(answer.status == "incomplete", "max_output_tokens of the session should hold too.", answer.done)


async def unknown_override(suite: Suite) -> None:
    async with suite.session() as wire:
        event_id = await wire.send("response.create", response={"bogus": 1})
        await refused(wire, event_id, "an unknown override", codes=("unknown_parameter",), param="response.bogus")
        await written(wire)


async def one_at_a_time(suite: Suite) -> None:
    async with suite.session() as wire:
        await ask(wire, "Tell a long story.")
        for _ in range(_TRIES):
            await wire.send("response.create")
            second = await wire.send("response.create")
            created = await wire.next("response.created")
            event = await wire.next("error", "response.done")
            if event.get("type") == "error":
                code = at(event, "error", "code")
                wanted = "conversation_already_has_active_response"
                expect(code == wanted, f"A second response should be refused with {wanted}, not {code!r}.", event)
                expect(at(event, "error", "event_id") == second, "The error should echo the event_id.", event)
                await told(wire, created)
                return
            await told(wire, await wire.next("response.created"))
        raise LeftOut("The answers were complete before a second one could be asked for.")


async def from_nothing(suite: Suite) -> None:
    async with suite.session() as wire:
        answer = await answered(wire, output_modalities=_TEXT)
        expect(answer.status == "completed", "An empty conversation should get an answer too.", answer.done)


async def two_turns(suite: Suite) -> None:
    async with suite.session() as wire:
        ids = {(await written(wire)).id, (await written(wire)).id}
        expect(len(ids) == 2, "Two responses should have ids of their own.")
        await _quiet(wire)


async def _quiet(wire: Wire) -> None:
    created = len(wire.of("response.created"))
    expect(created == 2, f"Two requests should make two responses, not {created}.")


SECTION = Section(
    "text-response",
    "Text response",
    (
        Check("its events come in the order of the protocol", in_order),
        Check("it has words and no audio", words),
        Check("it stays in the conversation, after the question", stays),
        Check("metadata is echoed", metadata),
        Check("overrides hold for one response", overrides),
        Check("max_output_tokens cuts it short, and it says so", cut_short),
        Check("max_output_tokens of the session takes effect", session_limit),
        Check("an unknown override is refused by its name", unknown_override),
        Check("a second response while one runs is refused", one_at_a_time),
        Check("an empty conversation gets an answer", from_nothing),
        Check("one request makes one response", two_turns),
    ),
)
