"""MCP servers in the page: named by the user, listed, called; and calls that the user approves or denies."""

from __future__ import annotations

import asyncio

import pytest
from tests.browser.chromium import Chromium
from tests.browser.playing import Playground, playground
from tests.browser.scripted import Event, Wire, scripted
from tests.examples.running import EXAMPLES, shopping

from vivavoce.config import load
from vivavoce.ports import Finished
from vivavoce.testing.fakes import ScriptedLlm, calls, says

URL = "http://tools.example.com/mcp"
TOKEN = "token-of-mine"
LISTED = {"name": "add_note", "description": "Keep a note.", "input_schema": {"type": "object"}}
SAID = "document.querySelector('#servers .said').textContent"


async def add_server(here: Playground, label: str = "notes", url: str = URL, token: str = "") -> None:
    """Fill in the form and press its button."""
    for name, value in (("label", label), ("url", url), ("token", token)):
        await here.page.choose(f"#server-form [name={name}]", value)
    await here.page.click("#server-form button")


async def listed(wire: Wire, status: str = "completed", **more: object) -> None:
    """The server tells its tools, or why not."""
    item = {"id": wire.new_id(), "type": "mcp_list_tools", "server_label": "notes", "tools": []}
    await wire.say("conversation.item.added", item={**item, "status": "in_progress"}, previous_item_id=None)
    await wire.say("mcp_list_tools.in_progress", item_id=item["id"])
    await wire.say(f"mcp_list_tools.{'completed' if status == 'completed' else 'failed'}", item_id=item["id"])
    await wire.say("conversation.item.done", item={**item, "status": status, **more}, previous_item_id=None)


def call(wire: Wire, **more: object) -> Event:
    """The item of a call that has begun."""
    about = {"server_label": "notes", "name": "add_note", "arguments": "", "output": None, "error": None}
    return {"id": wire.new_id(), "type": "mcp_call", "status": "in_progress", **about, **more}


async def request(wire: Wire) -> Event:
    """A call that waits for its approval, and the end of the answer with it."""
    item = {"id": "mcpr_1", "type": "mcp_approval_request", "status": "completed", "server_label": "notes"}
    item |= {"name": "add_note", "arguments": '{"text": "Buy milk."}'}
    await wire.open_item(item)
    await wire.close_item(item)
    await wire.end(item)
    return item


async def asked_to_note(here: Playground, wire: Wire) -> None:
    """The user has added a server and typed; the answer begins."""
    await add_server(here)
    await here.type("Note that I must buy milk.")
    await wire.opened()
    await wire.created()
    await wire.asked()


def test_a_server_is_added_and_says_what_it_has_and_its_token_is_shown_nowhere(browser: Chromium) -> None:
    async def scenario() -> None:
        async with scripted(browser) as (here, wire):
            await add_server(here, token=TOKEN)
            assert await here.page.evaluate(SAID) == "Asked when you connect."
            await here.type("Hello.")
            assert (await wire.opened())["tools"] == [
                {
                    "type": "mcp",
                    "server_label": "notes",
                    "server_url": URL,
                    "authorization": TOKEN,
                    "require_approval": "always",
                }
            ]
            await wire.created()
            await wire.asked()
            await listed(wire, tools=[LISTED, {**LISTED, "name": "read_notes"}])
            await here.page.until(f"{SAID} === 'Tools: add_note, read_notes'")
            await here.page.evaluate("document.querySelectorAll('#log details').forEach((each) => (each.open = true))")
            await here.page.until("document.querySelector('#log pre') !== null")
            page = await here.page.evaluate("document.documentElement.outerHTML")
            assert TOKEN not in page
            assert "(not shown)" in page
            assert await here.page.evaluate("document.querySelector('[name=token]').value") == ""  # it was taken
            # Without its credentials it would be another server: they go along with every change.
            await here.page.click("[name=roll_dice]")
            assert (await wire.updated())["tools"][1]["authorization"] == TOKEN
            await here.page.click("#servers button")
            assert [each["type"] for each in (await wire.updated())["tools"]] == ["function"]

    asyncio.run(scenario())


