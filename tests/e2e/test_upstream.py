"""Our own server as the engine of another: one has the models, and in the other is nobody but them (real ones)."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.e2e.hearing import error_rate, speech_of, transcript_of
from tests.engines.speech import synthetic
from tests.patience import PATIENCE_S

from vivavoce.audio.pcm import Pcm
from vivavoce.audio.resample import resample
from vivavoce.commands.local_server import LocalServer, local_server
from vivavoce.testing.call import Call, Line, lift
from vivavoce.testing.client import connect, text
from vivavoce.testing.microphone import FORMATS, Speech, append_event
from vivavoce.testing.turns import Turn

pytestmark = pytest.mark.models
WIRE = FORMATS["pcm"]
QUESTION = "What is the capital of France?"


@pytest.fixture(scope="module")
def front(server: LocalServer, tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalServer]:
    """A server whose responder is `server`."""
    config = tmp_path_factory.mktemp("upstream") / "vivavoce.toml"
    config.write_text(
        f"""
        [engines.responder]
        name = "realtime"
        url = "{server.url}/v1/realtime"
        model = "gpt-realtime"
        api_key_env = "UPSTREAM_KEY"
        """
    )
    environ = {n: v for n, v in os.environ.items() if not n.startswith("VIVAVOCE_") or n == "VIVAVOCE_CACHE"}
    with local_server({**environ, "UPSTREAM_KEY": server.key}, Path(config), lambda _: None) as running:
        yield running


def line(server: LocalServer) -> Line:
    return Line(server.url, server.key, wire=WIRE, turn_detection={"type": "server_vad"})


async def ask(call: Call, question: str) -> Turn:
    turn = await call.ask(Speech.of(synthetic(question), WIRE))
    await call.answered(turn)
    return turn


def test_a_spoken_question_is_transcribed_here_and_answered_there(server: LocalServer, front: LocalServer) -> None:
    async def scenario() -> None:
        async with lift(line(front)) as call:
            turn = await ask(call, QUESTION)
            answer = speech_of(call.speaker.heard())
        assert (turn.problem, turn.status, turn.commits) == ("", "completed", 1)
        assert turn.question == QUESTION
        assert "Paris" in turn.answer
        assert error_rate(turn.answer, await transcript_of(server, answer)) <= 0.2

    asyncio.run(scenario())


def test_what_was_said_is_remembered_there(front: LocalServer) -> None:
    async def scenario() -> None:
        async with lift(line(front)) as call:
            for question in ("Hello, my name is Peter.", "What is two plus two?", "What is my name?"):
                await ask(call, question)
                await call.heard()
            assert [(turn.problem, turn.status) for turn in call.turns.all] == [("", "completed")] * 3
            assert "Peter" in call.turns.all[-1].answer
            assert not call.turns.errors

    asyncio.run(scenario())


def test_without_captions_it_is_answered_all_the_same(front: LocalServer) -> None:
    async def scenario() -> None:
        async with connect(front.url, key=front.key) as client:
            await client.update({"audio": {"input": {"turn_detection": {"type": "server_vad"}}}})
            question = Pcm.join([resample(synthetic(QUESTION), WIRE.rate), Pcm.silence(1500)])
            for piece in question.chunks(500):
                await client.send_text(append_event(WIRE.encode(piece)))
            words = await client.expect("response.output_audio_transcript.done", timeout=PATIENCE_S)
            assert "Paris" in text(words.event, "transcript")
            done = await client.expect("response.done", timeout=PATIENCE_S)
            assert text(done.event, "response", "status") == "completed"

    asyncio.run(scenario())
