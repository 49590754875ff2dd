"""Choosing a voice in the playground: who there is, and how they sound."""

from __future__ import annotations

import asyncio

from tests.browser.chromium import Chromium
from tests.browser.playing import playground
from tests.browser.scripted import scripted

SAMPLES_HEARD = """window.heard = [];
AudioBufferSourceNode.prototype.start = new Proxy(AudioBufferSourceNode.prototype.start, {
  apply: (start, source) => (window.heard.push(source.buffer.duration), start.call(source)),
});"""
BUTTON = "document.querySelector('#sample')"
TEXT = f"{BUTTON}.textContent"


def test_each_voice_is_offered_with_its_character(browser: Chromium) -> None:
    async def scenario() -> None:
        async with playground(browser) as here:
            options = "[...document.querySelectorAll('[name=voice] option')].map((each) => each.textContent)"
            first, second, *_ = await here.page.evaluate(options)
            assert first == "The server's own"
            assert second == "alloy – a tone of 160 Hz, en, de, es, fr"
            assert here.page.complaints == []

    asyncio.run(scenario())


def test_a_sample_is_played_by_the_keyboard_and_stopped(browser: Chromium) -> None:
    async def scenario() -> None:
        async with playground(browser) as here:
            await here.page.evaluate(SAMPLES_HEARD)
            await here.page.choose("[name=voice]", "cedar")
            await here.page.evaluate(f"{BUTTON}.focus()")
            await here.page.key("Enter")
            await here.page.until("window.heard.length === 1")
            assert await here.page.evaluate("window.heard[0]") > 1
            assert await here.page.evaluate(TEXT) == "Stop"
            await here.page.key("Enter")
            assert await here.page.evaluate(TEXT) == "Play sample"
            assert await here.page.evaluate(f"document.activeElement === {BUTTON}")
            await here.page.key("Enter")
            await here.page.until("window.heard.length === 2")
            await here.page.until(f"{TEXT} === 'Play sample'")  # it has been heard to its end
            assert await here.problems() == []
            assert here.page.complaints == []

    asyncio.run(scenario())


def test_no_sample_is_played_into_a_conversation(browser: Chromium) -> None:
    async def scenario() -> None:
        async with playground(browser) as here:
            assert not await here.page.evaluate(f"{BUTTON}.disabled")
            await here.type("Hello?")
            await here.until_state("Connected", "Speaking")
            assert await here.page.evaluate(f"{BUTTON}.disabled")
            assert await here.page.evaluate(f"{BUTTON}.title") == "Not during a conversation"
            await here.page.click("#call")
            await here.page.until(f"!{BUTTON}.disabled")

    asyncio.run(scenario())


def test_a_voice_without_a_sample_has_nothing_to_play(browser: Chromium) -> None:
    async def scenario() -> None:
        async with scripted(browser) as (here, _):
            assert await here.page.evaluate(f"{BUTTON}.disabled")
            assert await here.page.evaluate(f"{BUTTON}.title") == "This voice has no sample"

    asyncio.run(scenario())