def test_a_listing_that_fails_says_why(browser: Chromium) -> None:
    async def scenario() -> None:
        async with scripted(browser) as (here, wire):
            await add_server(here)
            await here.type("Hello.")
            await wire.opened()
            await wire.created()
            await wire.asked()
            await listed(wire, "incomplete", error="The server answered 401.")
            await here.page.until(f"{SAID} === 'The server answered 401.'")
            assert await here.page.evaluate("document.querySelector('#servers .said').matches('.failed')")

    asyncio.run(scenario())


def test_a_server_of_the_configuration_needs_no_address_and_any_other_does(browser: Chromium) -> None:
    async def scenario() -> None:
        async with scripted(browser) as (here, wire):
            await add_server(here, label="unheard-of", url="")
            assert await here.page.evaluate("document.querySelectorAll('#servers li').length") == 0
            await add_server(here, label="notes", url="")
            await here.type("Hello.")
            (tool,) = (await wire.opened())["tools"]
            assert tool == {"type": "mcp", "server_label": "notes", "require_approval": "always"}
            await wire.created()
            await wire.asked()

    asyncio.run(scenario())


def test_a_server_that_is_refused_leaves_the_list_and_stays_in_the_form(browser: Chromium) -> None:
    async def scenario() -> None:
        async with scripted(browser) as (here, wire):
            await here.type("Hello.")
            await wire.opened()
            await wire.created()
            await wire.asked()
            await add_server(here)
            update = await wire.expect("session.update")
            error = {"type": "invalid_request_error", "code": "invalid_value", "event_id": update["event_id"]}
            param = "session.tools[0].server_url"
            await wire.say("error", error={**error, "message": "That address is private.", "param": param})
            await here.page.until("document.querySelector('.message') !== null")
            assert param in await here.page.evaluate("document.querySelector('.message').innerText")
            assert await here.page.evaluate("document.querySelectorAll('#servers li').length") == 0
            assert await here.page.evaluate("document.querySelector('#server-form [name=url]').value") == URL

    asyncio.run(scenario())


def test_a_call_is_shown_while_it_runs_and_when_it_has_returned(browser: Chromium) -> None:
    async def scenario() -> None:
        async with scripted(browser) as (here, wire):
            await asked_to_note(here, wire)
            item = call(wire)
            await wire.open_item(item)
            about = {"response_id": wire.answer, "item_id": item["id"], "output_index": 0}
            for delta in ('{"text": ', '"Buy milk."}'):
                await wire.say("response.mcp_call_arguments.delta", **about, delta=delta, obfuscation="")
            await here.until_card("writing")
            await wire.say("response.mcp_call.in_progress", item_id=item["id"], output_index=0)
            await here.until_card("running")
            assert await here.cards() == ['add_note({"text": "Buy milk."}) running']
            done = {**item, "status": "completed", "arguments": '{"text": "Buy milk."}', "output": "Kept as note 1."}
            await wire.say("response.mcp_call.completed", item_id=item["id"], output_index=0)
            await wire.close_item(done)
            await here.until_card("done")
            assert await here.cards() == ['add_note({"text": "Buy milk."}) done: Kept as note 1.']
            await wire.end(done)
            await wire.begin()  # the server goes on by itself
            await wire.end()
            await here.until_state("Connected")
            assert (await here.logged()).count("response.create") == 1

    asyncio.run(scenario())


def test_a_call_that_fails_says_why(browser: Chromium) -> None:
    async def scenario() -> None:
        async with scripted(browser) as (here, wire):
            await asked_to_note(here, wire)
            item = call(wire)
            await wire.open_item(item)
            fault = {"type": "tool_execution_error", "message": "The disk is full."}
            await wire.close_item({**item, "status": "incomplete", "arguments": "{}", "error": fault})
            await here.until_card("failed")
            assert await here.cards() == ["add_note({}) failed: The disk is full."]

    asyncio.run(scenario())


