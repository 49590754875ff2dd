"""A deployment whose recogniser, language model and voice are all on an OpenAI-compatible server."""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

import pytest
from tests.engines.speech import synthetic
from tests.live import model_folder

from vivavoce.app import create_app, create_server
from vivavoce.commands.startup import model_path
from vivavoce.config import Config
from vivavoce.config.tree import Engines, NoNoise, NoTurn, OpenAiAsr, OpenAiLlm, OpenAiTts
from vivavoce.serving import serving
from vivavoce.testing.call import Call, Line, lift
from vivavoce.testing.microphone import FORMATS, Speech
from vivavoce.testing.remote import Fault, RemoteServer
from vivavoce.testing.turns import Turn

pytestmark = pytest.mark.models
WIRE = FORMATS["pcm"]
SILENCE_S = 3.0
"""How long the remote server may fall silent in these tests."""


@asynccontextmanager
async def deployment(remote: RemoteServer) -> AsyncIterator[Call]:
    """A call to a server that has only the VAD on its own machine."""
    if not model_folder("silero-vad").is_dir():
        pytest.skip("the model silero-vad is not in the cache: run `vivavoce models pull`")
    asr = OpenAiAsr(base_url=remote.base_url, model="any", retries=0)
    llm = OpenAiLlm(base_url=remote.base_url, model="any", retries=0, silence_timeout_s=SILENCE_S)
    tts = OpenAiTts(base_url=remote.base_url, model="any", retries=0)
    config = Config(engines=Engines(noise=NoNoise(), turn=NoTurn(), asr=asr, llm=llm, tts=tts))
    server = create_server(config, model_path(os.environ))
    ready = asyncio.Event()
    async with serving(create_app(server, lambda _: ready.set())) as port:
        await ready.wait()
        line = Line(f"ws://127.0.0.1:{port}", wire=WIRE, turn_detection={"type": "server_vad"})
        async with lift(line) as call:
            yield call


async def ask(call: Call) -> Turn:
    turn = await call.ask(Speech.of(synthetic("Hello there."), WIRE))
    await call.answered(turn)
    return turn


def run(scenario: Callable[[Call], Awaitable[None]], remote: RemoteServer) -> None:
    async def held() -> None:
        async with deployment(remote) as call:
            await scenario(call)

    with remote:
        asyncio.run(held())
        remote.assert_finished()


def test_a_spoken_turn() -> None:
    remote = RemoteServer(transcript="hello there", answer="Hello from afar. How are you?")

    async def scenario(call: Call) -> None:
        turn = await ask(call)
        assert (turn.problem, turn.status) == ("", "completed")
        assert (turn.question, turn.answer) == ("hello there", "Hello from afar. How are you?")
        assert call.speaker.heard().ms > 1000

    run(scenario, remote)
    asked = [request.path.removeprefix("/v1/") for request in remote.received]
    assert asked == ["audio/transcriptions", "chat/completions", "audio/speech", "audio/speech"]


@pytest.mark.parametrize(
    ("fault", "reason"),
    [
        (Fault(status=500, message="Out of memory."), "500"),
        (Fault(stall_after=2), f"{SILENCE_S:g} s"),
    ],
)
def test_a_model_that_fails_spoils_one_answer(fault: Fault, reason: str) -> None:
    remote = RemoteServer()
    remote.expect(Fault(), fault)  # the transcript comes first

    async def scenario(call: Call) -> None:
        failed = await ask(call)
        assert failed.status == "failed"
        assert "language model" in failed.problem
        assert reason in failed.problem
        good = await ask(call)
        assert (good.problem, good.status) == ("", "completed")
        assert good.answer == "Hello from afar."

    run(scenario, remote)
