"""The stock `openai` SDK makes client secrets, connects with them, joins a session and hangs up."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest
from openai import AsyncOpenAI, AuthenticationError, BadRequestError, NotFoundError
from openai.resources.realtime.realtime import AsyncRealtimeConnection
from openai.types.realtime import RealtimeServerEvent
from openai.types.realtime.client_secret_create_response import ClientSecretCreateResponse
from openai.types.realtime.realtime_translation_client_secret_create_response import (
    RealtimeTranslationClientSecretCreateResponse,
)
from pydantic import TypeAdapter
from tests.live import Live, live
from tests.patience import PATIENCE_S, run
from websockets.exceptions import ConnectionClosed

from vivavoce.config import Config
from vivavoce.config.tree import Server

ORACLE: TypeAdapter[Any] = TypeAdapter(RealtimeServerEvent)
KEYS = Config(server=Server(keys=("sk-right",)))


@asynccontextmanager
async def sdk(server: Live, key: str = "sk-right") -> AsyncIterator[AsyncOpenAI]:
    """A client with a key or a secret."""
    async with AsyncOpenAI(base_url=server.http, api_key=key, max_retries=0) as client:
        yield client


async def until(connection: AsyncRealtimeConnection, type_: str) -> Any:
    """The next event of a type; every one on the way is checked against the SDK's types."""
    while True:
        event = ORACLE.validate_json(await asyncio.wait_for(connection.recv_bytes(), PATIENCE_S))
        if event.type == type_:
            return event


def checked(made: ClientSecretCreateResponse) -> ClientSecretCreateResponse:
    """Fits the SDK's model strictly, which it did not have to for the SDK itself."""
    return ClientSecretCreateResponse.model_validate_json(made.model_dump_json())


def test_a_secret_is_made_and_opens_what_was_bound_to_it() -> None:
    async def scenario() -> None:
        async with live(KEYS) as server, sdk(server) as desk:
            made = await desk.realtime.client_secrets.create(
                expires_after={"anchor": "created_at", "seconds": 60},
                session={"type": "realtime", "model": "gpt-realtime", "instructions": "Be a pirate."},
            )
            session = checked(made).session
            assert (session.type, session.id[:5]) == ("realtime", "sess_")
            async with sdk(server, made.value) as browser, browser.realtime.connect(model="gpt-realtime") as connection:
                created = await until(connection, "session.created")
                assert created.session.instructions == "Be a pirate."
                await connection.response.create()
                assert (await until(connection, "response.done")).response.status == "completed"

    run(scenario)


def test_a_secret_for_transcription() -> None:
    async def scenario() -> None:
        async with live(KEYS) as server, sdk(server) as desk:
            made = await desk.realtime.client_secrets.create(
                session={"type": "transcription", "audio": {"input": {"transcription": {"model": "whisper-1"}}}}
            )
            assert checked(made).session.type == "transcription"
            async with (
                sdk(server, made.value) as browser,
                browser.realtime.connect(extra_query={"intent": "transcription"}) as connection,
            ):
                assert (await until(connection, "session.created")).session.type == "transcription"

    run(scenario)


def test_a_secret_for_translation() -> None:
    async def scenario() -> None:
        async with live(KEYS) as server, sdk(server) as desk:
            made = await desk.realtime.translations.client_secrets.create(
                session={"model": "gpt-realtime-translate", "audio": {"output": {"language": "en"}}}
            )
            strict = RealtimeTranslationClientSecretCreateResponse.model_validate_json(made.model_dump_json())
            assert (strict.session.type, strict.session.audio.output.language) == ("translation", "en")  # type: ignore[union-attr]
            async with (
                sdk(server, made.value) as browser,
                browser.realtime.translations.connect(model="gpt-realtime-translate") as connection,
            ):
                assert (await connection.recv()).type == "session.created"

    run(scenario)


def test_a_session_with_locks_is_still_one_that_the_sdk_understands() -> None:
    async def scenario() -> None:
        async with live(KEYS) as server, sdk(server) as desk:
            made = await desk.realtime.client_secrets.create(
                session={"type": "realtime", "instructions": "Be a pirate."},
                extra_body={"lock": ["instructions", "tools"]},
            )
            async with sdk(server, made.value) as browser, browser.realtime.connect(model="gpt-realtime") as connection:
                created = await until(connection, "session.created")
                assert (created.session.instructions, created.session.tools) == (None, None)
                await connection.session.update(session={"type": "realtime", "instructions": "Tell."})
                assert (await until(connection, "error")).error.code == "parameter_locked"
                async with desk.realtime.connect(call_id=created.session.id) as sideband:
                    assert (await until(sideband, "session.created")).session.instructions == "Be a pirate."
                    await sideband.session.update(session={"type": "realtime", "instructions": "Be a monk."})
                    assert (await until(sideband, "session.updated")).session.instructions == "Be a monk."
                assert (await until(connection, "session.updated")).session.instructions is None

    run(scenario)


def test_a_sideband_follows_a_call_and_the_call_is_hung_up() -> None:
    async def scenario() -> None:
        async with live(KEYS) as server, sdk(server) as client, client.realtime.connect(model="gpt-realtime") as caller:
            call_id = (await until(caller, "session.created")).session.id
            async with client.realtime.connect(call_id=call_id) as sideband:
                assert (await until(sideband, "session.created")).session.id == call_id
                await sideband.response.create()
                assert await until(caller, "response.done") == await until(sideband, "response.done")
                await client.realtime.calls.hangup(call_id)
                for connection in (caller, sideband):
                    with pytest.raises(ConnectionClosed) as closed:
                        await until(connection, "nothing")
                    assert closed.value.rcvd is not None
                    assert closed.value.rcvd.code == 1000
            with pytest.raises(NotFoundError) as missing:
                await client.realtime.calls.hangup(call_id)
            assert missing.value.code == "invalid_call_id"

    run(scenario)


def test_refusals_are_the_sdk_s_own_errors() -> None:
    async def scenario() -> None:
        async with live(KEYS) as server, sdk(server) as client, sdk(server, "sk-wrong") as stranger:
            with pytest.raises(BadRequestError) as bad:
                await client.realtime.client_secrets.create(expires_after={"seconds": 9})
            assert (bad.value.code, bad.value.param) == ("integer_below_min_value", "expires_after.seconds")
            with pytest.raises(AuthenticationError) as unknown:
                await stranger.realtime.client_secrets.create()
            assert unknown.value.code == "invalid_api_key"

    run(scenario)
