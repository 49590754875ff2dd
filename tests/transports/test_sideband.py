"""A second client of a live session, and a hangup from outside, over real sockets."""

from __future__ import annotations

import asyncio
from contextlib import AsyncExitStack

import pytest
from tests.live import live
from tests.patience import run
from tests.transports.calling import call, closed, emptied, minted, post, receive, refused, send

from vivavoce.config import Config
from vivavoce.config.tree import Server
from vivavoce.engines.instant import InstantLlm, InstantTts
from vivavoce.runtime.runner import MOST_CLIENTS

KEYS = Config(server=Server(keys=("sk-right",)))
MODEL = "?model=gpt-realtime"


def test_both_get_the_answer_that_either_asks_for() -> None:
    async def scenario() -> None:
        async with live() as server, call(server, MODEL) as (caller, created):
            session_id = created["session"]["id"]
            # A model beside the call's id is ignored, whatever it is.
            async with call(server, f"?call_id={session_id}&model=gpt-9") as (desk, joined):
                assert joined["type"] == "session.created"
                assert joined["session"] == created["session"]
                await send(desk, "response.create")
                delta = await receive(caller, "response.output_audio.delta")
                assert await receive(desk, "response.output_audio.delta") == delta
                assert await receive(desk, "response.done") == await receive(caller, "response.done")

    run(scenario)


def test_transcription_and_translation_sessions_may_be_joined_too() -> None:
    async def scenario() -> None:
        async with live() as server:
            for query in ("?intent=transcription", "/translations?model=gpt-realtime-translate"):
                async with (
                    call(server, query) as (caller, created),
                    call(server, f"?call_id={created['session']['id']}") as (desk, joined),
                ):
                    assert joined["session"] == created["session"]
                    session = {"type": "transcription"} if "intent" in query else {}
                    await send(desk, "session.update", session=session)
                    assert await receive(desk, "session.updated") == await receive(caller, "session.updated")

    run(scenario)


def test_a_session_that_has_ended_cannot_be_joined() -> None:
    async def scenario() -> None:
        async with live() as server:
            async with call(server, MODEL) as (_, created):
                session_id = created["session"]["id"]
            await emptied(server)
            for call_id in (session_id, "rtc_unknown", ""):
                assert await refused(server, f"?call_id={call_id}") == ("invalid_call_id", 4000)

    run(scenario)


def test_a_secret_opens_sessions_and_joins_none() -> None:
    async def scenario() -> None:
        async with live(KEYS) as server:
            secret = await minted(server, key="sk-right")
            async with call(server, "", secret) as (_, created):
                assert await refused(server, f"?call_id={created['session']['id']}", secret) == (
                    "invalid_api_key",
                    3000,
                )

    run(scenario)


def test_the_caller_s_end_is_everybody_s() -> None:
    async def scenario() -> None:
        async with (
            live() as server,
            call(server, MODEL) as (caller, created),
            call(server, f"?call_id={created['session']['id']}") as (desk, _),
        ):
            await caller.close()
            assert await closed(desk) == (1000, "The session has ended.")

    run(scenario)


def test_one_that_leaves_changes_nothing() -> None:
    async def scenario() -> None:
        async with live() as server, call(server, MODEL) as (caller, created):
            for _ in range(3):
                async with call(server, f"?call_id={created['session']['id']}") as (desk, _):
                    desk.transport.abort()
            await send(caller, "input_audio_buffer.clear")
            assert (await receive(caller))["type"] == "input_audio_buffer.cleared"
            assert server.server.sessions == 1

    run(scenario)


def test_one_that_does_not_read_is_dropped_while_the_caller_is_served() -> None:
    async def scenario() -> None:
        async with (
            live(llm=InstantLlm("word " * 2000)) as server,
            call(server, MODEL) as (caller, created),
            call(server, f"?call_id={created['session']['id']}") as (desk, _),
        ):
            desk.transport.pause_reading()
            await send(caller, "response.create")
            assert (await receive(caller, "response.done"))["response"]["status"] == "completed"
            runner = server.server.find(created["session"]["id"], None)
            assert runner is not None
            for _ in range(500):
                if runner.clients == 1:
                    break
                await asyncio.sleep(0.01)
            assert runner.clients == 1
            desk.transport.abort()

    run(scenario)


def test_only_so_many_may_join() -> None:
    async def scenario() -> None:
        async with live() as server, call(server, MODEL) as (_, created), AsyncExitStack() as joined:
            join = f"?call_id={created['session']['id']}"
            for _ in range(MOST_CLIENTS - 1):
                await joined.enter_async_context(call(server, join))
            assert await refused(server, join) == ("overloaded", 1013)

    run(scenario)


@pytest.mark.parametrize("secret", [False, True])
def test_a_hangup_ends_the_session_for_everybody_once(secret: bool) -> None:
    async def scenario() -> None:
        async with live(KEYS, tts=InstantTts(delay=0.2)) as server:
            query, key = ("", await minted(server, key="sk-right")) if secret else (MODEL, "sk-right")
            async with call(server, query, key) as (caller, created):
                call_id = created["session"]["id"]
                async with call(server, f"?call_id={call_id}", "sk-right") as (desk, _):
                    await send(caller, "response.create")
                    await receive(desk, "response.created")
                    answer = await post(server, f"/realtime/calls/{call_id}/hangup", key="sk-right")
                    assert (answer.status_code, answer.content) == (200, b"")
                    assert await closed(caller) == await closed(desk) == (1000, "hangup")
                for _ in range(2):
                    answer = await post(server, f"/realtime/calls/{call_id}/hangup", key="sk-right")
                    error = answer.json()["error"]
                    assert (answer.status_code, error["code"], error["param"]) == (404, "invalid_call_id", "call_id")
            await emptied(server)

    run(scenario)


def test_what_only_telephone_calls_can_do_is_not_there_without_a_telephone() -> None:
    async def scenario() -> None:
        async with live() as server, call(server, MODEL) as (_, created):
            for verb in ("accept", "reject", "refer"):
                answer = await post(server, f"/realtime/calls/{created['session']['id']}/{verb}", {})
                assert answer.status_code == 404
                assert answer.json()["error"]["message"].startswith("Invalid URL (POST ")

    run(scenario)
