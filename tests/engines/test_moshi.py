"""Moshi's protocol: what is sent to its servers, what is made of what they send, and how they fail."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from contextlib import aclosing
from pathlib import Path

import pytest

from vivavoce.audio.ogg import OggOpusWriter
from vivavoce.audio.pcm import Pcm
from vivavoce.engines.moshi.engine import OWN_VOICE, Moshi
from vivavoce.engines.moshi.stream import HELD_MS, Patience
from vivavoce.engines.moshi.wire import LONGEST_TARGET
from vivavoce.ports import EngineError, SpokenAudio, SpokenText, Tool
from vivavoce.testing.duplex import SILENCE, VOICE, ScriptedDuplex, talks
from vivavoce.testing.remote_moshi import MoshiFault, MoshiServer, Style
from vivavoce.testing.script import sound

ANSWERING = [VOICE, SILENCE, *talks("Good morning to you.", 900)]
TURN = Pcm.join([*sound(600), Pcm.silence(2500)])
QUICK = Patience(connect=30.0, handshake=3.0)
Parts = list[SpokenAudio | SpokenText]


async def converse(engine: Moshi, caller: Pcm = TURN, prompts: tuple[str, str] = (OWN_VOICE, "")) -> Parts:
    """All that is said to this caller."""
    parts: Parts = []
    async with aclosing(engine.converse(*prompts)) as stream:

        async def listen() -> None:
            async with aclosing(stream.listen()) as said:
                async for part in said:
                    parts.append(part)
                    if sum(each.audio.ms for each in parts if isinstance(each, SpokenAudio)) >= caller.ms - 400:
                        return

        async def speak() -> None:
            for piece in caller.chunks(50):
                await stream.push(piece)
            await asyncio.get_running_loop().create_future()

        tasks = {asyncio.ensure_future(listen()), asyncio.ensure_future(speak())}
        try:
            done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
            for task in done:
                task.result()
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
    return parts


def words(parts: Parts) -> str:
    return "".join(part.text for part in parts if isinstance(part, SpokenText))


def model() -> ScriptedDuplex:
    return ScriptedDuplex(ANSWERING, endless=True)


def failed(call: Coroutine[object, object, object]) -> EngineError:
    with pytest.raises(EngineError) as failure:
        asyncio.run(call)
    return failure.value


@pytest.mark.parametrize("style", ["python", "rust"])
def test_a_conversation(style: Style) -> None:
    async def main() -> None:
        async with MoshiServer(model(), style) as server:
            engine = Moshi(server.url)
            parts = await converse(engine)
            assert words(parts) == " Good morning to you."
            assert engine.running == 0
            loud = [part for part in parts if isinstance(part, SpokenAudio) and abs(part.audio.to_float()).max() > 0.05]
            assert sum(part.audio.ms for part in loud) == pytest.approx(900, abs=200)
            assert all(part.audio.ms <= 100 for part in parts if isinstance(part, SpokenAudio))
            assert server.queries == [{}]
        assert server.violations == []
        assert server.talking == 0

    asyncio.run(main())


def test_what_is_configured_is_asked_for() -> None:
    async def main() -> None:
        async with MoshiServer(model(), "rust") as server:
            engine = Moshi(server.url, query={"text_temperature": 0.7, "greedy": True})
            await converse(engine)
            assert server.queries == [{"text_temperature": "0.7", "greedy": "true"}]
            await converse(Moshi(f"{server.url}?worker=1", query={"audio_topk": 9}))
            assert server.queries[1] == {"worker": "1", "audio_topk": "9"}

    asyncio.run(main())


def test_personaplex_is_given_its_prompts() -> None:
    async def main() -> None:
        persona = ScriptedDuplex(ANSWERING, endless=True, voices=("NATF0.pt", "NATM1.pt"))
        async with MoshiServer(persona, "personaplex") as server:
            engine = Moshi(server.url, voices={"alloy": "NATF0.pt", "echo": "NATM1.pt"}, instructed=True)
            assert engine.voices == ("alloy", "echo")
            await converse(engine, prompts=("echo", "You are a wise teacher & friend."))
            asked = {"voice_prompt": "NATM1.pt", "text_prompt": "You are a wise teacher & friend."}
            assert server.queries == [asked]
            assert engine.instructed
            error = await _refusal(Moshi(server.url))
            assert error.code == "engine_unavailable"
            assert error.message == f"The Moshi server at {server.url} refused the conversation: HTTP 500."

    asyncio.run(main())


async def _refusal(engine: Moshi, prompts: tuple[str, str] = (OWN_VOICE, "")) -> EngineError:
    with pytest.raises(EngineError) as failure:
        await converse(engine, prompts=prompts)
    return failure.value


def test_a_server_that_is_not_there_is_named() -> None:
    error = failed(converse(Moshi("ws://127.0.0.1:9/api/chat")))
    assert error.code == "engine_unavailable"
    assert error.message.startswith("There is no Moshi server at ws://127.0.0.1:9/api/chat: ")


def test_one_that_is_no_moshi_is_named_too() -> None:
    async def main() -> None:
        async with MoshiServer(model()) as server:
            await converse(Moshi(server.url.replace("/api/chat", "/v1")))

    assert "HTTP 404" in failed(main()).message


def test_one_that_talks_to_somebody_else_is_there() -> None:
    async def main() -> None:
        async with MoshiServer(model()) as server:
            async with aclosing(Moshi(server.url).converse(OWN_VOICE, "")) as other:
                await other.push(Pcm.silence(20))
                engine = Moshi(server.url, patience=QUICK)
                assert await engine.unreachable() is None
                error = await _refusal(engine)
                assert error.code == "engine_busy"
                assert "did not begin within 3 s" in error.message
            assert words(await converse(engine)) == " Good morning to you."

    asyncio.run(main())


def test_more_conversations_than_it_has_are_refused_at_once() -> None:
    async def main() -> None:
        async with MoshiServer(model()) as server:
            engine = Moshi(server.url)
            async with aclosing(engine.converse(OWN_VOICE, "")) as first:
                await first.push(Pcm.silence(20))
                assert engine.running == 1
                error = await _refusal(engine)
                assert error.code == "engine_busy"
                assert error.message == "The Moshi server talks to 1 at a time, and somebody else is talking to it."
            assert engine.running == 0
        assert len(server.queries) == 1

    asyncio.run(main())


def test_what_cannot_be_asked_for_is_refused_before_anything_is_sent() -> None:
    async def main() -> None:
        async with MoshiServer(model()) as server:
            engine = Moshi(server.url, voices={"alloy": "NATF0.pt"}, instructed=True)
            error = await _refusal(engine, ("marin", ""))
            assert error.message == "There is no voice 'marin'. Voices: alloy."
            long = await _refusal(engine, ("alloy", "x" * LONGEST_TARGET))
            assert long.code == "context_too_long"
            assert server.queries == []


def test_the_longest_address_has_room_for_the_rest_of_its_line() -> None:
    async def main() -> None:
        async with MoshiServer(model()) as server:
            query = "/api/chat?worker=1&text_prompt="
            engine = Moshi(f"{server.url}?worker=1", instructed=True)
            fits = "x" * (LONGEST_TARGET - len(query))
            await converse(engine, prompts=(OWN_VOICE, fits))
            assert server.queries == [{"worker": "1", "text_prompt": fits}]
            long = await _refusal(engine, (OWN_VOICE, f"{fits}x"))
            assert long.message.endswith("Moshi's address has 8001 bytes with them, of 8000.")

    asyncio.run(main())


FAULTS: list[tuple[MoshiFault, str, str]] = [
    (MoshiFault(status=503), "engine_unavailable", "HTTP 503"),
    (MoshiFault(mute=True), "engine_busy", "did not begin within"),
    (MoshiFault(handshake=b"\x00\x01\x00\x00\x00"), "engine_failed", "speaks version 1 of its protocol"),
    (MoshiFault(handshake=b"\x05Out of memory."), "engine_failed", "reports an error: Out of memory."),
    (MoshiFault(handshake="hello"), "engine_failed", "malformed: text, where everything is binary"),
    (MoshiFault(after=9, sends="text"), "engine_failed", "malformed: text, where everything is binary"),
    (MoshiFault(after=9, sends=b"\x01RIFF"), "engine_failed", "malformed: Ogg: no page where one should begin"),
    (MoshiFault(sends=b"\x01" + OggOpusWriter(1).head[:300][:-1] + b"?"), "engine_failed", "malformed: Ogg: a damaged"),
    (MoshiFault(after=9, sends=b"\x02\xff\xfe"), "engine_failed", "malformed: a text that is no UTF-8"),
    (MoshiFault(after=9, sends=b"\x05Worse"), "engine_failed", "reports an error: Worse."),
    (MoshiFault(after=9, sends=b"\x05"), "engine_failed", "reports an error: it does not say which."),
    (MoshiFault(after=9, breaks=True), "engine_failed", "has broken off the conversation"),
    (MoshiFault(after=9, sends=b"\x01" + bytes(1 << 20)), "engine_failed", "broken off the conversation (1009)"),
]


@pytest.mark.parametrize(("fault", "code", "sentence"), FAULTS, ids=range(len(FAULTS)))
def test_a_server_that_goes_wrong(fault: MoshiFault, code: str, sentence: str) -> None:
    async def main() -> None:
        async with MoshiServer(model()) as server:
            server.expect(fault)
            engine = Moshi(server.url, patience=QUICK)
            error = await _refusal(engine)
            assert error.code == code
            assert sentence in error.message
            assert engine.running == 0
            # And it serves the next one.
            assert words(await converse(engine)) == " Good morning to you."

    asyncio.run(main())


def test_what_is_no_handshake_is_waited_over() -> None:
    async def main() -> None:
        async with MoshiServer(model()) as server:
            server.expect(MoshiFault(handshake=b"\x03\x00"))  # what nobody knows is passed over
            assert (await _refusal(Moshi(server.url, patience=QUICK))).code == "engine_busy"

    asyncio.run(main())


@pytest.mark.parametrize("message", [b"\x03\x01", b"\x04{}", b"\x06", b"\x63what?", b"", b"\x02"])
def test_messages_of_other_kinds_are_passed_over(message: bytes) -> None:
    async def main() -> None:
        async with MoshiServer(model()) as server:
            server.expect(MoshiFault(after=12, sends=message))
            assert " morning to you." in words(await converse(Moshi(server.url), Pcm.join([TURN, Pcm.silence(500)])))

    asyncio.run(main())


def test_one_that_stops_answering_is_sent_no_more() -> None:
    async def main() -> None:
        async with MoshiServer(model()) as server:
            server.expect(MoshiFault(after=3, stalls=True))
            async with aclosing(Moshi(server.url).converse(OWN_VOICE, "")) as stream:
                for piece in Pcm.silence(HELD_MS).chunks(100):
                    await stream.push(piece)
                with pytest.raises(TimeoutError):
                    await asyncio.wait_for(stream.push(Pcm.silence(100)), 0.3)

    asyncio.run(main())


def test_a_conversation_that_is_over_says_so() -> None:
    async def main() -> None:
        async with MoshiServer(model()) as server:
            stream = Moshi(server.url).converse(OWN_VOICE, "")
            await stream.push(Pcm.silence(20))
            await stream.aclose()
            with pytest.raises(EngineError, match="The conversation is over"):
                await stream.push(Pcm.silence(20))

    asyncio.run(main())


def test_audio_at_another_rate_is_refused() -> None:
    async def main() -> None:
        async with MoshiServer(model()) as server, aclosing(Moshi(server.url).converse(OWN_VOICE, "")) as stream:
            with pytest.raises(EngineError, match="24000 Hz are wanted, not 8000 Hz"):
                await stream.push(Pcm.silence(20, 8000))

    asyncio.run(main())


def test_it_calls_nothing() -> None:
    engine = Moshi("ws://127.0.0.1:9/api/chat")
    assert "tools" not in engine.features
    assert engine.refused(Tool("look", "", {})) is None
    assert (engine.name, engine.speeds, engine.languages) == ("moshi", (1.0, 1.0), ("en",))


def test_certificates_that_cannot_be_read(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="cannot be read"):
        Moshi("wss://127.0.0.1:9/api/chat", ca=str(tmp_path / "none.pem"))
    error = failed(converse(Moshi("wss://127.0.0.1:9/api/chat")))
    assert error.code == "engine_unavailable"
