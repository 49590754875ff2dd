"""A question spoken into a browser's microphone is answered aloud on the playground's page, over WebRTC."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest
from tests.browser.chromium import chromium
from tests.e2e.hearing import error_rate, speech_of, transcript_of
from tests.engines.speech import synthetic

from vivavoce.audio.pcm import Pcm
from vivavoce.audio.resample import resample
from vivavoce.audio.wav import write_wav
from vivavoce.commands.local_server import LocalServer
from vivavoce.testing.ears import EARS, RATE, Sound

pytestmark = pytest.mark.models
QUESTION = "What is the capital of France?"
BEFORE_MS, AFTER_MS = 4000, 60_000
"""The microphone opens before the call is connected."""


def test_a_question_is_asked_and_answered_on_the_page(server: LocalServer, tmp_path: Path) -> None:
    question = resample(synthetic(QUESTION), RATE)
    heard = [Pcm.silence(BEFORE_MS, RATE), question, Pcm.silence(AFTER_MS, RATE)]
    write_wav(tmp_path / "microphone.wav", Pcm.join(heard))

    async def scenario() -> None:
        url = server.url.replace("ws", "http")
        with chromium(tmp_path / "profile", tmp_path / "microphone.wav") as browser:
            async with browser.page(url, script=EARS) as page:
                await page.until("!document.querySelector('#key-field').hidden")
                await page.choose("[name=key]", server.key)
                await page.until("!document.querySelector('#call').disabled")
                assert await page.evaluate("document.querySelector('[name=connection]').value") == "webrtc"
                await page.click("#call")
                await page.until("document.querySelectorAll('#lines li').length === 2")
                await page.choose("#filter", "output_audio_buffer.stopped")
                await page.until("document.querySelectorAll('#log li:not([hidden])').length === 1")
                await page.until("ears.quiet() > 300")
                sound = Sound.read(await page.evaluate("ears.take()"))
                shown = await page.evaluate(
                    "[...document.querySelectorAll('#lines li .words')].map((e) => e.textContent)"
                )
                assert page.complaints == []
        asked, answered = shown
        assert asked == QUESTION
        assert "Paris" in answered
        assert error_rate(answered, await transcript_of(server, speech_of(sound.heard))) <= 0.2
        assert error_rate(QUESTION, await transcript_of(server, speech_of(sound.said))) <= 0.2

    asyncio.run(scenario())
