"""The stock `openai` SDK with an MCP server that the realtime server runs; every event is checked against its types."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from tests.clients.almanac import Almanac, almanac
from tests.clients.clerk import Clerk
from tests.clients.sdk import Caller, call
from tests.live import live
from tests.patience import run

from vivavoce.config import Config
from vivavoce.config.mcp import Mcp

ALLOWED = Config(mcp=Mcp(allow=("127.0.0.1",)))
CLOCK = 'Use clock with {"city": "Oslo"}.'
WEATHER = 'Use weather with {"city": "Oslo"}.'


@asynccontextmanager
async def listed(require_approval: str) -> AsyncIterator[tuple[Caller, Almanac]]:
    """A text session that knows the almanac's tools."""
    async with almanac() as book, live(ALLOWED, llm=Clerk()) as server:
        tool = {
            "type": "mcp",
            "server_label": "almanac",
            "server_url": book.url,
            "authorization": "secret-token",
            "require_approval": require_approval,
        }
        async with call(server, output_modalities=["text"], tools=[tool]) as caller:
            await caller.until("mcp_list_tools.completed")
            await caller.until("conversation.item.done")
            yield caller, book


def words(done: Any) -> str:
    """Those of a response."""
    text: str = done.response.output[0].content[0].text
    return text


def test_a_call_is_part_of_its_response_and_the_server_goes_on_by_itself() -> None:
    async def scenario() -> None:
        async with listed("never") as (caller, book):
            await caller.write(CLOCK)
            (made,) = (await caller.until("response.done")).response.output
            assert (made.type, made.output, made.error) == ("mcp_call", "noon in Oslo", None)
            order = [
                "response.created",
                "response.output_item.added",
                "conversation.item.added",
                "response.mcp_call_arguments.delta",
                "response.mcp_call_arguments.delta",
                "response.mcp_call_arguments.done",
                "response.mcp_call.in_progress",
                "response.mcp_call.completed",
                "conversation.item.done",
                "response.output_item.done",
                "response.done",
            ]
            assert caller.types[caller.types.index(order[0]) :] == order
            assert words(await caller.until("response.done")) == "It returned noon in Oslo."
            assert book.asked == [("clock", "Oslo")]

    run(scenario)


def test_a_client_that_asks_for_the_answer_at_once_gets_it_once() -> None:
    async def scenario() -> None:
        async with listed("never") as (caller, _):
            await caller.write(CLOCK)
            await caller.until("response.done")
            await caller.connection.response.create()
            answers = [words(await caller.until("response.done"))]
            await caller.write("Thank you.")
            while answers[-1] != "I heard: Thank you.":
                answers += [words(done) for done in [await caller.until("response.done")] if done.response.output]
            assert answers == ["It returned noon in Oslo.", "I heard: Thank you."]
            assert "error" not in caller.types

    run(scenario)


def test_an_answer_asked_for_when_it_has_been_given_is_a_response_without_anything_in_it() -> None:
    async def scenario() -> None:
        async with listed("never") as (caller, _):
            await caller.write(CLOCK)
            await caller.until("response.done")
            assert words(await caller.until("response.done")) == "It returned noon in Oslo."
            await caller.connection.response.create()
            done = await caller.until("response.done")
            assert (done.response.status, done.response.output) == ("completed", [])
            assert caller.types.count("response.created") == caller.types.count("response.done") == 3
            await caller.connection.response.create()
            assert words(await caller.until("response.done")) == "I have told you."

    run(scenario)


def test_an_approval() -> None:
    async def scenario() -> None:
        async with listed("always") as (caller, book):
            await caller.write(WEATHER)
            (request,) = (await caller.until("response.done")).response.output
            assert (request.type, request.server_label, request.name) == ("mcp_approval_request", "almanac", "weather")
            assert book.asked == []
            item = {"type": "mcp_approval_response", "approval_request_id": request.id, "approve": True}
            await caller.connection.conversation.item.create(item=item)  # type: ignore[arg-type]
            done = await caller.until(
                lambda event: event.type == "conversation.item.done" and event.item.type == "mcp_call"
            )
            assert (done.item.approval_request_id, done.item.output) == (request.id, "rain in Oslo")
            assert words(await caller.until("response.done")) == "It returned rain in Oslo."
            assert book.asked == [("weather", "Oslo")]

    run(scenario)


def test_an_approval_of_nothing_is_refused_by_name() -> None:
    async def scenario() -> None:
        async with listed("always") as (caller, _):
            item = {"type": "mcp_approval_response", "approval_request_id": "item_none", "approve": True}
            await caller.connection.conversation.item.create(item=item, event_id="mine")  # type: ignore[arg-type]
            error = (await caller.until("error")).error
            assert (error.param, error.event_id) == ("item.approval_request_id", "mine")

    run(scenario)


def test_the_authorization_is_used_and_never_shown() -> None:
    async def scenario() -> None:
        async with listed("never") as (caller, book):
            await caller.connection.session.update(session={"type": "realtime", "instructions": "Arr."})
            updated = await caller.until("session.updated")
            assert updated.session.tools[0].server_label == "almanac"
            assert all("secret-token" not in event.model_dump_json() for event in caller.events)
            assert book.let_in == {"Bearer secret-token"}

    run(scenario)


def test_a_server_at_an_address_that_is_not_allowed_is_not_reached() -> None:
    async def scenario() -> None:
        async with almanac() as book, live(llm=Clerk()) as server:
            tool = {"type": "mcp", "server_label": "almanac", "server_url": book.url, "require_approval": "never"}
            async with call(server, output_modalities=["text"], tools=[tool]) as caller:
                await caller.until("mcp_list_tools.failed")
                await caller.write(CLOCK)
                assert words(await caller.until("response.done")) == "There is no clock."
            assert book.let_in == set()

    run(scenario)
