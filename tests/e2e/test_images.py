"""Somebody shows a screenshot and asks about it by voice; the answer is heard. Real models, the defaults."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

import pytest
from pybase64 import b64decode
from tests.e2e.hearing import transcript_of
from tests.engines.speech import synthetic
from tests.patience import PATIENCE_S
from tests.pictures import error_dialog, invoice

from vivavoce.audio.pcm import WIRE_RATE, Pcm
from vivavoce.commands.local_server import LocalServer
from vivavoce.testing.client import Client, at, connect, text
from vivavoce.testing.microphone import FORMATS, append_event
from vivavoce.testing.pictures import data_uri

pytestmark = pytest.mark.models
WIRE = FORMATS["pcm"]


async def show(client: Client, picture: str) -> None:
    part = {"type": "input_image", "image_url": picture}
    item = {"type": "message", "role": "user", "content": [part]}
    await client.send({"type": "conversation.item.create", "item": item})
    await client.expect("conversation.item.done")


async def ask(client: Client, question: str) -> Pcm:
    """Ask aloud; the sound of the answer."""
    since = len(client.arrivals)
    for piece in synthetic(question).chunks(500):
        await client.send_text(append_event(WIRE.encode(piece)))
    await client.send({"type": "input_audio_buffer.commit"})
    await client.send({"type": "response.create"})
    done = (await client.expect("response.done", "error", since=since, timeout=PATIENCE_S)).event
    assert at(done, "response", "status") == "completed", done
    assert at(done, "response", "usage", "input_token_details", "image_tokens"), done
    deltas = [each.event for each in client.arrivals[since:] if each.event["type"] == "response.output_audio.delta"]
    return Pcm.from_bytes(b"".join(b64decode(text(delta, "delta")) for delta in deltas), WIRE_RATE)


def answers(server: LocalServer, picture: str, questions: Sequence[str]) -> list[str]:
    """What the server's own ears hear of its answers, each in a conversation of its own."""

    async def main() -> list[str]:
        heard = []
        for question in questions:
            async with connect(server.url, key=server.key) as client:
                await client.update({"audio": {"input": {"turn_detection": None}}})
                await show(client, picture)
                answer = await ask(client, question)
            heard.append((await transcript_of(server, answer)).lower())
        return heard

    return asyncio.run(main())


def test_a_screenshot_of_an_error_is_explained(server: LocalServer) -> None:
    what, colour, unseen = answers(
        server,
        data_uri(error_dialog().saved()),
        ["What is the problem with the disk?", "What colour is the clean up now button?", "Is there a cat in it?"],
    )
    assert "space" in what
    assert "blue" in colour
    assert "see" in unseen


def test_an_invoice_is_read(server: LocalServer) -> None:
    (total,) = answers(server, data_uri(invoice().saved("JPEG"), "image/jpeg"), ["How much is the total?"])
    assert "97" in total or "ninety-seven" in total
