"""Whatever the other server does wrong has a clear end, and the session goes on."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from contextlib import aclosing
from dataclasses import replace
from typing import Literal

import pytest
from tests.engines.realtime.helpers import HASTY, heard_ms, parts_of, prompt, run, session, spoken, user, words
from tests.patience import WHOLE_S, until

from vivavoce.engines.realtime.link import Patience
from vivavoce.engines.realtime.responder import RealtimeResponder
from vivavoce.ports import EngineError, ResponsePart, Voice
from vivavoce.testing.remote_realtime import Refusal, RemoteRealtime
from vivavoce.testing.remote_reply import WORD_MS, Reply

HELLO = user("Hello.")
WELL = Reply("Well.")


def agreed(side: str, format_: str) -> str:
    """What a server says of its session's audio."""
    return f'{{"type":"session.updated","session":{{"audio":{{"{side}":{{"format":{format_}}}}}}}}}'


def fault(code: str, message: str) -> str:
    """An error that does not say what it is about."""
    return f'{{"type":"error","error":{{"code":"{code}","message":"{message}"}}}}'


async def rest(parts: AsyncGenerator[ResponsePart, None], heard: list[ResponsePart]) -> None:
    """What is still to come, though the answer may fail."""
    async for part in parts:
        heard.append(part)  # noqa: PERF401 - what came before the failure counts


async def refused(responder: RealtimeResponder) -> EngineError:
    """Why no answer can be had."""
    async with aclosing(responder.open()) as dialogue:
        with pytest.raises(EngineError) as caught:
            await dialogue.warm(prompt(HELLO))
    return caught.value


def test_a_server_that_is_absent_is_named() -> None:
    async def main() -> None:
        error = await refused(RealtimeResponder("ws://127.0.0.1:9/v1/realtime", "gpt-realtime"))
        assert (error.code, error.message) == (
            "engine_unavailable",
            "The realtime server (gpt-realtime at 127.0.0.1:9) cannot be reached (ConnectionRefusedError).",
        )

    run(main)


