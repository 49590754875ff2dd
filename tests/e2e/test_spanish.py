"""A Spanish caller is answered in Spanish, by a Spanish voice: local engines, a real socket, docs/languages.md."""

from __future__ import annotations

import asyncio
import os
import unicodedata
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.e2e.hearing import speech_of
from tests.live import model_folder
from tests.patience import PATIENCE_S

from vivavoce.audio.pcm import Pcm
from vivavoce.audio.resample import resample
from vivavoce.commands.local_server import LocalServer, local_server
from vivavoce.engines.kokoro import KokoroTts
from vivavoce.ports import Voice
from vivavoce.testing.call import Line, lift
from vivavoce.testing.client import connect, text
from vivavoce.testing.microphone import FORMATS, Speech, append_event

pytestmark = pytest.mark.models
QUESTION = "¿Cuál es la capital de Francia?"
CONFIG = """
[model]
voice = "marin"

[engines.asr]
name = "whisper"
language = "auto"

[engines.tts]
name = "kokoro"
"""


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalServer]:
    """The multilingual server of docs/languages.md."""
    if not (model_folder("kokoro") / "model.onnx").exists():
        pytest.skip("the model kokoro is not in the cache: run `vivavoce models pull kokoro`")
    config = tmp_path_factory.mktemp("languages") / "vivavoce.toml"
    config.write_text(CONFIG)
    environ = {n: v for n, v in os.environ.items() if not n.startswith("VIVAVOCE_") or n == "VIVAVOCE_CACHE"}
    with local_server(environ, Path(config), lambda _: None) as running:
        yield running


async def question() -> Pcm:
    """A man from Spain."""
    tts = KokoroTts(model_folder("kokoro"))
    await tts.start()
    try:
        return Pcm.join([part async for part in tts.speak(QUESTION, Voice("em_alex")) if isinstance(part, Pcm)])
    finally:
        await tts.aclose()


async def heard(server: LocalServer, pcm: Pcm) -> tuple[str, str]:
    """The words that the server's own recogniser hears, and the language that it takes them for."""
    wire = FORMATS["pcm"]
    async with connect(server.url, key=server.key) as client:
        await client.update({"audio": {"input": {"turn_detection": None, "transcription": {"model": "whisper-1"}}}})
        for piece in resample(pcm, wire.rate).chunks(500):
            await client.send_text(append_event(wire.encode(piece)))
        await client.send({"type": "input_audio_buffer.commit"})
        done = (await client.expect("conversation.item.input_audio_transcription.completed", timeout=PATIENCE_S)).event
        languages = done.get("languages")
        assert isinstance(languages, list)
        return text(done, "transcript"), str(languages[0]["code"])


def folded(words: str) -> str:
    """Its letters alone, without accents."""
    return "".join(c for c in unicodedata.normalize("NFD", words.lower()) if c.isalpha())


def test_a_spanish_caller_is_answered_in_spanish(server: LocalServer) -> None:
    async def scenario() -> None:
        asked = await question()
        async with lift(Line(server.url, server.key, turn_detection={"type": "server_vad"})) as call:
            turn = await call.ask(Speech.of(asked, call.line.wire))
            await call.answered(turn)
            await call.heard()
            answer = speech_of(call.speaker.heard())
        words, language = await heard(server, answer)
        print(f"asked: {turn.question}\nanswer: {turn.answer}\nheard: {words} ({language})")
        assert (turn.problem, turn.status) == ("", "completed")
        assert "capital de Francia" in turn.question
        assert "París" in turn.answer
        assert "La capital" in turn.answer
        assert language == "es"
        assert "lacapitaldefrancia" in folded(words)
        assert "espari" in folded(words)  # Whisper base hears "es París" as one word, "Espariz"

    asyncio.run(scenario())
