"""`response.cancel` (PROTOCOL.md 4.12)."""

from __future__ import annotations

from vivavoce.conformance.checks.interruption import LONG
from vivavoce.conformance.client import Suite, Wire
from vivavoce.conformance.shapes import objects
from vivavoce.conformance.steps import Told, ask, expect, in_force, refused, told, written
from vivavoce.conformance.verdict import Check, LeftOut, Section
from vivavoce.testing.client import at

_NOT_ACTIVE = ("response_cancel_not_active",)


async def _cancelled(wire: Wire, named: bool) -> Told:
    await ask(wire, LONG)
    await wire.send("response.create")
    created = await wire.next("response.created")
    response_id = at(created, "response", "id")
    event_id = await wire.send("response.cancel", **({"response_id": response_id} if named else {}))
    answer = await told(wire, created)
    if answer.status == "completed":
        await refused(wire, event_id, "a cancel that came too late", codes=_NOT_ACTIVE)
        raise LeftOut("The answer was complete before it could be cancelled.")
    return answer


async def cancels(suite: Suite) -> None:
    async with suite.session() as wire:
        answer = await _cancelled(wire, named=False)
        expect(answer.status == "cancelled", "A cancelled response should say so.", answer.done)
        reason = at(answer.done, "response", "status_details", "reason")
        expect(reason == "client_cancelled", f"The reason should be client_cancelled, not {reason!r}.", answer.done)
        for item in objects(at(answer.done, "response", "output")):
            expect(item.get("status") == "incomplete", "A cancelled answer's item is incomplete.", answer.done)


async def by_name(suite: Suite) -> None:
    async with suite.session() as wire:
        answer = await _cancelled(wire, named=True)
        expect(answer.status == "cancelled", "A response should be cancelled by its id.", answer.done)


async def goes_on(suite: Suite) -> None:
    async with suite.session() as wire:
        await _cancelled(wire, named=False)
        await written(wire)


async def nothing(suite: Suite) -> None:
    async with suite.session() as wire:
        event_id = await wire.send("response.cancel")
        await refused(wire, event_id, "a cancel when there is nothing to cancel", codes=_NOT_ACTIVE)
        await in_force(wire)


async def nobody(suite: Suite) -> None:
    async with suite.session() as wire:
        event_id = await wire.send("response.cancel", response_id="resp_nobody")
        await refused(wire, event_id, "the cancel of an unknown response")
        await in_force(wire)


SECTION = Section(
    "cancel",
    "Cancel",
    (
        Check("a response is cancelled, and it says why", cancels),
        Check("a response is cancelled by its id", by_name),
        Check("after a cancel the session goes on", goes_on),
        Check("a cancel of nothing is refused", nothing),
        Check("a cancel of an unknown response is refused", nobody),
    ),
)
