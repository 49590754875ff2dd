"""What is put into the conversation is known to whoever answers, and what is taken out of it is not."""

from __future__ import annotations

from typing import Any

from tests.clients.sdk import Caller, call
from tests.patience import run
from tests.responders.kinds import ARR, WRITTEN, Kind, answer, answered_by, each_told, recited, refusal, still_there

from vivavoce.testing.pictures import data_uri, png

PICTURE = png(3, 2)


def message(*content: dict[str, str]) -> Any:
    """Of the user's."""
    return {"type": "message", "role": "user", "content": list(content)}


async def put(caller: Caller, item: Any) -> str:
    """The id of a new item."""
    await caller.connection.conversation.item.create(item=item)
    made: str = (await caller.until("conversation.item.done")).item.id
    return made


@each_told
def test_a_picture_is_seen(kind: Kind) -> None:
    async def scenario() -> None:
        async with answered_by(kind) as server, call(server, **WRITTEN) as caller:
            picture = {"type": "input_image", "image_url": data_uri(PICTURE)}
            await put(caller, message({"type": "input_text", "text": "What is this?"}, picture))
            await caller.connection.response.create()
            assert await answer(caller) == f"Arr, matey. What is this? a picture of {len(PICTURE)} bytes"

    run(scenario)


@each_told
def test_a_deleted_item_is_not_known(kind: Kind) -> None:
    async def scenario() -> None:
        async with answered_by(kind) as server, call(server, **WRITTEN) as caller:
            await put(caller, message({"type": "input_text", "text": "My name is Ann."}))
            await caller.connection.response.create()
            assert await answer(caller) == "Arr, matey. My name is Ann."
            assert "Ann" in await recited(caller)
            for gone in [event.item.id for event in caller.events if event.type == "conversation.item.done"]:
                await caller.connection.conversation.item.delete(item_id=gone)
                await caller.until("conversation.item.deleted")
            assert await recited(caller) == "."

    run(scenario)


@each_told
def test_an_item_goes_where_it_is_put(kind: Kind) -> None:
    async def scenario() -> None:
        async with answered_by(kind) as server, call(server, **WRITTEN) as caller:
            first = await put(caller, message({"type": "input_text", "text": "One."}))
            await put(caller, message({"type": "input_text", "text": "Three."}))
            await caller.connection.response.create()
            assert await answer(caller) == "Arr, matey. Three."
            await caller.connection.conversation.item.create(
                item=message({"type": "input_text", "text": "Two."}), previous_item_id=first
            )
            await caller.until("conversation.item.done")
            assert await recited(caller) == "user: One.; user: Two.; user: Three.; assistant: Arr, matey. Three.."

    run(scenario)


def test_a_model_that_only_hears_is_given_no_items_and_forgets_none() -> None:
    async def scenario() -> None:
        async with answered_by("duplex") as server, call(server, **ARR) as caller:
            item = caller.connection.conversation.item
            picture = {"type": "input_image", "image_url": data_uri(PICTURE)}
            await item.create(item=message(picture))
            assert await refusal(caller) == ("unsupported_value", "type")
            await still_there(caller)
            await item.delete(item_id=caller.events[-1].response.output[0].id)
            assert await refusal(caller) == ("unsupported_value", "type")
            await still_there(caller)

    run(scenario)
