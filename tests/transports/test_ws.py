"""The WebSocket transport against real sockets: who is let in, what is refused how, and what a bad client can do."""

from __future__ import annotations

import asyncio
import base64
import json
from typing import Any

import pytest
from tests.live import frames, live, spoken
from tests.patience import run, until
from tests.transports.calling import receive, send
from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosed

from vivavoce.config import Config
from vivavoce.config.tree import Limits, Server
from vivavoce.engines.instant import InstantLlm, InstantTts

WITH_KEY = Config(server=Server(keys=("sk-right",)))


async def refused(url: str, **options: Any) -> tuple[dict[str, Any], int, str]:
    """The error, the close code and the reason of a connection that is not let in."""
    async with connect(url, **options) as socket:
        event = await receive(socket)
        assert event["type"] == "error"
        with pytest.raises(ConnectionClosed) as closed:
            await socket.recv()
        assert closed.value.rcvd is not None
        return event["error"], closed.value.rcvd.code, closed.value.rcvd.reason


# --- who is let in ---


def test_what_keeps_a_client_out() -> None:
    async def scenario() -> None:
        async with live(WITH_KEY) as server:
            right = {"Authorization": "Bearer sk-right"}
            cases = [
                ("?model=gpt-realtime", {"Authorization": "Bearer sk-wrong-key"}, "invalid_api_key", 3000),
                ("?model=gpt-realtime", {}, None, 3000),
                ("?model=gpt-9", right, "invalid_model", 4000),
                ("", right, "missing_model", 4000),
                ("?model=gpt-realtime", {**right, "OpenAI-Beta": "realtime=v1"}, "beta_api_shape_disabled", 4000),
                ("?intent=dictation", right, "invalid_value", 4000),
                ("?call_id=rtc_1", right, "invalid_call_id", 4000),
                ("?call_id=&model=gpt-realtime", right, "invalid_call_id", 4000),
            ]
            for query, headers, code, close_code in cases:
                error, closed_with, reason = await refused(server.ws + query, additional_headers=headers)
                assert (error["code"], closed_with) == (code, close_code)
                assert reason == "invalid_request_error" + (f".{code}" if code else "")
                assert error["type"] == "invalid_request_error"
                assert set(error) == {"type", "code", "message", "param", "event_id"}
                assert "sk-wrong-key" not in error["message"]

    run(scenario)


def test_a_browser_brings_its_key_as_a_subprotocol() -> None:
    async def scenario() -> None:
        offered = ["realtime", "openai-insecure-api-key.sk-right", "openai-agents-sdk.0.20.0"]
        async with (
            live(WITH_KEY) as server,
            connect(server.ws + "?model=gpt-realtime", subprotocols=offered) as socket,  # type: ignore[arg-type]
        ):
            assert socket.subprotocol == "realtime"
            assert (await receive(socket))["type"] == "session.created"

    run(scenario)


def test_no_subprotocol_is_needed_and_unknown_ones_are_not_chosen() -> None:
    async def scenario() -> None:
        async with live() as server:
            for offered in (None, ["graphql-ws"]):
                async with connect(server.ws + "?model=vivavoce", subprotocols=offered) as socket:  # type: ignore[arg-type]
                    assert socket.subprotocol is None
                    assert (await receive(socket))["type"] == "session.created"

    run(scenario)


def test_a_full_server_says_so_and_may_be_tried_again() -> None:
    async def scenario() -> None:
        async with live(Config(limits=Limits(max_sessions=1))) as server:
            url = server.ws + "?model=vivavoce"
            async with connect(url) as first:
                await receive(first)
                error, code, _ = await refused(url)
                assert (error["code"], code) == ("overloaded", 1013)
            async with connect(url) as next_one:
                assert (await receive(next_one))["type"] == "session.created"

    run(scenario)


# --- bad frames ---


