"""The playground: what the session used."""

from __future__ import annotations

import asyncio

import pytest
from tests.browser.chromium import Chromium
from tests.browser.playing import Playground, playground

from vivavoce.config import Config, tree
from vivavoce.config.prices import Prices, VoicePrices

INSTANT = tree.Engines(asr=tree.InstantAsr(), llm=tree.InstantLlm(), tts=tree.InstantTts())
# "Yes." has four characters: half a euro for each is two euros.
PRICED = Config(
    engines=INSTANT, prices=Prices(currency="EUR", tts={"instant": VoicePrices(million_characters=500_000)})
)


# Reports come when the test says so: the second one first, and a third when the session is over.
LATE_REPORTS = """(async () => {
  const { Used } = await import("/playground/used.js");
  const answers = [];
  const report = () => new Promise((resolve) => answers.push(resolve));
  const [figures, note] = [document.querySelector("#used"), document.querySelector("#used-note")];
  const used = new Used(figures, note, report);
  const done = { type: "response.done", response: { usage: { input_tokens: 1, output_tokens: 1 } } };
  used.offered("EUR");
  used.handle({ type: "session.created", session: { id: "sess_1" } }, 0);
  used.handle(done, 0);
  used.handle(done, 0);
  const seen = [];
  const answer = async (which) => {
    answers[which]({ money: { currency: "EUR", total: String(which + 1), unpriced: [] } });
    await new Promise((resolve) => setTimeout(resolve));
    seen.push(Number(figures.querySelector("[data-figure=money]").textContent.replace(/[^0-9]/g, "")));
  };
  await answer(1);
  await answer(0);
  used.stop(60_000);
  await answer(2);
  return seen;
})()"""


async def figure(here: Playground, name: str) -> str:
    text: str = await here.page.evaluate(f"document.querySelector('#used [data-figure={name}]').textContent")
    return text


async def shown(here: Playground, selector: str) -> bool:
    visible: bool = await here.page.evaluate(f"document.querySelector('{selector}').offsetParent !== null")
    return visible


@pytest.mark.parametrize("connection", ["websocket", "webrtc"])
def test_tokens_minutes_and_money_of_this_session(browser: Chromium, connection: str) -> None:
    async def scenario() -> None:
        async with playground(browser, PRICED, connection=connection) as here:
            assert await figure(here, "minutes") == "\u2013"
            await here.type("Is this a test?")
            await here.page.until("document.querySelector('#used [data-figure=money]').textContent.includes('2')")
            assert "€" in await figure(here, "money")
            assert await figure(here, "minutes") == "0.0"
            assert int(await figure(here, "output")) > 0
            assert int(await figure(here, "input")) > 0
            note = await here.page.evaluate("document.querySelector('#used-note').textContent")
            assert note == "Without a price: llm."
            assert here.page.complaints == []
            assert await here.problems() == []

    asyncio.run(scenario())


def test_without_prices_nobody_speaks_of_money(browser: Chromium) -> None:
    async def scenario() -> None:
        async with playground(browser) as here:
            await here.type("Is this a test?")
            await here.until_state("Speaking")
            await here.until_state("Connected")
            assert int(await figure(here, "output")) > 0
            assert not await shown(here, "[data-money]")
            assert not await shown(here, "#used-note")
            assert here.page.complaints == []

    asyncio.run(scenario())


def test_the_newest_report_is_seen_and_one_is_asked_for_at_the_end(browser: Chromium) -> None:
    async def scenario() -> None:
        async with playground(browser) as here:
            assert await here.page.evaluate(LATE_REPORTS) == [2, 2, 3]
            assert here.page.complaints == []

    asyncio.run(scenario())
