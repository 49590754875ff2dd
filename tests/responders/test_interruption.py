"""An answer is cut short alike whoever makes it, and nobody remembers what was not heard."""

from __future__ import annotations

from typing import Any

from tests.clients.parrot import HEARD, STORY
from tests.clients.sdk import Caller, call
from tests.patience import run
from tests.responders.duplex import ParrotDuplex
from tests.responders.kinds import (
    ARR,
    TOLD,
    Kind,
    answer,
    answered_by,
    each_kind,
    each_told,
    finished,
    heard_from,
    recited,
    words,
)
from tests.responders.witness import WISH


async def story(caller: Caller) -> Any:
    """The caller asks for one, and hears its beginning; gives that event."""
    await heard_from(caller)
    await caller.say(1600)
    return await caller.until("response.output_audio.delta")


async def cut(caller: Caller, item_id: str, ms: int) -> str:
    """The words that are left of an item of which so much was heard."""
    item = caller.connection.conversation.item
    await item.truncate(item_id=item_id, content_index=0, audio_end_ms=ms)
    await caller.until("conversation.item.truncated")
    await item.retrieve(item_id=item_id)
    kept: str = (await caller.until("conversation.item.retrieved")).item.content[0].transcript
    return kept


@each_kind
def test_a_caller_who_speaks_is_answered_and_the_rest_is_not_known(kind: Kind) -> None:
    async def scenario() -> None:
        async with answered_by(kind, duplex=ParrotDuplex(story=1)) as server, call(server, **ARR) as caller:
            beginning = await story(caller)
            await caller.say()
            done = (await finished(caller, 1)).response
            assert (done.id, done.status) == (beginning.response_id, "cancelled")
            assert done.status_details.reason == "turn_detected"
            kept = await cut(caller, beginning.item_id, 100)
            assert STORY.startswith(kept)
            assert len(kept) <= len("Once there was")
            assert words(await finished(caller, 2)) == f"Arr, matey. {HEARD}"
            late = [event for event in caller.events if getattr(event, "response_id", "") == done.id]
            ended = [event.type for event in caller.events].index("response.done")
            assert all(caller.events.index(event) < ended for event in late)
            if kind in TOLD:
                known = f"user: {WISH}; assistant: {kept}; user: {HEARD}; assistant: Arr, matey. {HEARD}."
                assert await recited(caller) == known.replace("; assistant: ;", ";")

    run(scenario)


@each_kind
def test_a_cancelled_answer_stops_and_the_next_turn_is_answered(kind: Kind) -> None:
    async def scenario() -> None:
        async with answered_by(kind, duplex=ParrotDuplex(story=1)) as server, call(server, **ARR) as caller:
            beginning = await story(caller)
            await caller.connection.response.cancel()
            done = (await caller.until("response.done")).response
            assert (done.id, done.status) == (beginning.response_id, "cancelled")
            assert done.status_details.reason == "client_cancelled"
            await caller.say()
            assert await answer(caller) == f"Arr, matey. {HEARD}"

    run(scenario)


@each_told
def test_what_is_cut_off_a_whole_answer_is_forgotten(kind: Kind) -> None:
    async def scenario() -> None:
        async with answered_by(kind) as server, call(server, **ARR) as caller:
            await caller.write("Who was the first to fly over the sea alone?")
            item = (await caller.until("response.done")).response.output[0]
            kept = await cut(caller, item.id, 500)
            assert item.content[0].transcript.startswith(kept)
            assert len(kept) < len(item.content[0].transcript) / 2
            known = f"user: Who was the first to fly over the sea alone?; assistant: {kept}."
            # An answer of which nothing was heard is not known at all.
            assert await recited(caller) == known.replace("; assistant: .", ".")

    run(scenario)
