"""Joining a session that another connection holds, and ending it from outside (PROTOCOL.md 1.2, 1.5, 7)."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager

from vivavoce.conformance.checks.models import is_error
from vivavoce.conformance.client import Rejected, Suite, Wire, error_of
from vivavoce.conformance.steps import answered, ask, expect, in_force
from vivavoce.conformance.verdict import Check, LeftOut, Section
from vivavoce.testing.client import at, text

_NOBODY = "rtc_no_such_call_anywhere"
_WHISPERED = "Whispered from the side."


async def unknown(suite: Suite) -> None:
    try:
        async with suite.dial(query={"call_id": _NOBODY}) as wire:
            event = await wire.next("session.created", "error")
            expect(event.get("type") == "error", "A call that there is not should be refused.", event)
            expect(error_of(event), "The error should say what is wrong.", event)
            await wire.closed()
    except Rejected as rejected:
        expect(400 <= rejected.status < 500, f"It should be a client's fault, not HTTP status {rejected.status}.")


@asynccontextmanager
async def _joined(suite: Suite) -> AsyncGenerator[tuple[Wire, Wire]]:
    """Two connections of one session: the call that was named, or a session of our own and one that joins it by its id.

    Raises `LeftOut` when no call was named and sessions over WebSockets cannot be joined.
    """
    named = suite.target.call_id
    async with suite.dial(query={"call_id": named} if named else None) as first:
        created = await first.next("session.created")
        own = text(created, "session", "id")
        try:
            async with suite.dial(query={"call_id": named or own}) as second:
                joined = await second.next("session.created", "error")
                if joined.get("type") == "error":
                    raise _no_call(error_of(joined))
                same = text(joined, "session", "id") == own
                expect(same, "Both connections should see the same session.", joined)
                yield first, second
        except Rejected as rejected:
            raise _no_call(str(rejected)) from None


def _no_call(why: str) -> LeftOut:
    return LeftOut(
        f"It needs a call in progress: name one with --call-id. A session of its own cannot be joined: {why}"
    )


async def sees(suite: Suite) -> None:
    async with _joined(suite) as (first, second):
        await second.send("session.update", session={"type": "realtime", "instructions": _WHISPERED})
        for wire in (first, second):
            event = await wire.next("session.updated")
            shown = text(event, "session", "instructions")
            expect(shown == _WHISPERED, "All connections of a session should see what changes.", event)


async def acts(suite: Suite) -> None:
    async with _joined(suite) as (first, second):
        item_id = await ask(second)
        event = await first.next("conversation.item.added")
        expect(text(event, "item", "id") == item_id, "Both should see the item.", event)
        answer = await answered(first, output_modalities=["text"])
        done = await second.next("response.done")
        same = at(done, "response", "id") == answer.id
        expect(same, "Both should see the response.", done)


async def leaves(suite: Suite) -> None:
    async with _joined(suite) as (first, second):
        await second.close()
        await in_force(first)


async def ends(suite: Suite) -> None:
    if suite.target.call_id:
        raise LeftOut("The call that was named is not ended.")
    async with _joined(suite) as (first, second), suite.http() as http:
        response = await http.post(f"/realtime/calls/{text(first.events[0], 'session', 'id')}/hangup")
        expect(response.status_code == 200, f"A hang-up should be answered with 200, not {response.status_code}.")
        await first.closed()
        await second.closed()


async def ends_nobody(suite: Suite) -> None:
    async with suite.http() as http:
        is_error(await http.post(f"/realtime/calls/{_NOBODY}/hangup"), 404)


SECTION = Section(
    "sideband",
    "Sideband",
    (
        Check("a call that there is not is refused", unknown),
        Check("connections of a session see each other's changes", sees),
        Check("connections of a session see each other's items and responses", acts),
        Check("a connection that leaves does not end the session", leaves),
        Check("a hang-up ends all connections of a session", ends),
        Check("a hang-up of a call that there is not is 404, in the API's shape", ends_nobody),
    ),
)
