"""Client secrets over the wire: how they are made, what they open, and what is refused."""

from __future__ import annotations

import time
from typing import Any

import httpx
import pytest
from msgspec import UNSET
from tests.live import live
from tests.patience import run
from tests.transports.calling import bearer, call, minted, post, receive, refused, send
from websockets.asyncio.client import connect

from vivavoce.config import Config
from vivavoce.config.tree import Limits, Project, Server
from vivavoce.transports.rest import MAX_BODY_BYTES

SECRETS = "/realtime/client_secrets"
TRANSLATIONS = "/realtime/translations/client_secrets"
KEYS = Config(server=Server(keys=("sk-right",)))
BOUND = {"session": {"type": "realtime", "instructions": "Be a pirate.", "audio": {"output": {"voice": "echo"}}}}
LOCKED = {**BOUND, "lock": ["instructions", "tools"]}
CAPTIONS = {"session": {"type": "transcription", "audio": {"input": {"transcription": {"model": "whisper-1"}}}}}


# --- how they are made ---


def test_the_reply_shows_the_effective_session() -> None:
    async def scenario() -> None:
        async with live(KEYS) as server:
            answer = await post(server, SECRETS, BOUND, "sk-right")
            body = answer.json()
            assert answer.status_code == 200
            assert answer.headers["cache-control"] == "no-store"
            assert set(body) == {"value", "expires_at", "session"}
            assert body["value"].startswith("ek_")
            assert 590 < body["expires_at"] - time.time() <= 600
            session = body["session"]
            assert session["id"].startswith("sess_")
            assert (session["object"], session["type"], session["expires_at"]) == ("realtime.session", "realtime", 0)
            assert (session["instructions"], session["audio"]["output"]["voice"]) == ("Be a pirate.", "echo")
            assert session["audio"]["input"]["turn_detection"]["type"] == "server_vad"

    run(scenario)


def test_no_body_binds_the_defaults() -> None:
    async def scenario() -> None:
        async with live() as server:
            for empty in (b"", b"{}"):
                answer = await post(server, SECRETS, empty)
                assert (answer.status_code, answer.json()["session"]["model"]) == (200, "vivavoce")

    run(scenario)


def test_a_transcription_session_is_shown_as_one() -> None:
    async def scenario() -> None:
        async with live() as server:
            session = (await post(server, SECRETS, CAPTIONS)).json()["session"]
            assert (session["object"], session["type"]) == ("realtime.transcription_session", "transcription")
            assert session["audio"]["input"]["transcription"]["model"] == "whisper-1"
            assert "create_response" not in session["audio"]["input"]["turn_detection"]
            assert "instructions" not in session

    run(scenario)


def test_a_secret_lives_as_long_as_asked_for() -> None:
    async def scenario() -> None:
        async with live() as server:
            for seconds in (10, 7200):
                body = {"expires_after": {"anchor": "created_at", "seconds": seconds}}
                left = (await post(server, SECRETS, body)).json()["expires_at"] - time.time()
                assert seconds - 5 < left <= seconds

    run(scenario)


BAD: list[tuple[object, int, str | None, str | None]] = [
    ({"expires_after": {"seconds": 9}}, 400, "integer_below_min_value", "expires_after.seconds"),
    ({"expires_after": {"seconds": 7201}}, 400, "integer_above_max_value", "expires_after.seconds"),
    ({"session": {"type": "realtime", "modalities": ["text"]}}, 400, "unknown_parameter", "session.modalities"),
    ({"session": {"type": "realtime", "model": "gpt-9"}}, 400, "invalid_value", "session.model"),
    (
        {"session": {"type": "realtime", "audio": {"output": {"voice": "yoda"}}}},
        400,
        "invalid_value",
        "session.audio.output.voice",
    ),
    ({"session": {"instructions": "Hi."}}, 400, "missing_required_parameter", "session.type"),
    ({"lock": ["voice"]}, 400, "invalid_value", "lock[0]"),
    ({**CAPTIONS, "lock": ["instructions"]}, 400, "unsupported_value", "lock"),
    (b"{", 400, "invalid_json", None),
    (b"[]", 400, "invalid_type", None),
    (b" " * (MAX_BODY_BYTES + 1), 413, None, None),
]


def test_what_is_refused_and_how() -> None:
    async def scenario() -> None:
        async with live() as server:
            for body, status, code, param in BAD:
                answer = await post(server, SECRETS, body)
                error = answer.json()["error"]
                assert set(error) == {"message", "type", "param", "code"}
                assert (answer.status_code, error["code"], error["param"]) == (status, code, param), body
                assert error["type"] == "invalid_request_error"

    run(scenario)


@pytest.mark.parametrize("path", [SECRETS, TRANSLATIONS, "/realtime/calls/sess_1/hangup"])
def test_only_an_api_key_will_do(path: str) -> None:
    async def scenario() -> None:
        async with live(KEYS) as server:
            secret = await minted(server, key="sk-right")
            for key, code in (("", None), ("sk-wrong", "invalid_api_key"), (secret, "invalid_api_key")):
                answer = await post(server, path, {}, key)
                assert (answer.status_code, answer.json()["error"]["code"]) == (401, code)
                assert answer.headers["www-authenticate"] == "Bearer"

    run(scenario)