@pytest.mark.parametrize(("key", "approve", "state"), [("Enter", True, "approved"), (" ", False, "denied")])
def test_the_keyboard_answers_a_request(browser: Chromium, key: str, approve: bool, state: str) -> None:
    async def scenario() -> None:
        async with scripted(browser) as (here, wire):
            await asked_to_note(here, wire)
            await request(wire)
            await here.until_card("asking", "add_note")
            await here.page.evaluate("document.querySelector('#lines').focus()")
            for _ in range(1 if approve else 2):  # Approve is reached first
                await here.page.key("Tab")
            await here.page.key(key)
            answer = await wire.created()
            assert answer == {
                "id": answer["id"],
                "type": "mcp_approval_response",
                "approval_request_id": "mcpr_1",
                "approve": approve,
            }
            await here.until_card(state)
            visible = "document.querySelector('#lines .ask').checkVisibility()"
            assert not await here.page.evaluate(visible)
            assert await here.page.evaluate("document.activeElement.matches('#lines li.tool')")
            assert (await here.logged()).count("response.create") == 1  # the server goes on by itself

    asyncio.run(scenario())


def test_everything_that_takes_input_has_a_name(browser: Chromium) -> None:
    async def scenario() -> None:
        async with scripted(browser) as (here, wire):
            await asked_to_note(here, wire)
            await request(wire)
            await here.until_card("asking")
            tree = await here.page.command("Accessibility.getFullAXTree")
            kinds = {"button", "textbox", "combobox", "checkbox"}
            nodes = [node for node in tree["nodes"] if node.get("role", {}).get("value") in kinds]
            names = {node["name"]["value"] for node in nodes}
            wanted = {"Roll dice", "Label", "Address", "Token", "Approval", "Picture", "Remove notes"}
            assert wanted | {"Approve the call of add_note", "Deny the call of add_note"} <= names
            assert "" not in names

    asyncio.run(scenario())


@pytest.mark.parametrize("connection", ["websocket", "webrtc"])
def test_the_example_server_is_called_by_a_real_server_after_the_user_has_approved(
    browser: Chromium, connection: str
) -> None:
    async def scenario() -> None:
        call = [*calls("add_item", item="apples", count=3), Finished()]
        answers = (says("Good morning."), call, says("Three apples."), says("You are welcome."))
        llm = ScriptedLlm(*answers, features=("tools",))
        config = load(EXAMPLES / "vivavoce.toml")
        async with shopping() as url, playground(browser, config, connection=connection, llm=llm) as here:
            await here.page.until("!document.querySelector('#mcp').disabled")
            await add_server(here, label="shopping", url=url)
            await here.type("Hello.")
            await here.page.until(f"{SAID}.startsWith('Tools: ')")
            assert await here.page.evaluate(SAID) == "Tools: list_items, add_item, clear_list"
            await here.page.until("document.querySelector('#lines').textContent.includes('Good morning.')")
            await here.page.choose("[name=silence]", "650")  # which does not make it another server
            await here.type("Three apples, please.")
            await here.until_card("asking", "add_item")
            await here.page.click("#lines .ask .primary")
            await here.page.until("document.querySelector('#lines').textContent.includes('Three apples.')")
            assert await here.cards() == [
                'add_item({"item": "apples", "count": 3}) approved',
                'add_item({"item": "apples", "count": 3}) done: There are 3 apples on the list now.',
            ]
            await here.type("Thank you.")
            await here.page.until("document.querySelector('#lines').textContent.includes('You are welcome.')")
            assert (await here.logged()).count("session.updated") >= 1
            assert (await here.logged()).count("mcp_list_tools.completed") == 1
            assert await here.problems() == []
            assert here.page.complaints == []
        llm.assert_finished()

    asyncio.run(scenario())


def test_a_server_that_may_not_be_reached_is_told_by_a_real_server(browser: Chromium) -> None:
    async def scenario() -> None:
        llm = ScriptedLlm(says("Hello."), features=("tools",))
        async with playground(browser, llm=llm) as here:
            await here.page.until("!document.querySelector('#mcp').disabled")
            await add_server(here, url="http://127.0.0.1:9/mcp")
            await here.type("Hello.")
            await here.page.until("document.querySelector('#servers .failed') !== null")
            assert "127.0.0.1" in await here.page.evaluate(SAID)
            await here.page.until("document.querySelector('#lines').textContent.includes('Hello.')")
            assert await here.problems() == []

    asyncio.run(scenario())
