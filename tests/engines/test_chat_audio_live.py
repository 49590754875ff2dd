"""A call that is answered by a remote model which hears and speaks, over the whole server."""

from __future__ import annotations

import asyncio
import base64
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest
from tests.engines.test_chat_audio import ANSWER, SENTENCES, Style, engine, fake
from tests.live import frames, live, spoken
from tests.patience import until

from vivavoce.engines.openai.http import Net
from vivavoce.testing.client import Client, connect
from vivavoce.testing.fakes import ScriptedAsr
from vivavoce.testing.remote import RemoteServer
from vivavoce.testing.remote_audio import voice_in, voice_of


@asynccontextmanager
async def calling(server: RemoteServer, style: Style = "openai") -> AsyncIterator[Client]:
    """A client of a server whose responder is on `server`; nobody recognises anything there."""
    async with live(responder=engine(server, style, net=Net()), asr=ScriptedAsr()) as ours, connect(ours.ws) as client:
        await client.expect("session.created")
        yield client


async def ask(client: Client) -> Any:
    """Say something; the answer's `response`, once it is done."""
    before = len(client.arrivals)
    for frame in frames(spoken()):
        await client.send({"type": "input_audio_buffer.append", "audio": frame})
    return (await client.expect("response.done", since=before)).event["response"]


def deltas(client: Client, kind: str) -> list[str]:
    events = [arrival.event for arrival in client.arrivals]
    return [str(event["delta"]) for event in events if event["type"] == f"response.output_{kind}.delta"]


@pytest.mark.parametrize("style", ["openai", "vllm-omni", "qwen"])
def test_the_callers_voice_goes_in_and_the_models_voice_comes_out(style: Style) -> None:
    async def main() -> None:
        async with calling(server, style) as client:
            response = await ask(client)
            assert response["status"] == "completed"
            assert "".join(deltas(client, "audio_transcript")) == ANSWER
            heard = b"".join(base64.b64decode(delta) for delta in deltas(client, "audio"))
            assert heard == voice_of(ANSWER).to_bytes()
            (said,) = server.received
            part = said.json["messages"][-1]["content"][0]  # type: ignore[index]
            voice = voice_in(part)
            assert voice.ms >= 600
            tokens = response["usage"]["input_token_details"]["audio_tokens"]
            assert tokens == -(-voice.ms // 100)

    with fake(style) as server:
        asyncio.run(main())


def test_what_was_not_heard_is_not_remembered() -> None:
    async def main() -> None:
        async with calling(server, "vllm-omni") as client:
            response = await ask(client)
            item = response["output"][0]["id"]
            ms = round(voice_of(SENTENCES[0]).ms)
            cut = {"item_id": item, "content_index": 0, "audio_end_ms": ms}
            await client.send({"type": "conversation.item.truncate", **cut})
            await client.expect("conversation.item.truncated")
            await ask(client)
            messages = server.received[-1].json["messages"]
            answer = messages[-2]  # type: ignore[index]
            assert answer == {"role": "assistant", "content": SENTENCES[0]}

    with fake("vllm-omni") as server:
        asyncio.run(main())


def test_an_interruption_hangs_up_on_the_model() -> None:
    async def main() -> None:
        async with calling(server) as client:
            for frame in frames(spoken()):
                await client.send({"type": "input_audio_buffer.append", "audio": frame})
            await client.expect("response.output_audio.delta")
            await client.send({"type": "response.cancel"})
            done = (await client.expect("response.done")).event["response"]
            assert done["status"] == "cancelled"  # type: ignore[index]
            await until(lambda: server.hung_up > 0)

    with fake(answer=" ".join([ANSWER] * 40)) as server:
        asyncio.run(main())


def test_a_model_that_fails_ends_its_answer_and_not_the_session() -> None:
    async def main() -> None:
        async with calling(server) as client:
            server.speaks = None
            response = await ask(client)
            assert response["status"] == "failed"
            assert "audio" in response["status_details"]["error"]["message"]
            server.speaks = speaks
            assert (await ask(client))["status"] == "completed"

    with fake() as server:
        speaks = server.speaks
        asyncio.run(main())
