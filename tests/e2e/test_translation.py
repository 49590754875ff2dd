"""What is said in one language is heard in another: the stock `openai` SDK, a real socket and the real models."""

from __future__ import annotations

import asyncio
import base64
from dataclasses import dataclass

import pytest
from openai import AsyncOpenAI
from openai.resources.realtime.translations.translations import AsyncTranslationsConnection
from tests.e2e.foreign import spoken_in
from tests.e2e.hearing import transcript_of
from tests.engines.speech import synthetic
from tests.live import frames
from tests.patience import WHOLE_S

from vivavoce.audio.pcm import Pcm
from vivavoce.commands.local_server import LocalServer

pytestmark = pytest.mark.models
FRAME_MS = 200


@dataclass
class Translated:
    """Everything that a session told."""

    said: str = ""
    words: str = ""
    audio: bytes = b""


async def translated(server: LocalServer, *passages: Pcm) -> Translated:
    """A session in real time: the passages with a pause after each, then the close."""
    client = AsyncOpenAI(base_url=server.url.replace("ws:", "http:") + "/v1", api_key=server.key)
    speech = Pcm.join([piece for passage in passages for piece in (passage, Pcm.silence(800))])
    result = Translated()
    async with client, client.realtime.translations.connect(model="gpt-realtime-translate") as connection:
        speaking = asyncio.create_task(speak(connection, speech))
        async for event in connection:
            match event.type:
                case "session.input_transcript.delta":
                    result.said += event.delta
                case "session.output_transcript.delta":
                    result.words += event.delta
                case "session.output_audio.delta":
                    result.audio += base64.b64decode(event.delta)
                case "error":
                    raise AssertionError(event.error.message)
        await speaking
    return result


async def speak(connection: AsyncTranslationsConnection, speech: Pcm) -> None:
    captions = {"input": {"transcription": {"model": "whisper-1"}}, "output": {"language": "en"}}
    await connection.session.update(session={"audio": captions})  # type: ignore[typeddict-item]
    for frame in frames(speech, FRAME_MS):
        await connection.session.input_audio_buffer.append(audio=frame)
        await asyncio.sleep(FRAME_MS / 1000)
    await connection.session.close()


def check(server: LocalServer, wanted: str, *passages: Pcm) -> None:
    """All these words are in the translation's text, and all but one at most in what can be heard of it."""

    async def scenario() -> None:
        result = await asyncio.wait_for(translated(server, *passages), WHOLE_S)
        heard = (await transcript_of(server, Pcm.from_bytes(result.audio))).lower()
        assert [word for word in wanted.split() if word not in result.words.lower()] == [], result.words
        assert len([word for word in wanted.split() if word not in heard]) <= 1, heard

    asyncio.run(scenario())


def test_german_is_heard_in_english(server: LocalServer) -> None:
    first = spoken_in("de", "Guten Morgen, ich möchte einen Tisch für vier Personen reservieren.")
    second = spoken_in("de", "Meine Schwester arbeitet in einem Krankenhaus in Berlin.")
    check(server, "morning table four sister hospital berlin", first, second)


def test_spanish_is_heard_in_english(server: LocalServer) -> None:
    first = spoken_in("es", "Mañana por la tarde voy al mercado a comprar tomates y pan.")
    check(server, "market buy tomatoes bread", first)


def test_french_is_heard_in_english(server: LocalServer) -> None:
    first = spoken_in("fr", "Mon frère travaille dans un hôpital depuis trois ans.")
    check(server, "brother hospital three years", first)


def test_a_question_is_translated_and_not_answered(server: LocalServer) -> None:
    check(server, "where train station", spoken_in("es", "¿Dónde está la estación de tren?"))


def test_what_is_in_english_already_is_said_again(server: LocalServer) -> None:
    check(server, "capital of germany", synthetic("What is the capital of Germany?"))
