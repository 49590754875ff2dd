"""The playground: what its user sees, hears and can do."""

from __future__ import annotations

import asyncio
import json

import pytest
from tests.browser.chromium import Chromium
from tests.browser.playing import LONG, SHORT, playground

from vivavoce.config import Config, tree
from vivavoce.engines.instant import ASR_TEXT

either = pytest.mark.parametrize("connection", ["websocket", "webrtc"])
BACKGROUND = "getComputedStyle(document.body).backgroundColor"


def test_it_loads_without_complaints_and_offers_what_the_server_has(browser: Chromium) -> None:
    async def scenario() -> None:
        async with playground(browser) as here:
            voices = "[...document.querySelectorAll('[name=voice] option')].map((each) => each.value)"
            assert (await here.page.evaluate(voices))[:3] == ["", "alloy", "ash"]
            disabled = "[...document.querySelectorAll('option:disabled')].map((each) => each.value)"
            assert {"near_field", "far_field"} <= set(await here.page.evaluate(disabled))
            assert "semantic_vad" not in await here.page.evaluate(disabled)
            assert here.page.complaints == []

    asyncio.run(scenario())


@either
def test_a_typed_turn_is_answered(browser: Chromium, connection: str) -> None:
    async def scenario() -> None:
        async with playground(browser, connection=connection) as here:
            await here.type("Is this a test?")
            await here.until_state("Speaking")
            await here.until_state("Connected")
            assert await here.lines() == ["user: Is this a test?", f"assistant: {SHORT}"]
            assert await here.page.evaluate("document.querySelectorAll('#turns li').length") == 1
            assert await here.page.evaluate("document.querySelector('[data-figure=count]').textContent") == "0"
            assert here.page.complaints == []

    asyncio.run(scenario())


@either
def test_a_spoken_turn_is_answered_and_speaking_interrupts_the_answer(browser: Chromium, connection: str) -> None:
    async def scenario() -> None:
        async with playground(browser, connection=connection, answer=LONG) as here:
            await here.page.click("#call")
            await here.until_state("Speaking")
            assert await here.lines() == [f"user: {ASR_TEXT}", f"assistant: {LONG}"]
            assert await here.page.evaluate("document.querySelector('[data-figure=count]').textContent") == "1"
            await here.page.until("document.querySelector('#lines s') !== null")
            await here.page.until("document.querySelectorAll('#lines li').length === 4")
            heard, _, unheard = (await here.lines())[1].removeprefix("assistant: ").partition("[")
            assert heard + unheard.removesuffix("]") == LONG
            assert LONG.startswith(heard.strip())
            assert heard.startswith("one")
            assert unheard.endswith("seventeen.]")
            await here.page.click("#call")
            await here.until_state("Not connected")
            assert here.page.complaints == []

    asyncio.run(scenario())


@either
def test_escape_interrupts(browser: Chromium, connection: str) -> None:
    async def scenario() -> None:
        async with playground(browser, connection=connection, answer=LONG) as here:
            await here.type("Count.")
            await here.until_state("Speaking")
            await here.page.key("Escape")
            await here.until_state("Connected")
            await here.page.until("document.querySelector('#lines s') !== null")
            assert (await here.lines())[1].endswith("seventeen.]")
            assert await here.problems() == []

    asyncio.run(scenario())


@either
def test_the_space_bar_holds_to_talk(browser: Chromium, connection: str) -> None:
    async def scenario() -> None:
        async with playground(browser, connection=connection) as here:
            await here.page.choose("[name=vad]", "manual")
            await here.page.click("#call")
            await here.until_state("Hold to talk")
            await here.page.key(" ", up=False)
            await here.until_state("Hearing you")
            await here.page.until("document.querySelector('#level').value > 0.3")
            await here.page.until("document.querySelector('#level').value < 0.05")
            await here.page.key(" ", down=False)
            await here.until_state("Speaking")
            assert await here.lines() == [f"user: {ASR_TEXT}", f"assistant: {SHORT}"]
            assert await here.problems() == []

    asyncio.run(scenario())