def test_a_bad_frame_is_answered_and_the_session_goes_on() -> None:
    big = base64.b64encode(bytes(16 * 1024 * 1024)).decode()
    cases: list[tuple[str | bytes, str | None, str | None]] = [
        (b"\x00\x01", "invalid_event", None),
        ("{", "invalid_json", None),
        ("[]", "invalid_event", None),
        ('{"event_id": "e"}', "invalid_event", None),
        ('{"type": "no.such.event"}', "invalid_value", "type"),
        ('{"type": "input_audio_buffer.clear", "extra": 1}', "unknown_parameter", "extra"),
        ('{"type": "input_audio_buffer.append"}', "missing_required_parameter", "audio"),
        ('{"type": "input_audio_buffer.append", "audio": "@@@@"}', "invalid_value", "audio"),
        (json.dumps({"type": "input_audio_buffer.append", "audio": big}), "invalid_value", "audio"),
        ('{"type": "input_audio_buffer.commit"}', "input_audio_buffer_commit_empty", None),
        ('{"type": "response.cancel"}', "response_cancel_not_active", None),
        ('{"type": "conversation.item.delete", "item_id": "x"}', "item_delete_invalid_item_id", "item_id"),
        ('{"type": "session.update", "session": {}}', "missing_required_parameter", "session.type"),
        (
            '{"type": "session.update", "session": {"type": "realtime", "tools": [{"type": "function"}]}}',
            "missing_required_parameter",
            "session.tools[0].name",
        ),
        ('{"type": "output_audio_buffer.clear"}', "invalid_value", "type"),
        ("[" * 100_000, "invalid_json", None),
    ]

    async def scenario() -> None:
        async with live() as server, connect(server.ws + "?model=vivavoce") as socket:
            await receive(socket)
            for frame, code, param in cases:
                await socket.send(frame)
                event = await receive(socket)
                assert event["type"] == "error", frame[:60]
                assert (event["error"]["code"], event["error"]["param"]) == (code, param), frame[:60]
            await send(socket, "input_audio_buffer.clear")
            assert (await receive(socket))["type"] == "input_audio_buffer.cleared"

    run(scenario)


# --- clients that misbehave ---


def test_a_client_that_vanishes_in_mid_answer_frees_everything() -> None:
    async def scenario() -> None:
        llm, tts = InstantLlm("word " * 2000), InstantTts(delay=0.01)
        async with live(llm=llm, tts=tts) as server:
            before = len(asyncio.all_tasks())
            socket = await connect(server.ws + "?model=vivavoce")
            await receive(socket)
            await send(socket, "response.create")
            await receive(socket, "response.output_audio.delta")
            socket.transport.abort()
            await until(lambda: llm.running == tts.running == 0 and len(asyncio.all_tasks()) <= before)
            assert server.server.sessions == 0

    run(scenario)


def test_a_client_that_does_not_read_slows_only_itself() -> None:
    async def scenario() -> None:
        tts = InstantTts()
        async with live(llm=InstantLlm("word " * 20_000), tts=tts) as server:
            url = server.ws + "?model=vivavoce"
            async with connect(url, max_queue=1) as lazy, connect(url) as other:
                await send(lazy, "response.create")
                await receive(other)
                await until(lambda: tts.running == 1)
                await asyncio.sleep(0.5)  # there is no more room
                for frame in frames(spoken()):
                    await send(other, "input_audio_buffer.append", audio=frame)
                await receive(other, "response.output_audio.delta")
                await send(other, "response.cancel")
                await receive(other, "response.done")
                await until(lambda: tts.running == 1)  # the lazy one's answer still waits for room
                lazy.transport.abort()

    run(scenario)


def test_two_hundred_calls_that_drop_leave_nothing() -> None:
    async def scenario() -> None:
        async with live(llm=InstantLlm("word " * 50)) as server:
            url = server.ws + "?model=vivavoce"

            async def talk_and_drop() -> None:
                async with connect(url) as socket:
                    for frame in frames(spoken(200, 100, 300), 100):
                        await send(socket, "input_audio_buffer.append", audio=frame)
                    await receive(socket, "response.output_audio.delta")
                    socket.transport.abort()

            before = len(asyncio.all_tasks())
            for _ in range(20):
                await asyncio.gather(*(talk_and_drop() for _ in range(10)))
            await until(lambda: len(asyncio.all_tasks()) <= before)
            assert server.server.sessions == 0

    run(scenario)