def test_a_server_that_never_says_hello_is_given_up() -> None:
    async def main() -> None:
        async def silent(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            while await reader.read(1024):
                pass
            writer.close()
            await writer.wait_closed()

        server = await asyncio.start_server(silent, "127.0.0.1", 0)
        port = server.sockets[0].getsockname()[1]
        error = await refused(RealtimeResponder(f"ws://127.0.0.1:{port}", "any", patience=HASTY))
        assert error.code == "engine_timeout"
        server.close()
        await asyncio.sleep(0.01)  # so that the end of the connection is seen there

    run(main)


@pytest.mark.parametrize(
    ("refusal", "code", "says"),
    [
        (Refusal(status=401, body="no key"), "engine_rejected", "answered 401: no key"),
        (Refusal(status=503), "engine_unavailable", "answered 503"),
        (Refusal(), "invalid_api_key", "Incorrect API key provided"),
    ],
)
def test_a_refusal_is_told_in_that_server_s_words(refusal: Refusal, code: str, says: str) -> None:
    async def main() -> None:
        async with RemoteRealtime() as server:
            server.refusals += [refusal, refusal]
            responder = RealtimeResponder(server.url, "any")
            error = await refused(responder)
            assert error.code == code
            assert says in error.message
            assert await responder.unreachable() == error.message
            assert await responder.unreachable() is None

    run(main)


@pytest.mark.parametrize(("header", "sent"), [("authorization", "Bearer sk-1"), ("api-key", "sk-1")])
def test_the_key_goes_into_the_header_and_into_no_message(
    header: Literal["authorization", "api-key"], sent: str
) -> None:
    async def main() -> None:
        async with RemoteRealtime(api_key="another", key_header=header) as server:
            error = await refused(RealtimeResponder(server.url, "any", "sk-1", key_header=header))
            assert "sk-1" not in error.message
            assert server.requests[0].headers[header] == sent
            assert server.requests[0].path == "/v1/realtime?model=any"

    run(main)


@pytest.mark.parametrize("url", ["https://host/v1/realtime", "wss:///v1", "nonsense"])
def test_an_address_that_is_none_is_refused(url: str) -> None:
    with pytest.raises(ValueError, match="ws or wss address"):
        RealtimeResponder(url, "any")


def test_a_key_that_no_header_can_carry_is_refused() -> None:
    with pytest.raises(ValueError, match="key"):
        RealtimeResponder("wss://host/v1/realtime", "any", "clé")


def test_its_own_failure_is_passed_on() -> None:
    failed = Reply(status="failed", code="rate_limit_exceeded", message="Slow down, sk-9.")

    async def main() -> None:
        async with RemoteRealtime(failed, WELL) as server:
            responder = RealtimeResponder(server.url, "any", "sk-9")
            async with aclosing(responder.open()) as dialogue:
                with pytest.raises(EngineError) as caught:
                    await parts_of(dialogue, prompt(HELLO))
                assert caught.value.code == "rate_limit_exceeded"
                assert caught.value.message == "The realtime server (any at {}) failed: Slow down, ***.".format(
                    server.url.split("/")[2]
                )
                assert words(await parts_of(dialogue, prompt(HELLO))) == "Well."

    run(main)


@pytest.mark.parametrize(
    ("reply", "code", "says"),
    [
        (Reply(status="cancelled", reason="turn_detected"), "engine_failed", "gave up its answer"),
        (Reply(stall_after=2), "engine_timeout", "sent nothing for 3 s"),
        (Reply(break_after=4), "engine_unavailable", "closed the connection"),
        (Reply(frames=[b"\x00\x01"]), "engine_failed", "a binary frame"),
        (Reply(frames=["{"]), "engine_failed", "no event"),
        (Reply(frames=['{"type": 7}']), "engine_failed", "no event"),
        (
            Reply(frames=[agreed("output", '{"type":"audio/pcm","rate":16000}')]),
            "engine_failed",
            "at 16000 Hz, and was",
        ),
        (Reply(frames=[agreed("input", '{"type":"audio/pcmu"}')]), "engine_failed", "hears audio/pcmu, and was asked"),
        (Reply(frames=[agreed("output", '"g711_alaw"')]), "engine_failed", "speaks g711_alaw, and was asked"),
        (Reply(frames=[agreed("output", '{"type":"audio/pcm"}'), agreed("input", '"pcm16"')]), "", ""),
        (Reply(early=[fault("overloaded", "Too much.")]), "overloaded", "Too much"),
        (Reply(early=['{"type":"error","error":"Too much.","code":7}']), "7", "Too much"),
        (Reply(early=[fault("response_cancel_not_active", "No active response found.")]), "", ""),
        (Reply(frames=['{"type":"invented.event","text":{"a":1},"session":7}']), "", ""),
        (Reply(frames=['{"type":"error","error":{"code":"overloaded","message":"Too much."}}']), "", ""),
        (Reply(frames=['{"type":"invented.event","delta":"x","response":{"id":"resp_0"}}']), "", ""),
        (Reply(frames=['{"type":"response.output_text.delta","response_id":"resp_unknown","delta":"x"}']), "", ""),
    ],
)
def test_one_answer_fails_and_the_next_one_is_made(reply: Reply, code: str, says: str) -> None:
    async def main() -> None:
        async with session(reply, WELL, patience=HASTY) as (dialogue, server):
            if code:
                with pytest.raises(EngineError, match=says) as caught:
                    await parts_of(dialogue, prompt(HELLO))
                assert caught.value.code == code
            else:
                assert words(await parts_of(dialogue, prompt(HELLO))) == "Hello from afar."
            assert words(await parts_of(dialogue, prompt(HELLO))) == "Well."
            assert [item["role"] for item in server.sessions[-1].asked[-1]] == ["user"]

    run(main)


@pytest.mark.parametrize(
    "lost", [Reply(break_after=0), Reply(frames=['{"type":"error","error":{"code":"session_expired"}}'])]
)
def test_a_connection_that_is_lost_before_anything_came_is_opened_again(lost: Reply) -> None:
    async def main() -> None:
        async with session(Reply("One."), lost, Reply("Two.")) as (dialogue, server):
            await parts_of(dialogue, prompt(spoken(item="a")))
            history = (spoken(item="a"), *prompt(user("x")).messages)
            assert words(await parts_of(dialogue, prompt(*history))) == "Two."
            first, second = server.sessions
            assert len(first.asked) == 2
            assert [item["role"] for item in second.asked[0]] == ["user", "user"]
            assert second.kinds()[:3] == ["session.update", "input_audio_buffer.append", "input_audio_buffer.commit"]

    run(main)


def test_it_is_not_opened_again_and_again() -> None:
    async def main() -> None:
        async with session(*[Reply(break_after=0)] * 3, WELL) as (dialogue, server):
            with pytest.raises(EngineError, match="closed the connection without a word"):
                await parts_of(dialogue, prompt(HELLO))
            assert len(server.sessions) == 2

    run(main)


def test_a_connection_that_was_lost_in_a_silence_is_opened_again_at_the_next_word() -> None:
    async def main() -> None:
        async with session(Reply("One."), Reply("Two.")) as (dialogue, server):
            await parts_of(dialogue, prompt(HELLO))
            server.sessions[0].socket.transport.abort()
            await server.sessions[0].socket.wait_closed()
            await dialogue.warm(prompt(HELLO))
            assert words(await parts_of(dialogue, prompt(HELLO))) == "Two."
            assert len(server.sessions) == 2

    run(main)


def test_settings_that_it_refuses_fail_the_answer_in_its_words() -> None:
    async def main() -> None:
        async with session(Reply("One."), Reply("Never."), Reply("Well.")) as (dialogue, server):
            await parts_of(dialogue, prompt(HELLO))
            with pytest.raises(EngineError) as caught:
                await parts_of(dialogue, replace(prompt(HELLO), voice=Voice("ash")))
            assert caught.value.code == "cannot_update_voice"
            assert words(await parts_of(dialogue, prompt(HELLO))) == "Well."
            assert len(server.sessions) == 2

    run(main)


def test_pings_are_answered_while_a_listener_takes_an_answer_slowly() -> None:
    async def main() -> None:
        async with session(Reply("word " * 700), WELL) as (dialogue, server):
            async with aclosing(dialogue.respond(prompt(HELLO))) as parts:
                heard = [await anext(parts) for _ in range(10)]
                (upstream,) = server.sessions
                await until(lambda: upstream.ended == 1)  # more than all buffers on the way could hold
                await (await upstream.socket.ping())
                heard += [part async for part in parts]
            assert heard_ms(heard) == 700 * WORD_MS
            assert words(await parts_of(dialogue, prompt(HELLO))) == "Well."
            assert len(server.sessions) == 1

    run(main)


def test_an_answer_that_is_sent_far_too_soon_is_heard_as_far_as_it_could_wait() -> None:
    async def main() -> None:
        async with session(Reply("word " * 1700), WELL) as (dialogue, server):
            async with aclosing(dialogue.respond(prompt(HELLO))) as parts:
                heard = [await anext(parts) for _ in range(10)]
                await server.sessions[0].socket.wait_closed()
                with pytest.raises(EngineError, match="sent far more than can wait to be heard") as caught:
                    await rest(parts, heard)
            assert caught.value.code == "engine_failed"
            assert 8 <= heard_ms(heard) / 60_000 <= 9
            assert words(await parts_of(dialogue, prompt(HELLO))) == "Well."
            assert len(server.sessions) == 2

    run(main)


def test_other_sessions_do_not_notice() -> None:
    async def main() -> None:
        async with RemoteRealtime(Reply("One two three.", pace=4.0), Reply(break_after=2)) as server:
            responder = RealtimeResponder(server.url, "any")
            async with aclosing(responder.open()) as well, aclosing(responder.open()) as ill:
                going = asyncio.ensure_future(parts_of(well, prompt(HELLO)))
                await asyncio.sleep(0.1)
                with pytest.raises(EngineError):
                    await parts_of(ill, prompt(user("Mine.")))
                assert words(await going) == "One two three."
                assert [len(each.items) for each in server.sessions] == [2, 2]

    run(main)


def test_an_answer_that_is_never_given_up_soon_costs_a_connection() -> None:
    hasty = Patience(first=2 * WHOLE_S, cancelled=0.5)

    async def main() -> None:
        async with session(Reply(stall_after=1), WELL, patience=hasty) as (dialogue, server):
            async with aclosing(dialogue.respond(prompt(HELLO))) as parts:
                await anext(parts)
            assert words(await parts_of(dialogue, prompt(HELLO))) == "Well."
            assert len(server.sessions) == 2

    run(main)