@either
def test_a_refused_microphone_is_told_and_typing_still_works(browser: Chromium, connection: str) -> None:
    async def scenario() -> None:
        async with playground(browser, connection=connection) as here:
            await here.page.allow_microphone(False)
            await here.page.click("#call")
            await here.page.until("document.querySelector('.message') !== null")
            said = await here.page.evaluate("document.querySelector('.message').innerText")
            assert "The microphone was refused." in said
            assert "You can still type." in said
            await here.type("Hello?")
            await here.until_state("Speaking")
            await here.page.allow_microphone(True)
            await here.page.click("#mute")  # which now says: Use microphone
            await here.page.until("document.querySelector('#mute').textContent === 'Mute'")
            assert here.page.complaints == []

    asyncio.run(scenario())


def test_what_the_server_refuses_is_shown_by_name_and_the_form_shows_what_is_in_force(browser: Chromium) -> None:
    async def scenario() -> None:
        async with playground(browser) as here:
            await here.page.choose("[name=voice]", "ash")
            await here.type("Hello.")
            await here.until_state("Speaking")
            await here.page.choose("[name=voice]", "coral")
            await here.page.until("document.querySelector('.message') !== null")
            assert await here.problems() == ["cannot_update_voice"]
            assert await here.page.evaluate("document.querySelector('[name=voice]').value") == "ash"
            await here.page.choose("[name=silence]", "650")
            await here.page.choose("#filter", "650")
            await here.page.until("document.querySelectorAll('#log li:not([hidden])').length === 2")
            assert await here.logged() == ["session.update", "session.updated"]

    asyncio.run(scenario())


def test_the_log_is_filtered_and_copied(browser: Chromium) -> None:
    async def scenario() -> None:
        async with playground(browser) as here:
            await here.type("Hello.")
            await here.until_state("Speaking")
            await here.page.choose("#filter", "session.")
            assert await here.logged() == ["session.created", "session.update", "session.updated"]
            await here.page.command("Emulation.setFocusEmulationEnabled", enabled=True)
            for name in ("clipboard-read", "clipboard-write"):
                await here.page.command("Browser.setPermission", permission={"name": name}, setting="granted")
            await here.page.evaluate("document.querySelector('#log-box').open = true")
            await here.page.click("#copy")
            await here.page.until("document.querySelector('#log-note').textContent === 'Copied.'")
            copied = json.loads(await here.page.evaluate("navigator.clipboard.readText()"))
            assert [each["event"]["type"] for each in copied] == await here.logged()
            assert {each["from"] for each in copied} == {"client", "server"}
            await here.page.choose("#filter", "bytes of audio")
            assert {name.split(" ")[0] for name in await here.logged()} == {"response.output_audio.delta"}
            await here.page.click("#clear")
            assert await here.logged() == []

    asyncio.run(scenario())


def test_both_themes_by_the_system_and_by_choice(browser: Chromium) -> None:
    async def scenario() -> None:
        async with playground(browser) as here:
            seen = {}
            for scheme in ("light", "dark"):
                await here.page.prefer(scheme)
                seen[scheme] = await here.page.evaluate(BACKGROUND)
            assert seen["light"] != seen["dark"]
            await here.page.choose("#theme", "light")
            assert await here.page.evaluate(BACKGROUND) == seen["light"]
            await here.page.command("Page.reload")
            await here.page.until(f"document.readyState === 'complete' && {BACKGROUND} === '{seen['light']}'")
            await here.page.choose("#theme", "auto")
            assert await here.page.evaluate(BACKGROUND) == seen["dark"]

    asyncio.run(scenario())


