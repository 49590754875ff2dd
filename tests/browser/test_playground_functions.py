"""Functions that run in the page: they are offered, called, run, and their results are spoken of."""

from __future__ import annotations

import asyncio
import json

import pytest
from tests.browser.chromium import Chromium
from tests.browser.playing import SHORT, Playground, playground
from tests.browser.scripted import CAN, Wire, scripted

from vivavoce.core.capabilities import Capabilities
from vivavoce.ports import Finished, ToolOutput
from vivavoce.testing.fakes import ScriptedLlm, calls, says

SERVER_VAD = {
    "type": "server_vad",
    "threshold": 0.5,
    "prefix_padding_ms": 300,
    "silence_duration_ms": 200,
    "idle_timeout_ms": None,
    "create_response": True,
    "interrupt_response": True,
}


async def typed(here: Playground, wire: Wire, text: str) -> None:
    """The user types the first line; its answer begins."""
    await here.type(text)
    await wire.opened()
    await wire.created()
    await wire.asked()


def test_a_function_is_called_runs_in_the_page_and_is_spoken_of(browser: Chromium) -> None:
    async def scenario() -> None:
        async with scripted(browser) as (here, wire):
            await here.page.click("[name=roll_dice]")
            await here.type("Roll two dice.")
            (offered,) = (await wire.opened())["tools"]
            assert (offered["type"], offered["name"]) == ("function", "roll_dice")
            await wire.created()
            await wire.asked()
            call = await wire.call("roll_dice", {"count": 2, "sides": 6})
            output = await wire.created()  # before the answer is over: nothing waits for it
            assert (output["type"], output["call_id"]) == ("function_call_output", "call_1")
            result = json.loads(output["output"])
            assert len(result["rolled"]) == 2
            assert all(1 <= each <= 6 for each in result["rolled"])
            assert result["sum"] == sum(result["rolled"])
            await here.until_card("done", "roll_dice")
            assert await here.cards() == [f'roll_dice({{"count": 2, "sides": 6}}) done: {output["output"]}']
            assert (await here.logged()).count("response.create") == 1  # an answer is still being made
            await wire.end(call)
            await wire.asked()
            await wire.end()
            await here.until_state("Connected")
            turns = "document.querySelectorAll('#turns li').length"
            assert await here.page.evaluate(turns) == 1  # the user waited for one answer

    asyncio.run(scenario())


@pytest.mark.parametrize("connection", ["websocket", "webrtc"])
def test_a_real_server_calls_a_function_and_speaks_of_its_result(browser: Chromium, connection: str) -> None:
    async def scenario() -> None:
        rolling = [*says("Let me roll.")[:-1], *calls("roll_dice", count=3), Finished()]
        llm = ScriptedLlm(rolling, says("There they lie."), features=("tools",))
        async with playground(browser, connection=connection, llm=llm) as here:
            await here.page.click("[name=roll_dice]")
            await here.type("Roll three dice.")
            await here.until_card("done", "roll_dice")
            await here.page.until("document.querySelector('#lines').textContent.includes('There they lie.')")
            said = ["user: Roll three dice.", "assistant: Let me roll.", "assistant: There they lie."]
            assert await here.lines() == said
            (output,) = [
                part
                for message in llm.calls[1].request.messages
                for part in message.content
                if isinstance(part, ToolOutput)
            ]
            assert await here.cards() == [f'roll_dice({{"count": 3}}) done: {output.output}']
            assert await here.problems() == []
            assert here.page.complaints == []
        llm.assert_finished()

    asyncio.run(scenario())


@pytest.mark.parametrize("connection", ["websocket", "webrtc"])
def test_a_function_is_called_by_voice_and_the_result_is_heard(browser: Chromium, connection: str) -> None:
    async def scenario() -> None:
        # The instant model calls what it is told the name of.
        async with playground(browser, connection=connection, heard="Please roll_dice.") as here:
            await here.page.click("[name=roll_dice]")
            await here.page.click("#call")
            await here.until_card("done", "roll_dice")
            await here.until_state("Speaking")
            assert await here.lines() == ["user: Please roll_dice.", f"assistant: {SHORT}"]
            assert await here.page.evaluate("document.querySelector('[data-figure=count]').textContent") == "1"
            await here.page.click("#call")
            await here.until_state("Not connected")
            assert await here.problems() == []
            assert here.page.complaints == []

    asyncio.run(scenario())


