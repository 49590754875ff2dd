"""The stock `openai` SDK against the real models; only `base_url` and `api_key` are changed."""

from __future__ import annotations

import asyncio
import base64
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest
from openai import AsyncOpenAI
from openai.resources.realtime.realtime import AsyncRealtimeConnection
from tests.engines.speech import synthetic
from tests.live import frames
from tests.patience import PATIENCE_S

from vivavoce.audio.pcm import Pcm
from vivavoce.commands.local_server import LocalServer
from vivavoce.ports import OPENAI_VOICES

pytestmark = pytest.mark.models
FRAME_MS = 40


@asynccontextmanager
async def call(server: LocalServer) -> AsyncIterator[AsyncRealtimeConnection]:
    client = AsyncOpenAI(base_url=server.url.replace("ws:", "http:") + "/v1", api_key=server.key)
    async with client, client.realtime.connect(model="gpt-realtime") as connection:
        yield connection


async def until(connection: AsyncRealtimeConnection, *types: str) -> list[Any]:
    """Everything up to the first event of one of these types."""
    events: list[Any] = []
    while not events or events[-1].type not in types:
        events.append(await asyncio.wait_for(connection.recv(), PATIENCE_S))
    return events


async def speak(connection: AsyncRealtimeConnection, speech: Pcm) -> None:
    """In real time, and silence after it until cancelled."""
    for frame in frames(Pcm.join([speech, Pcm.silence(30_000)]), FRAME_MS):
        await connection.input_audio_buffer.append(audio=frame)
        await asyncio.sleep(FRAME_MS / 1000)


def test_a_text_turn(server: LocalServer) -> None:
    async def scenario() -> None:
        async with call(server) as connection:
            await connection.session.update(session={"type": "realtime", "output_modalities": ["text"]})
            content: Any = [{"type": "input_text", "text": "What is the capital of Italy?"}]
            await connection.conversation.item.create(item={"type": "message", "role": "user", "content": content})
            await connection.response.create()
            events = await until(connection, "response.done", "error")
            written = "".join(event.delta for event in events if event.type == "response.output_text.delta")
            assert "Rome" in written
            response = events[-1].response
            assert (response.status, response.output[0].content[0].text) == ("completed", written)
            assert response.usage.total_tokens == response.usage.input_tokens + response.usage.output_tokens

    asyncio.run(scenario())


def test_a_spoken_turn_with_semantic_vad(server: LocalServer) -> None:
    async def scenario() -> None:
        async with call(server) as connection:
            listen: Any = {"turn_detection": {"type": "semantic_vad"}, "transcription": {"model": "whisper-1"}}
            await connection.session.update(session={"type": "realtime", "audio": {"input": listen}})
            speaking = asyncio.create_task(speak(connection, synthetic("What is the capital of Spain?")))
            events = await until(connection, "response.done", "error")
            speaking.cancel()
            kinds = [event.type for event in events]
            heard = events[kinds.index("conversation.item.input_audio_transcription.completed")]
            assert heard.transcript == "What is the capital of Spain?"
            response = events[-1].response
            assert response.status == "completed"
            assert "Madrid" in response.output[0].content[0].transcript
            audio = [event.delta for event in events if event.type == "response.output_audio.delta"]
            assert len(base64.b64decode("".join(audio[:1]))) > 0
            assert kinds.count("response.created") == 1

    asyncio.run(scenario())


def test_the_ten_voices_are_there_and_others_are_refused(server: LocalServer) -> None:
    async def scenario() -> None:
        async with call(server) as connection:
            for voice in (*OPENAI_VOICES, "nobody"):
                await connection.session.update(
                    session={"type": "realtime", "audio": {"output": {"voice": voice}}},
                )
                last = (await until(connection, "session.updated", "error"))[-1]
                if voice != "nobody":
                    assert last.session.audio.output.voice == voice
                    continue
                assert last.error.param == "session.audio.output.voice"
                assert all(name in last.error.message for name in OPENAI_VOICES)

    asyncio.run(scenario())