@pytest.mark.parametrize("width", [360, 1280])
def test_nothing_is_wider_than_the_window(browser: Chromium, width: int) -> None:
    async def scenario() -> None:
        async with playground(browser, width=width) as here:
            await here.page.evaluate("document.querySelectorAll('details').forEach((each) => (each.open = true))")
            for vad in ("server_vad", "semantic_vad"):
                await here.page.choose("[name=vad]", vad)
                assert await here.page.evaluate("document.documentElement.scrollWidth") == width
            await here.type("supercalifragilistic" * 10)
            await here.until_state("Speaking")
            assert await here.page.evaluate("document.documentElement.scrollWidth") == width

    asyncio.run(scenario())


def test_a_key_is_asked_for_where_one_is_needed(browser: Chromium) -> None:
    async def scenario() -> None:
        async with playground(browser, Config(server=tree.Server(keys=("sk-right",)))) as here:
            assert await here.page.evaluate("document.querySelector('#call').disabled")
            await here.page.choose("[name=key]", "sk-wrong")
            await here.page.until("document.querySelector('.message') !== null")
            assert await here.problems() == ["invalid_api_key"]
            await here.page.choose("[name=key]", "sk-right")
            await here.page.until("!document.querySelector('#call').disabled")
            await here.type("Hello.")
            await here.until_state("Speaking")

    asyncio.run(scenario())


@either
def test_a_client_secret_opens_the_session_that_was_bound_to_it(browser: Chromium, connection: str) -> None:
    async def scenario() -> None:
        config = Config(server=tree.Server(keys=("sk-right",)))
        async with playground(browser, config, connection=connection) as here:
            asked = await here.page.evaluate(
                """fetch("/v1/realtime/client_secrets", {
                  method: "POST",
                  headers: {Authorization: "Bearer sk-right"},
                  body: JSON.stringify({session: {type: "realtime", audio: {output: {voice: "coral"}}}}),
                }).then((response) => response.json())"""
            )
            await here.page.choose("[name=key]", asked["value"])
            await here.page.until("!document.querySelector('#call').disabled")
            await here.type("Hello.")
            await here.until_state("Speaking")
            assert await here.page.evaluate("document.querySelector('[name=voice]').value") == "coral"
            assert await here.problems() == []

    asyncio.run(scenario())


def test_everything_that_takes_input_has_a_name(browser: Chromium) -> None:
    async def scenario() -> None:
        async with playground(browser) as here:
            await here.page.evaluate("document.querySelectorAll('details').forEach((each) => (each.open = true))")
            tree = await here.page.command("Accessibility.getFullAXTree")
            kinds = {"button", "textbox", "combobox", "checkbox", "slider", "spinbutton", "searchbox", "meter"}
            nodes = [node for node in tree["nodes"] if node.get("role", {}).get("value") in kinds]
            assert len(nodes) > 15
            assert [node["role"]["value"] for node in nodes if not node["name"]["value"]] == []

    asyncio.run(scenario())


def test_the_end_of_speech_is_where_the_microphone_was_last_loud(browser: Chromium) -> None:
    async def scenario() -> None:
        async with playground(browser) as here:
            found = await here.page.evaluate(
                """import('/playground/timeline.js').then(({ Levels, percentile }) => {
                  const levels = new Levels();
                  const heard = [[0, 0.2], [20, 0.001], [40, 0.3], [60, 0.02], [80, 0.01], [100, 0.001]];
                  heard.forEach(([at, level]) => levels.add(at, level));
                  return {
                    end: levels.lastSpeech(10, 100),
                    never: levels.lastSpeech(101, 120),
                    percentiles: [0.5, 0.9].map((share) => percentile([1, 2, 3, 4, 5, 6, 7, 8, 9, 10], share)),
                    one: percentile([7], 0.9),
                    none: percentile([], 0.5) === undefined,
                  };
                })"""
            )
            assert found == {"end": 60, "never": 120, "percentiles": [5, 9], "one": 7, "none": True}

    asyncio.run(scenario())
