"""A client that does not read, or sends a lot, slows itself and nobody else."""

from __future__ import annotations

import asyncio
import base64

from tests.runtime.hosting import engines, hosted

from vivavoce.ports import Finished
from vivavoce.runtime.outbox import HIGH_WATER_BYTES
from vivavoce.testing.clock import run_virtual
from vivavoce.testing.fakes import ScriptedResponder, Wait, speaks

CHUNKS = 600
LONG = [*speaks("A minute.", CHUNKS * 100), Finished()]


def test_a_client_that_does_not_read_stalls_its_own_engine_only() -> None:
    async def main() -> None:
        responder = ScriptedResponder(LONG, LONG)
        both = engines(responder=responder)
        async with hosted(both) as slow, hosted(both) as quick:
            slow.client.stop_reading()
            slow.client.say("response.create")
            await asyncio.sleep(1.0)
            quick.client.say("response.create")
            await quick.client.expect("response.done")
            made = responder.calls[0].done
            # A chunk of 100 ms is 6.4 kB of base64: the high-water mark holds a few seconds, and the rest waits.
            assert 0 < made < 2 * HIGH_WATER_BYTES / 6400
            await asyncio.sleep(600.0)
            assert responder.calls[0].done == made
            slow.client.go_on_reading()
            await slow.client.expect("response.done")
        responder.assert_finished()

    run_virtual(main())


def test_the_requests_of_a_client_that_does_not_read_wait_too() -> None:
    async def main() -> None:
        async with hosted(engines()) as live:
            live.client.stop_reading()
            for _ in range(1000):
                live.client.say("session.update", session={"type": "realtime", "instructions": "x" * 10_000})
            await asyncio.sleep(1.0)
            assert live.client._to_server.qsize() > 900
            live.client.go_on_reading()
            for _ in range(1000):
                await live.client.expect("session.updated")

    run_virtual(main())


def test_a_huge_append_lets_other_sessions_have_their_turn() -> None:
    async def main() -> None:
        both = engines()
        async with hosted(both) as greedy, hosted(both) as other:
            manual = {"type": "realtime", "audio": {"input": {"turn_detection": None}}}
            greedy.client.say("session.update", session=manual)
            await greedy.client.expect("session.updated")
            greedy.client.append(bytes(15 * 1024 * 1024))
            greedy.client.say("input_audio_buffer.clear")
            await asyncio.sleep(0)  # the append is on its way
            other.client.say("session.update", session={"type": "realtime"})
            await other.client.expect("session.updated")
            assert "input_audio_buffer.cleared" not in greedy.client.types()
            await greedy.client.expect("input_audio_buffer.cleared")

    run_virtual(main())


def test_a_huge_recording_of_a_telephone_lets_other_sessions_have_their_turn() -> None:
    async def main() -> None:
        both = engines()
        async with hosted(both) as greedy, hosted(both) as other:
            telephone = {"type": "realtime", "audio": {"input": {"format": {"type": "audio/pcmu"}}}}
            greedy.client.say("session.update", session=telephone)
            await greedy.client.expect("session.updated")
            audio = base64.b64encode(bytes(3 * 1024 * 1024)).decode()
            content = [{"type": "input_audio", "audio": audio, "transcript": "Hi."}]
            item = {"type": "message", "role": "user", "content": content}
            greedy.client.say("conversation.item.create", item=item)
            await asyncio.sleep(0)  # it is on its way
            other.client.say("session.update", session={"type": "realtime"})
            await other.client.expect("session.updated")
            assert "conversation.item.done" not in greedy.client.types()
            await greedy.client.expect("conversation.item.done")

    run_virtual(main())


def test_an_append_that_finds_the_buffer_full_is_refused_once() -> None:
    async def main() -> None:
        async with hosted(engines()) as live:
            manual = {"type": "realtime", "audio": {"input": {"turn_detection": None}}}
            live.client.say("session.update", session=manual)
            for _ in range(3):
                live.client.append(bytes(15 * 1024 * 1024), event_id="mine")
            error = await live.client.expect("error")
            assert (error["error"]["code"], error["error"]["event_id"]) == ("input_audio_buffer_full", "mine")
            live.client.say("input_audio_buffer.clear")
            await live.client.expect("input_audio_buffer.cleared")
            assert live.client.types().count("error") == 1

    run_virtual(main())


def test_an_engine_is_not_timed_while_its_client_does_not_read() -> None:
    async def main() -> None:
        script = [*speaks("A minute.", CHUNKS * 100), Wait(1.0), Finished()]
        async with hosted(engines(responder=ScriptedResponder(script))) as live:
            live.client.stop_reading()
            live.client.say("response.create")
            await asyncio.sleep(3000.0)
            live.client.go_on_reading()
            done = await live.client.expect("response.done")
            assert done["response"]["status"] == "completed"

    run_virtual(main())
