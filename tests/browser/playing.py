"""The playground in a browser, against a live server with instant engines."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from tests.browser.chromium import Chromium, Page
from tests.live import live

from vivavoce.config import Config
from vivavoce.engines.instant import ASR_TEXT, InstantAsr, InstantLlm
from vivavoce.ports import Llm

SHORT = "Yes."
LONG = "one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen seventeen."
"""About six seconds in the instant engine's voice: long enough to be interrupted."""


class Playground:
    """The page, by what its user sees and does."""

    def __init__(self, page: Page) -> None:
        self.page = page

    async def until_state(self, *states: str) -> None:
        """Until the page says that it does one of these."""
        await self.page.until(f"{list(states)}.includes(document.querySelector('#state').textContent)")

    async def type(self, text: str) -> None:
        """Type instead of talking."""
        await self.page.choose("#text", text)
        await self.page.evaluate("document.querySelector('#composer').requestSubmit()")

    async def lines(self) -> list[str]:
        """The captions: who and what, with what was not heard in brackets."""
        lines: list[str] = await self.page.evaluate(
            """[...document.querySelectorAll('#lines li:not(.tool)')].map((line) => {
              const words = line.querySelector('.words');
              const struck = words.querySelector('s')?.textContent;
              const heard = struck ? words.textContent.slice(0, -struck.length) + `[${struck}]` : words.textContent;
              return `${line.className}: ${heard}`;
            })"""
        )
        return lines

    async def cards(self) -> list[str]:
        """The calls: what with which arguments, how it stands (without its time), and what came of it."""
        cards: list[str] = await self.page.evaluate(
            """[...document.querySelectorAll('#lines li.tool')].map((card) => {
              const text = (each) => card.querySelector(each).textContent;
              const output = text('.output');
              return `${text('.name')}(${text('.arguments')}) ${card.dataset.state}${output && ': '}${output}`;
            })"""
        )
        return cards

    async def until_card(self, state: str, name: str = "") -> None:
        """Until a call stands so."""
        card = f"document.querySelector('#lines li.tool[data-state={state}]')"
        await self.page.until(f"{card}?.querySelector('.name').textContent.startsWith('{name}')")

    async def problems(self) -> list[str]:
        """The names of what went wrong."""
        names: list[str] = await self.page.evaluate(
            "[...document.querySelectorAll('.message b')].map((each) => each.textContent)"
        )
        return names

    async def logged(self) -> list[str]:
        """The types of the events that the log shows."""
        types: list[str] = await self.page.evaluate(
            "[...document.querySelectorAll('#log li:not([hidden]) summary span')].map((each) => each.textContent)"
        )
        return types


@asynccontextmanager
async def playground(
    browser: Chromium,
    config: Config | None = None,
    *,
    connection: str = "websocket",
    answer: str = SHORT,
    llm: Llm | None = None,
    heard: str = ASR_TEXT,
    width: int = 1280,
) -> AsyncIterator[Playground]:
    """The page of a server that hears `heard` in speech and answers `answer`, or whatever `llm` does."""
    async with (
        live(config, asr=InstantAsr(heard), llm=llm or InstantLlm(answer)) as server,
        browser.page(f"http://127.0.0.1:{server.port}/", width) as page,
    ):
        await page.until("document.querySelector('#version').textContent !== ''")
        await page.choose("[name=connection]", connection)
        yield Playground(page)
