"""The stock `openai` SDK in a translation session; only `base_url` and `api_key` are changed."""

from __future__ import annotations

import asyncio
import base64
import contextlib
import io
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from openai import AsyncOpenAI
from openai.resources.realtime.translations.translations import AsyncTranslationsConnection
from openai.types.realtime.realtime_translation_server_event import RealtimeTranslationServerEvent
from pydantic import TypeAdapter
from tests.live import Live, frames, live, spoken
from tests.patience import run

from vivavoce.audio.wav import write_wav
from vivavoce.engines.instant import ASR_TEXT, LLM_TEXT

ORACLE: TypeAdapter[Any] = TypeAdapter(RealtimeTranslationServerEvent)
DOCUMENT = Path(__file__).parents[2] / "docs" / "translation.md"


@asynccontextmanager
async def call(server: Live) -> AsyncIterator[AsyncTranslationsConnection]:
    client = AsyncOpenAI(base_url=server.http, api_key="any")
    async with client, client.realtime.translations.connect(model="gpt-realtime-translate") as connection:
        assert (await connection.recv()).type == "session.created"
        yield connection


async def speak(connection: AsyncTranslationsConnection, times: int) -> None:
    for _ in range(times):
        for frame in frames(spoken(), 200):
            await connection.session.input_audio_buffer.append(audio=frame)


def test_a_session_from_update_to_close() -> None:
    async def scenario() -> None:
        async with live() as server, call(server) as connection:
            captions: Any = {
                "input": {"transcription": {"model": "gpt-realtime-whisper"}},
                "output": {"language": "es"},
            }
            await connection.session.update(session={"audio": captions})
            updated: Any = await connection.recv()
            assert updated.session.audio.output.language == "es"
            assert updated.session.audio.input.transcription.model == "gpt-realtime-whisper"
            await speak(connection, times=2)
            await connection.session.close()
            events: list[Any] = [ORACLE.validate_json(event.to_json()) async for event in connection]

            def told(type_: str) -> list[str]:
                return [event.delta for event in events if event.type == type_]

            assert "".join(told("session.input_transcript.delta")) == f"{ASR_TEXT} {ASR_TEXT}"
            assert "".join(told("session.output_transcript.delta")) == f"{LLM_TEXT} {LLM_TEXT}"
            pcm = [base64.b64decode(delta) for delta in told("session.output_audio.delta")]
            assert max(map(len, pcm)) == 9600
            elapsed = [event.elapsed_ms for event in events if event.type.endswith("delta")]
            assert all(ms % 200 == 0 for ms in elapsed)
            assert events[-1].type == "session.closed"

    run(scenario)


def test_a_refusal_reaches_the_client_and_the_session_goes_on() -> None:
    async def scenario() -> None:
        async with live() as server, call(server) as connection:
            await connection.session.update(session={"audio": {"output": {"language": "xx"}}}, event_id="mine")
            error: Any = await connection.recv()
            assert (error.error.param, error.error.event_id) == ("session.audio.output.language", "mine")
            await connection.session.update(session={"audio": {"output": {"language": "fr"}}})
            assert (await connection.recv()).type == "session.updated"

    run(scenario)


# The SDK's own use of the websockets package, which this project cannot change.
@pytest.mark.filterwarnings("ignore:connect\\(\\) must be used as a context manager:DeprecationWarning")
def test_the_program_of_the_document_runs_as_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (program,) = re.findall(r"```python\n(.*?)```", DOCUMENT.read_text(), re.DOTALL)
    assert "http://127.0.0.1:8700/v1" in program
    write_wav(tmp_path / "speech.wav", spoken())
    monkeypatch.chdir(tmp_path)
    printed = io.StringIO()

    async def scenario() -> None:
        async with live() as server:
            here = program.replace("http://127.0.0.1:8700/v1", server.http)
            with contextlib.redirect_stdout(printed):
                await asyncio.to_thread(exec, compile(here, "translation.md", "exec"), {})

    run(scenario)
    assert printed.getvalue() == LLM_TEXT