def test_a_function_that_takes_long_leaves_the_conversation_alone(browser: Chromium) -> None:
    async def scenario() -> None:
        async with scripted(browser) as (here, wire):
            await here.page.click("[name=set_timer]")
            await typed(here, wire, "Wake me in a second.")
            await wire.end(await wire.call("set_timer", {"seconds": 1}))
            await here.until_card("pending")
            await here.type("How are you?")
            await wire.created()
            await wire.asked()
            output = await wire.created()  # while the answer to something else is being made
            assert json.loads(output["output"]) == {"over": True, "seconds": 1}
            await here.until_card("done")
            assert (await here.logged()).count("response.create") == 2
            await wire.end()
            await wire.asked()

    asyncio.run(scenario())


def test_two_calls_at_once_are_answered_once(browser: Chromium) -> None:
    async def scenario() -> None:
        async with scripted(browser) as (here, wire):
            await typed(here, wire, "Roll a die, and what time is it?")
            first = await wire.call("roll_dice", {"count": 1})
            second = await wire.call("local_time", {}, call_id="call_2")
            outputs = {(await wire.created())["call_id"] for _ in range(2)}
            assert outputs == {"call_1", "call_2"}
            await wire.end(first, second)
            await wire.asked()
            await wire.end()
            await here.until_state("Connected")

    asyncio.run(scenario())


def test_a_result_waits_until_the_caller_has_finished(browser: Chromium) -> None:
    async def scenario() -> None:
        async with scripted(browser) as (here, wire):
            wire.session["audio"]["input"]["turn_detection"] = SERVER_VAD
            await typed(here, wire, "What time is it?")
            call = await wire.call("local_time", {})
            await wire.say("input_audio_buffer.speech_started", item_id="item_9", audio_start_ms=0)
            await wire.end(call, status="cancelled")
            output = await wire.created()
            assert {"date", "time", "time_zone"} == set(json.loads(output["output"]))
            await here.until_card("done")
            await here.until_state("Hearing you")
            await wire.say("input_audio_buffer.speech_stopped", item_id="item_9", audio_end_ms=900)
            await wire.begin()  # the server's own answer to the turn, which knows the result
            await wire.end()
            await here.until_state("Connected")
            assert (await here.logged()).count("response.create") == 1

    asyncio.run(scenario())


def test_a_function_that_fails_says_why(browser: Chromium) -> None:
    async def scenario() -> None:
        async with scripted(browser) as (here, wire):
            await typed(here, wire, "Make it mauve.")
            await wire.end(await wire.call("set_page_colour", {"colour": "mauve"}))
            told = json.loads((await wire.created())["output"])
            assert told["error"].startswith("There is no mauve: choose one of green")
            await wire.asked()
            await wire.end(await wire.call("set_page_colour", {"colour": "purple"}, call_id="call_2"))
            await wire.created()
            await wire.asked()
            assert await here.page.evaluate("document.documentElement.dataset.accent") == "purple"

    asyncio.run(scenario())


def test_what_is_not_the_page_s_or_not_whole_is_shown_and_not_run(browser: Chromium) -> None:
    async def scenario() -> None:
        async with scripted(browser) as (here, wire):
            await typed(here, wire, "Do three things.")
            theirs = await wire.call("book_a_table", {"people": 2})
            await wire.end(theirs, await wire.call("roll_dice", {"count": 1}, "call_2", "incomplete"))
            await here.until_card("broken", "roll_dice")
            where = "document.querySelector('#lines li.tool .where').textContent"
            assert await here.page.evaluate(where) == "not in this page"
            assert [card.split(" ")[-1] for card in await here.cards()] == ["pending", "broken"]
            # Somebody else in the session has the result.
            item = {"id": "item_8", "type": "function_call_output", "call_id": "call_1", "output": "Done."}
            await wire.say("conversation.item.added", item=item, previous_item_id=None)
            await here.until_card("done", "book_a_table")

    asyncio.run(scenario())


def test_hanging_up_ends_what_still_runs(browser: Chromium) -> None:
    async def scenario() -> None:
        async with scripted(browser) as (here, wire):
            await typed(here, wire, "Wake me in a second.")
            await wire.end(await wire.call("set_timer", {"seconds": 1}))
            await here.until_card("pending")
            await here.page.click("#call")
            await here.until_card("broken")
            await typed(here, wire, "Hello again.")
            assert await here.cards() == []

    asyncio.run(scenario())


def test_what_returns_after_the_end_is_told_to_nobody(browser: Chromium) -> None:
    async def scenario() -> None:
        async with scripted(browser) as (here, _):
            found = await here.page.evaluate(
                """import('/playground/toolbox.js').then(async ({ Toolbox }) => {
                  const told = [];
                  const slow = Promise.withResolvers();
                  const signals = [];
                  const run = (_, signal) => (signals.push(signal), slow.promise);
                  const box = new Toolbox({ put: (item) => told.push(item) }, [{ definition: { name: 'slow' }, run }]);
                  const call = { name: 'slow', call_id: 'call_1', arguments: '{}' };
                  const running = box.run(call);
                  box.clear();
                  slow.resolve('late');
                  await running;
                  const late = told.length;
                  await box.run(call);
                  return { late, ended: signals.map((each) => each.aborted), again: told.length };
                })"""
            )
            assert found == {"late": 0, "ended": [True, False], "again": 1}

    asyncio.run(scenario())