def test_there_is_nothing_to_get() -> None:
    async def scenario() -> None:
        async with live() as server, httpx.AsyncClient(base_url=server.http) as client:
            answer = await client.get(SECRETS)
            assert (answer.status_code, answer.json()["error"]["code"]) == (405, "method_not_supported")

    run(scenario)


def test_too_many_that_have_not_expired() -> None:
    async def scenario() -> None:
        async with live() as server:
            server.server.auth.secrets._most_bytes = 0
            answer = await post(server, SECRETS)
            error = answer.json()["error"]
            assert (answer.status_code, error["code"], error["type"]) == (
                429,
                "rate_limit_exceeded",
                "rate_limit_error",
            )

    run(scenario)


# --- what they open ---


def test_a_session_begins_with_what_was_bound_and_needs_no_model() -> None:
    async def scenario() -> None:
        async with live(KEYS) as server:
            secret = await minted(server, BOUND, "sk-right")
            ids = set()
            for query in ("", "?model=gpt-realtime-2"):
                async with call(server, query, secret) as (socket, created):
                    session = created["session"]
                    ids.add(session["id"])
                    assert (session["instructions"], session["audio"]["output"]["voice"]) == ("Be a pirate.", "echo")
                    assert session["model"] == (query.partition("=")[2] or "vivavoce")
                    assert session["expires_at"] > time.time()
                    # What is bound and not locked may be overridden.
                    await send(socket, "session.update", session={"type": "realtime", "instructions": "Be brief."})
                    assert (await receive(socket, "session.updated"))["session"]["instructions"] == "Be brief."
            assert len(ids) == 2  # it may be used again

    run(scenario)


def test_a_browser_brings_its_secret_as_a_subprotocol() -> None:
    async def scenario() -> None:
        async with live(KEYS) as server:
            secret = await minted(server, BOUND, "sk-right")
            offered: list[Any] = ["realtime", f"openai-insecure-api-key.{secret}"]
            async with connect(server.ws, subprotocols=offered) as socket:
                assert (await receive(socket))["session"]["instructions"] == "Be a pirate."

    run(scenario)


def test_a_secret_opens_a_session_of_its_own_kind() -> None:
    async def scenario() -> None:
        async with live(KEYS) as server:
            captions, voice = await minted(server, CAPTIONS, "sk-right"), await minted(server, BOUND, "sk-right")
            for query in ("", "?intent=transcription", "?model=gpt-realtime"):
                async with call(server, query, captions) as (_, created):
                    assert created["session"]["type"] == "transcription"
                    assert created["session"]["audio"]["input"]["transcription"]["model"] == "whisper-1"
            assert await refused(server, "?intent=transcription", voice) == ("invalid_value", 4000)

    run(scenario)


def test_a_secret_for_translation_opens_translations_and_nothing_else() -> None:
    body = {
        "session": {"model": "gpt-realtime-translate", "audio": {"input": {"transcription": {"model": "whisper-1"}}}}
    }

    async def scenario() -> None:
        async with live(KEYS) as server:
            made = (await post(server, TRANSLATIONS, body, "sk-right")).json()
            session = made["session"]
            assert set(session) == {"id", "type", "model", "expires_at", "audio"}
            assert (session["type"], session["model"], session["expires_at"]) == (
                "translation",
                "gpt-realtime-translate",
                0,
            )
            async with call(server, "/translations", made["value"]) as (_, created):
                assert created["session"]["type"] == "translation"
                assert created["session"]["audio"] == session["audio"]
            for query in ("", "?model=gpt-realtime", "?intent=transcription"):
                assert await refused(server, query, made["value"]) == ("invalid_value", 4000)
            for other in (BOUND, CAPTIONS):
                secret = await minted(server, other, "sk-right")
                assert await refused(server, "/translations", secret) == ("invalid_value", 4000)

    run(scenario)


def test_what_a_translation_secret_is_refused() -> None:
    async def scenario() -> None:
        async with live() as server:
            for body, code, param in (
                ({}, "missing_required_parameter", "session"),
                ({"session": {}}, "missing_required_parameter", "session.model"),
                ({"session": {"model": "gpt-realtime"}}, "invalid_model", "session.model"),
                ({"session": {"model": "gpt-realtime-translate", "type": "x"}}, "unknown_parameter", "session.type"),
                (
                    {"session": {"model": "gpt-realtime-translate", "audio": {"output": {"language": "tlh"}}}},
                    "invalid_value",
                    "session.audio.output.language",
                ),
            ):
                answer = await post(server, TRANSLATIONS, body)
                error = answer.json()["error"]
                assert (answer.status_code, error["code"], error["param"]) == (400, code, param)

    run(scenario)


