"""Who gets a translation session, and what a caller of one sees on a real socket."""

from __future__ import annotations

import asyncio
import base64
import json
from typing import Any

import httpx
import pytest
from tests.live import live, spoken
from tests.patience import PATIENCE_S, run
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed

from vivavoce.config import Config
from vivavoce.config.tree import Limits, Model, Server
from vivavoce.engines.instant import InstantTts

MODEL = "?model=gpt-realtime-translate"


async def send(socket: ClientConnection, type_: str, **fields: object) -> None:
    await socket.send(json.dumps({"type": type_, **fields}))


async def receive(socket: ClientConnection, type_: str) -> dict[str, Any]:
    """The next event of a type."""
    while True:
        event: dict[str, Any] = json.loads(await asyncio.wait_for(socket.recv(), PATIENCE_S))
        if event["type"] == type_:
            return event


async def refused(url: str, **options: Any) -> tuple[str, int, str]:
    """Code of the error, its message, and the close code."""
    async with connect(url, **options) as socket:
        error = (await receive(socket, "error"))["error"]
        with pytest.raises(ConnectionClosed) as closed:
            await socket.recv()
        assert closed.value.rcvd is not None
        return error["code"], closed.value.rcvd.code, error["message"]


def test_what_keeps_a_caller_out() -> None:
    async def scenario() -> None:
        config = Config(server=Server(keys=("sk-right",)), limits=Limits(max_sessions=1))
        right = {"Authorization": "Bearer sk-right"}
        async with live(config) as server:
            url = f"{server.ws}/translations"
            cases = [
                (MODEL, {}, None, 3000, "Missing bearer"),
                (MODEL, {"Authorization": "Bearer sk-wrong"}, "invalid_api_key", 3000, "Incorrect"),
                ("", right, "missing_model", 4000, "translations?model=gpt-realtime-translate"),
                ("?model=gpt-realtime", right, "invalid_model", 4000, "vivavoce, gpt-realtime-translate."),
                (f"{MODEL}&intent=transcription", right, "unsupported_value", 4000, "'intent'"),
                (f"{MODEL}&call_id=sess_1", right, "unsupported_value", 4000, "'call_id'"),
                (MODEL, {**right, "OpenAI-Beta": "realtime=v1"}, "beta_api_shape_disabled", 4000, "beta"),
            ]
            for query, headers, code, close, words in cases:
                got = await refused(url + query, additional_headers=headers)
                assert (got[0], got[1]) == (code, close)
                assert words in got[2]
            assert (await refused(f"{server.ws}{MODEL}", additional_headers=right))[:2] == ("invalid_model", 4000)
            async with connect(url + MODEL, additional_headers=right) as socket:
                await receive(socket, "session.created")
                assert (await refused(url + MODEL, additional_headers=right))[:2] == ("overloaded", 1013)

    run(scenario)


def test_names_are_configured_and_listed() -> None:
    async def scenario() -> None:
        model = Model(name="house", aliases=("talk",), translation_aliases=("interpreter", "talk"))
        async with live(Config(model=model)) as server, httpx.AsyncClient(trust_env=False) as client:
            listed = (await client.get(f"{server.http}/models")).json()["data"]
            assert [each["id"] for each in listed] == ["house", "talk", "interpreter"]
            for name in ("house", "interpreter", "talk"):
                async with connect(f"{server.ws}/translations?model={name}") as socket:
                    created = await receive(socket, "session.created")
                    assert created["session"]["model"] == name

    run(scenario)


def test_the_session_is_shown_and_ends_in_time() -> None:
    async def scenario() -> None:
        config = Config(limits=Limits(session_minutes=5))
        async with live(config) as server, connect(f"{server.ws}/translations{MODEL}") as socket:
            session = (await receive(socket, "session.created"))["session"]
            assert session["id"].startswith("sess_")
            assert session["expires_at"] > 1_700_000_000
            assert session["audio"] == {
                "input": {"transcription": None, "noise_reduction": None},
                "output": {"language": "en"},
            }

    run(scenario)


def test_languages_are_those_of_the_voice() -> None:
    class Swiss(InstantTts):
        @property
        def languages(self) -> tuple[str, ...]:
            return ("de", "fr")

    async def scenario() -> None:
        async with live(tts=Swiss()) as server, connect(f"{server.ws}/translations{MODEL}") as socket:
            created = await receive(socket, "session.created")
            assert created["session"]["audio"]["output"]["language"] == "de"
            await send(socket, "session.update", session={"audio": {"output": {"language": "en"}}})
            error = (await receive(socket, "error"))["error"]
            assert error["param"] == "session.audio.output.language"
            assert error["message"] == "Invalid value: 'en'. Supported values are: 'de' and 'fr'."

    run(scenario)


def test_what_is_said_comes_back_and_the_socket_closes_cleanly() -> None:
    async def scenario() -> None:
        async with live() as server, connect(f"{server.ws}/translations{MODEL}") as socket:
            await send(
                socket, "session.input_audio_buffer.append", audio=base64.b64encode(spoken().to_bytes()).decode()
            )
            await send(socket, "session.close")
            kinds = [json.loads(frame)["type"] async for frame in socket]
            assert socket.close_code == 1000
            assert {"session.output_transcript.delta", "session.output_audio.delta"} <= set(kinds)
            assert kinds[-1] == "session.closed"

    run(scenario)