def test_functions_are_switched_during_a_conversation_and_a_session_s_own_stay(browser: Chromium) -> None:
    async def scenario() -> None:
        async with scripted(browser) as (here, wire):
            own = {"type": "function", "name": "book_a_table", "parameters": {"type": "object"}}
            wire.session = {**wire.session, "tools": [own]}
            # A client secret, which brings its session along.
            await here.page.evaluate("document.querySelector('[name=key]').value = 'ek_bound'")
            await here.type("Hello.")
            await wire.joined()
            await wire.created()
            await wire.asked()
            await here.page.click("[name=local_time]")
            assert [each["name"] for each in (await wire.updated())["tools"]] == ["book_a_table", "local_time"]
            await here.page.click("[name=local_time]")
            assert (await wire.updated())["tools"] == [own]

    asyncio.run(scenario())


def test_tools_that_a_client_secret_locks_are_left_alone(browser: Chromium) -> None:
    async def scenario() -> None:
        async with scripted(browser) as (here, wire):
            await here.page.click("[name=local_time]")
            del wire.session["tools"]  # what is locked is not shown
            await here.page.evaluate("document.querySelector('[name=key]').value = 'ek_locked'")
            await here.type("Hello.")
            await wire.joined()
            await wire.created()
            await wire.asked()
            note = "document.querySelector('#tools-note').textContent"
            assert await here.page.evaluate(note) == "With this client secret the tools cannot be changed."
            assert await here.page.evaluate("document.querySelector('[name=local_time]').matches(':disabled')")
            await here.page.choose("[name=voice]", "alloy")
            assert "tools" not in (await wire.expect("session.update"))["session"]
            await here.page.click("#call")
            await here.until_state("Not connected")
            assert await here.page.evaluate(note) == ""
            assert await here.page.evaluate("document.querySelector('[name=local_time]').matches(':checked:enabled')")

    asyncio.run(scenario())


def test_a_server_without_tools_says_so_and_is_not_asked_for_them(browser: Chromium) -> None:
    async def scenario() -> None:
        can = Capabilities(models=CAN.models, voices=CAN.voices, transcription_models=CAN.transcription_models)
        async with scripted(browser, can) as (here, wire):
            note = await here.page.evaluate("document.querySelector('#tools-note').textContent")
            assert note == "The language model of this server cannot call tools."
            assert await here.page.evaluate("document.querySelector('[name=roll_dice]').matches(':disabled')")
            assert await here.page.evaluate("document.querySelector('#picture').disabled")
            await here.type("Hello.")
            assert "tools" not in await wire.opened()
            await wire.created()
            await wire.asked()

    asyncio.run(scenario())


def test_refused_tools_are_named_and_the_form_shows_what_is_in_force(browser: Chromium) -> None:
    async def scenario() -> None:
        async with scripted(browser) as (here, wire):
            await typed(here, wire, "Hello.")
            await here.page.click("[name=roll_dice]")
            update = await wire.expect("session.update")
            error = {
                "type": "invalid_request_error",
                "code": "unsupported_value",
                "message": "Tools are not supported.",
                "param": "session.tools",
                "event_id": update["event_id"],
            }
            await wire.say("error", error=error)
            await here.page.until("document.querySelector('.message') !== null")
            assert await here.problems() == ["unsupported_value"]
            assert not await here.page.evaluate("document.querySelector('[name=roll_dice]').checked")

    asyncio.run(scenario())


@pytest.mark.parametrize("width", [360, 1280])
def test_no_card_is_wider_than_the_window(browser: Chromium, width: int) -> None:
    async def scenario() -> None:
        async with scripted(browser, width=width) as (here, wire):
            await typed(here, wire, "Hello.")
            call = await wire.call("supercalifragilistic" * 5, {"text": "supercalifragilistic" * 20})
            output = "supercalifragilistic" * 50
            item = {"id": "item_8", "type": "function_call_output", "call_id": call["call_id"], "output": output}
            await wire.say("conversation.item.added", item=item, previous_item_id=None)
            await here.until_card("done")
            assert await here.page.evaluate("document.documentElement.scrollWidth") == width
            inside = "[...document.querySelectorAll('#lines li')].every((each) => each.scrollWidth <= each.clientWidth)"
            assert await here.page.evaluate(inside)

    asyncio.run(scenario())