def test_a_tool_that_the_model_cannot_call_is_refused_when_the_secret_is_made() -> None:
    async def scenario() -> None:
        async with live(KEYS) as server:
            parameters = {"type": "object", "properties": {"town": {"pattern": "a"}}, "required": ["town"]}
            tool = {"type": "function", "name": "weather", "parameters": parameters}
            answer = await post(server, SECRETS, {"session": {"type": "realtime", "tools": [tool]}}, "sk-right")
            error = answer.json()["error"]
            found = (answer.status_code, error["code"], error["param"])
            assert found == (400, "unsupported_value", "session.tools[0].parameters")

    run(scenario)


def test_a_secret_that_is_forged_or_has_expired_opens_nothing() -> None:
    async def scenario() -> None:
        async with live(KEYS) as server:
            secrets = server.server.auth.secrets
            async with call(server, "?model=gpt-realtime", "sk-right") as (socket, created):
                session = server.server.bind(UNSET)
                expired, _ = secrets.create(session, 0)
                assert created["type"] == "session.created"
                for wrong in (expired, "ek_" + "0" * 32):
                    assert await refused(server, "", wrong) == ("invalid_api_key", 3000)
                await send(socket, "input_audio_buffer.clear")
                await receive(socket, "input_audio_buffer.cleared")

    run(scenario)


def test_a_session_goes_on_when_its_secret_expires() -> None:
    async def scenario() -> None:
        async with live(KEYS) as server:
            secrets = server.server.auth.secrets
            secret = await minted(server, BOUND, "sk-right")
            async with call(server, "", secret) as (socket, _):
                secrets._now = lambda: time.time() + 601
                assert await refused(server, "", secret) == ("invalid_api_key", 3000)
                await send(socket, "response.create")
                assert (await receive(socket, "response.done"))["response"]["status"] == "completed"

    run(scenario)


def test_what_is_locked_is_neither_seen_nor_changed_by_whoever_holds_the_secret() -> None:
    async def scenario() -> None:
        async with live(KEYS) as server:
            secret = await minted(server, LOCKED, "sk-right")
            async with call(server, "", secret) as (socket, created):
                assert not {"instructions", "prompt", "tools"} & created["session"].keys()
                await send(socket, "session.update", session={"type": "realtime", "instructions": "Reveal."})
                error = (await receive(socket, "error"))["error"]
                assert (error["code"], error["param"]) == ("parameter_locked", "session.instructions")
                # The holder of a key sees and changes all of it, in the same session.
                async with call(server, f"?call_id={created['session']['id']}", "sk-right") as (desk, joined):
                    assert joined["session"]["instructions"] == "Be a pirate."
                    await send(desk, "session.update", session={"type": "realtime", "instructions": "Be a monk."})
                    assert (await receive(desk, "session.updated"))["session"]["instructions"] == "Be a monk."
                    assert "instructions" not in (await receive(socket, "session.updated"))["session"]

    run(scenario)


def test_transcription_sessions_are_opened_by_intent_with_or_without_a_model() -> None:
    async def scenario() -> None:
        async with live(KEYS) as server:
            for query in ("?intent=transcription", "?intent=transcription&model=whisper-1"):
                async with call(server, query, "sk-right") as (_, created):
                    session = created["session"]
                    assert (session["type"], session["object"]) == ("transcription", "realtime.transcription_session")
                    assert session["audio"]["input"]["transcription"] is None
                    assert session["audio"]["input"]["turn_detection"]["type"] == "server_vad"

    run(scenario)


# --- projects ---


def test_a_project_has_its_own_keys_secrets_and_limit() -> None:
    projects = {"shop": Project(keys=("sk-shop",), max_sessions=1), "desk": Project(keys=("sk-desk",))}

    async def scenario() -> None:
        async with live(Config(projects=projects, limits=Limits(max_sessions=2))) as server:
            model = "?model=gpt-realtime"
            assert await refused(server, model) == (None, 3000)
            secret = await minted(server, key="sk-shop")
            async with call(server, "", secret) as (_, created):
                assert created["type"] == "session.created"
                assert await refused(server, model, "sk-shop") == ("overloaded", 1013)
                join = f"?call_id={created['session']['id']}"
                assert await refused(server, join, "sk-desk") == ("invalid_call_id", 4000)
                async with call(server, join, "sk-shop") as (_, joined):
                    assert joined["session"]["id"] == created["session"]["id"]
                async with call(server, model, "sk-desk") as (_, other):
                    assert other["type"] == "session.created"

    run(scenario)


def test_another_project_than_the_key_s_cannot_be_named() -> None:
    async def scenario() -> None:
        async with live(Config(projects={"shop": Project(keys=("sk-shop",))})) as server:
            headers = {**bearer("sk-shop"), "OpenAI-Project": "desk"}
            async with connect(server.ws + "?model=gpt-realtime", additional_headers=headers) as socket:
                assert (await receive(socket))["error"]["code"] == "mismatched_project"

    run(scenario)
