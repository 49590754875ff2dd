"""The stock `@openai/agents-realtime` in a page of another origin: what its user hears, and what it remembers."""

from __future__ import annotations

import asyncio
import os
import re
from collections.abc import AsyncGenerator, AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path

import httpx
import pytest
from starlette.applications import Starlette
from starlette.responses import FileResponse
from starlette.routing import Mount, Route
from starlette.staticfiles import StaticFiles
from tests.browser.chromium import Chromium, Page, chromium
from tests.browser.conftest import RATE, SPOKEN_MS, voice
from tests.browser.playing import LONG
from tests.live import Live, live

from vivavoce.audio.pcm import Pcm
from vivavoce.audio.wav import write_wav
from vivavoce.config import Config, tree
from vivavoce.engines.instant import ASR_TEXT, WORD_MS, InstantLlm, InstantTts
from vivavoce.ports import Voice, WordTimes
from vivavoce.serving import serving
from vivavoce.testing.ears import EARS, Sound, loud, stretches

HERE = Path(__file__).parent
BUNDLE = HERE.parent / "clients/node/node_modules/@openai/agents-realtime/dist/bundle"
KEY = "sk-browser"
BETWEEN_MS, TIMES = 2600, 20


@pytest.fixture
def talker(tmp_path: Path) -> Iterator[Chromium]:
    """Its caller says something again and again, so it does not matter how soon a call is connected."""
    write_wav(tmp_path / "microphone.wav", Pcm.join([voice(SPOKEN_MS), Pcm.silence(BETWEEN_MS, RATE)] * TIMES))
    with chromium(tmp_path / "profile", tmp_path / "microphone.wav") as running:
        yield running


@asynccontextmanager
async def page_of_somebody_else(browser: Chromium) -> AsyncIterator[Page]:
    """The page, which says that it is ready."""
    if not BUNDLE.is_dir():
        reason = "@openai/agents-realtime is not installed: run `make clients`"
        (pytest.fail if os.environ.get("CI") else pytest.skip)(reason)

    files = [Route("/", lambda _: FileResponse(HERE / "agents.html"))]
    files += [Route("/agents.js", lambda _: FileResponse(HERE / "agents.js"))]
    site = Starlette(routes=[*files, Mount("/bundle", StaticFiles(directory=BUNDLE))])
    async with serving(site) as port, browser.page(f"http://127.0.0.1:{port}", script=EARS) as page:
        await page.until("document.querySelector('#status').textContent === 'ready'")
        yield page


class Telling(InstantTts):
    """Tells when its words are over, as voices do that know."""

    async def speak(self, text: str, voice: Voice) -> AsyncGenerator[Pcm | WordTimes, None]:  # type: ignore[override]
        """One tone a word."""
        words = enumerate(re.finditer(r"\S+", text), 1)
        yield WordTimes(tuple((word.end(), float(count * WORD_MS)) for count, word in words))
        async for piece in super().speak(text, voice):
            yield piece


async def secret(server: Live) -> str:
    """What the page's own server would fetch for it."""
    async with httpx.AsyncClient() as client:
        headers = {"Authorization": f"Bearer {KEY}"}
        response = await client.post(f"{server.http}/realtime/client_secrets", json={}, headers=headers)
        value: str = response.raise_for_status().json()["value"]
        assert value.startswith("ek_")
        return value


async def lines(page: Page) -> list[str]:
    """The history, as the session has it."""
    found: list[str] = await page.evaluate("[...document.querySelectorAll('#history li')].map((li) => li.textContent)")
    return found


def test_a_stock_page_talks_is_interrupted_and_remembers_what_was_heard(talker: Chromium) -> None:
    async def scenario() -> None:
        config = Config(server=tree.Server(keys=(KEY,), cors_origins=("*",)))
        async with (
            live(config, llm=InstantLlm(LONG), tts=Telling()) as server,
            page_of_somebody_else(talker) as page,
        ):
            await page.evaluate(f"talk('{server.http}/realtime/calls', '{await secret(server)}')")
            assert await page.evaluate("document.querySelector('#status').textContent") == "connected"
            assert (await page.evaluate("seen.callId")).startswith("rtc_")
            # The caller speaks, is answered, and interrupts; the next answer is heard to its end.
            await page.until("seen.events.includes('output_audio_buffer.cleared')")
            await page.until("seen.events.includes('output_audio_buffer.stopped')")
            await page.until(f"ears.quiet() > {WORD_MS}")  # what was played is on its way for a moment
            said = await lines(page)
            cut, whole = heard_words(Sound.read(await page.evaluate("ears.take()")))
            assert await page.evaluate("seen.errors") == []

            assert [said[0], *said[2:]] == [f"user: {ASR_TEXT}", f"user: {ASR_TEXT}", f"assistant: {LONG}"]
            assert whole == pytest.approx(len(LONG.split()), abs=1)
            assert 0 < cut < whole
            remembered = said[1].removeprefix("assistant: ")
            assert LONG.startswith(remembered)
            assert len(remembered.split()) == pytest.approx(cut, abs=1)

            await page.evaluate("close()")
            await page.until("document.querySelector('#status').textContent === 'disconnected'")
            assert page.complaints == []

    asyncio.run(scenario())


def heard_words(sound: Sound) -> list[int]:
    """Words of each answer that came out of the line: the instant voice has a tone for each."""
    answers = stretches(loud(sound.heard), pause_ms=2 * WORD_MS)
    tones = stretches(loud(sound.heard), pause_ms=WORD_MS // 10)
    return [sum(begin <= tone < end for tone, _ in tones) for begin, end in answers]
