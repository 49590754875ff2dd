"""A caller talks over a long answer of the real models: silence at once, nothing works on, and what was not heard is
not remembered."""

from __future__ import annotations

import asyncio
import re

import httpx
import pytest
from pybase64 import b64decode
from tests.e2e.hearing import error_rate, transcript_of
from tests.engines.speech import synthetic
from tests.patience import PATIENCE_S, until

from vivavoce.audio.pcm import Pcm
from vivavoce.commands.local_server import LocalServer
from vivavoce.testing.call import Line, lift
from vivavoce.testing.client import Client, at, connect, text
from vivavoce.testing.microphone import FORMATS, Microphone, Speech

pytestmark = pytest.mark.models
WIRE = FORMATS["pcm"]
LONG = "Tell me a long story about a dragon, in twenty sentences."
INTERRUPTION = "Stop, please. What is two plus two?"


async def engines_rest(http: httpx.AsyncClient) -> None:
    """Until neither the language model nor the voice works, by the server's own counters. How soon is the bench's to
    say."""
    async with asyncio.timeout(PATIENCE_S):
        while True:
            page = (await http.get("/metrics")).raise_for_status().text
            busy = re.findall(r'vivavoce_engine_running{.*role="(?:llm|tts)"} (\S+)', page)
            assert len(busy) == 2
            if not any(map(float, busy)):
                return
            await asyncio.sleep(0.02)


def test_an_interruption(server: LocalServer) -> None:
    async def scenario() -> None:
        line = Line(server.url, server.key, wire=WIRE, turn_detection={"type": "server_vad"})
        base, headers = server.url.replace("ws:", "http:"), {"Authorization": f"Bearer {server.key}"}
        client = httpx.AsyncClient(base_url=base, headers=headers, timeout=PATIENCE_S, trust_env=False)
        async with client as http, lift(line) as call:
            first = await call.ask(Speech.of(synthetic(LONG), WIRE))
            await call.answer_begins(first)
            await asyncio.sleep(0.5)
            asking = asyncio.create_task(call.ask(Speech.of(synthetic(INTERRUPTION), WIRE)))
            await until(lambda: len(call.turns.all) > 1 and call.turns.all[1].noticed is not None)
            await engines_rest(http)
            second = await asking
            await call.answered(second)
        assert first.status == "cancelled"
        assert second.noticed_after_ms is not None  # how soon is `vivavoce bench barge-in`'s to say
        assert [cut.heard_ms > 500 for turn, cut in call.cuts if turn is first] == [True]
        assert call.speaker.late == 0  # no audio of the cancelled response after speech_started
        assert (second.problem, second.status) == ("", "completed")
        assert re.search("four|4", second.answer.lower())
        assert not call.turns.errors

    asyncio.run(scenario())


def test_what_was_not_heard_is_forgotten(server: LocalServer) -> None:
    async def scenario() -> None:
        async with connect(server.url, key=server.key) as client:
            await client.update({"audio": {"input": {"turn_detection": {"type": "server_vad"}}}})
            content = [{"type": "input_text", "text": LONG}]
            item = {"type": "message", "role": "user", "content": content}
            await client.send({"type": "conversation.item.create", "item": item})
            await client.send({"type": "response.create"})
            await client.until(lambda: received(client).ms > 4000, PATIENCE_S)
            item_id = await interrupted(client)
            await client.send(
                {
                    "type": "conversation.item.truncate",
                    "item_id": item_id,
                    "content_index": 0,
                    "audio_end_ms": 3000,
                }
            )
            await client.expect("conversation.item.truncated")
            await client.send({"type": "conversation.item.retrieve", "item_id": item_id})
            kept = at((await client.expect("conversation.item.retrieved")).event, "item", "content")
            assert isinstance(kept, list)
            words, audio = text(kept[0], "transcript"), Pcm.from_bytes(b64decode(text(kept[0], "audio")), WIRE.rate)
            said = "".join(
                text(event, "delta")
                for _, event in client.arrivals
                if event["type"] == "response.output_audio_transcript.delta" and event["item_id"] == item_id
            )
            assert audio.ms == 3000
            assert said.startswith(words)
            assert 3 <= len(words.split()) < len(said.split())
        # The cut falls inside a clause: whether a word more or less was heard is an estimate.
        assert error_rate(words, await transcript_of(server, audio)) <= 0.35

    asyncio.run(scenario())


def received(client: Client) -> Pcm:
    """All the audio of the answers so far."""
    deltas = [event for _, event in client.arrivals if event["type"] == "response.output_audio.delta"]
    return Pcm.from_bytes(b"".join(b64decode(text(event, "delta")) for event in deltas), WIRE.rate)


async def interrupted(client: Client) -> str:
    """Speak over the answer until the server hears it. The id of the item that was cut."""
    microphone = Microphone(client, WIRE)
    microphone.say(Speech.of(synthetic(INTERRUPTION), WIRE))
    speaking = asyncio.create_task(microphone.run())
    try:
        done = await client.expect("response.done")
    finally:
        speaking.cancel()
        await asyncio.wait([speaking])
    assert text(done.event, "response", "status_details", "reason") == "turn_detected"
    output = at(done.event, "response", "output")
    assert isinstance(output, list)
    return text(output[0], "id")
