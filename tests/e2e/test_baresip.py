"""A telephone of others calls and asks: baresip, over every transport, with every codec and with encryption."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from pathlib import Path

import pytest
from tests.e2e.baresip import Dialling, baresip
from tests.e2e.conftest import Exchange
from tests.e2e.hearing import loudness, speech_of, transcript_of
from tests.engines.speech import synthetic
from tests.patience import PATIENCE_S

from vivavoce.audio.pcm import Pcm
from vivavoce.audio.resample import resample
from vivavoce.bench.counters import counters
from vivavoce.commands.local_server import LocalServer

pytestmark = pytest.mark.models
OPUS, PCMU = "opus/48000/2", "PCMU/8000/1"
BEFORE_MS = 500
CALLS = [
    ("udp", PCMU, False, "France", "Paris"),
    ("tls", OPUS, True, "Spain", "Madrid"),
]


async def sessions(server: LocalServer) -> float:
    """As many as the server counts, once nobody is left or after a while."""
    async with counters(server.url) as seen:
        with suppress(TimeoutError):
            async with asyncio.timeout(PATIENCE_S):
                while (await seen.read())["vivavoce_sessions"]:  # noqa: ASYNC110  # nobody is told
                    await asyncio.sleep(0.05)
        return (await seen.read())["vivavoce_sessions"]


@pytest.mark.parametrize(("transport", "codec", "secret", "country", "capital"), CALLS)
def test_a_question_is_asked_and_answered(
    server: LocalServer,
    exchange: Exchange,
    tmp_path: Path,
    transport: str,
    codec: str,
    secret: bool,
    country: str,
    capital: str,
) -> None:
    port = {"udp": exchange.udp, "tcp": exchange.tcp, "tls": exchange.tls}[transport]
    dialling = Dialling(transport, codec, port, secret)
    question = resample(synthetic(f"What is the capital of {country}?"), dialling.rate)

    async def scenario() -> None:
        async with baresip(tmp_path, dialling, Pcm.join([Pcm.silence(BEFORE_MS, dialling.rate), question])) as phone:
            await phone.dial()
            answer = speech_of(await phone.answer())
            await phone.hang_up()
        assert loudness(answer) == pytest.approx(-20, abs=3)
        assert capital in await transcript_of(server, answer)
        assert await sessions(server) == 0

    asyncio.run(scenario())
