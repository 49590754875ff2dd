"""More clients than one take part in a session: who gets what, who ends what, and who waits for whom."""

from __future__ import annotations

import asyncio
import base64
import gc
import weakref
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager

import pytest
from tests.runtime.hosting import Hosted, engines, hosted, session
from tests.runtime.test_session_end import buggy

from vivavoce.core import effects as fx
from vivavoce.ports import Finished
from vivavoce.runtime.outbox import CLOSE_S, PATIENCE_S, TOO_SLOW
from vivavoce.runtime.registry import Registry
from vivavoce.runtime.runner import Runner
from vivavoce.runtime.seat import JOINED_BYTES
from vivavoce.testing.clock import run_virtual
from vivavoce.testing.connection import MemoryConnection
from vivavoce.testing.fakes import STALL, ScriptedAsr, ScriptedResponder, speaks

CHUNKS = 600
MINUTE = [*speaks("A minute.", CHUNKS * 100), Finished()]
MANUAL = {"type": "realtime", "audio": {"input": {"turn_detection": None}}}


@asynccontextmanager
async def joined(live: Hosted) -> AsyncIterator[MemoryConnection]:
    """One more client, that has read its `session.created`; afterwards it is gone."""
    client = MemoryConnection()
    task = asyncio.create_task(live.runner.join(client))
    await client.expect("session.created")
    try:
        yield client
    finally:
        client.vanish()
        await task


# --- who gets what ---


def test_it_is_shown_the_session_as_it_is_and_then_everything_that_happens() -> None:
    async def main() -> None:
        responder = ScriptedResponder([*speaks("Yes.", 300), Finished()])
        async with hosted(engines(ScriptedAsr("Tell me."), responder)) as live:
            live.client.say("session.update", session={"type": "realtime", "instructions": "Be quick."})
            await live.client.expect("session.updated")
            async with joined(live) as other:
                assert other.events[0]["session"]["instructions"] == "Be quick."
                assert live.client.types().count("session.created") == 1
                await live.turn()
                await live.client.expect("response.done")
                await other.expect("response.done")
                seen = live.client.events[2:]
                assert other.events[1:] == seen  # the same events with the same ids, audio included
                assert "response.output_audio.delta" in other.types()

    run_virtual(main())


def test_what_it_sends_acts_and_everybody_hears_of_it() -> None:
    async def main() -> None:
        both = engines(responder=ScriptedResponder([*speaks("Yes.", 300), Finished()]))
        async with hosted(both) as live, joined(live) as other:
            other.say("session.update", session={"type": "realtime", "instructions": "Be strict."})
            assert (await live.client.expect("session.updated"))["session"]["instructions"] == "Be strict."
            item = {"type": "message", "role": "user", "content": [{"type": "input_text", "text": "Well?"}]}
            other.say("conversation.item.create", item=item)
            await live.client.expect("conversation.item.done")
            other.say("response.create")
            assert (await live.client.expect("response.done"))["response"]["status"] == "completed"

    run_virtual(main())


def test_an_error_goes_to_whoever_caused_it() -> None:
    async def main() -> None:
        async with hosted(engines()) as live, joined(live) as one, joined(live) as two:
            one.say("response.cancel", event_id="mine")
            assert (await one.expect("error"))["error"]["event_id"] == "mine"
            one.frame("{")
            assert (await one.expect("error"))["error"]["code"] == "invalid_json"
            live.client.frame(b"\x00")
            assert (await live.client.expect("error"))["error"]["code"] == "invalid_event"
            assert two.types() == ["session.created"]
            assert live.client.types() == ["session.created", "error"]

    run_virtual(main())


def test_a_retrieved_item_goes_to_whoever_asked() -> None:
    async def main() -> None:
        async with hosted(engines()) as live, joined(live) as other:
            item = {
                "id": "it",
                "type": "message",
                "role": "user",
                "content": [{"type": "input_audio", "audio": base64.b64encode(bytes(4800)).decode()}],
            }
            live.client.say("conversation.item.create", item=item)
            await other.expect("conversation.item.done")
            other.say("conversation.item.retrieve", item_id="it")
            part = (await other.expect("conversation.item.retrieved"))["item"]["content"][0]
            assert base64.b64decode(part["audio"]) == bytes(4800)
            other.say("input_audio_buffer.clear")
            await live.client.expect("input_audio_buffer.cleared")
            assert "conversation.item.retrieved" not in live.client.types()

    run_virtual(main())


def test_audio_of_several_clients_is_taken_in_the_order_of_arrival() -> None:
    async def main() -> None:
        async with hosted(engines()) as live, joined(live) as other:
            live.client.say("session.update", session=MANUAL)
            await other.expect("session.updated")
            # Each stream keeps its own halves of samples, so that one cannot put noise into the other.
            live.client.append(b"\x01")
            other.append(b"\x02\x02\x02")
            live.client.append(b"\x01" + b"\x03" * 9600)
            live.client.say("input_audio_buffer.commit")
            committed = await other.expect("input_audio_buffer.committed")
            other.say("conversation.item.retrieve", item_id=committed["item_id"])
            part = (await other.expect("conversation.item.retrieved"))["item"]["content"][0]
            assert base64.b64decode(part["audio"]) == b"\x02\x02" + b"\x01\x01" + b"\x03" * 9600

    run_virtual(main())


def test_a_recording_of_the_session_keeps_one_order() -> None:
    class Notes:
        def __init__(self) -> None:
            self.inputs: list[str] = []

        def record(self, now: float, event: fx.AnyInput, outputs: Sequence[fx.AnyOutput]) -> None:
            self.inputs.append(str(type(event).__struct_config__.tag))

    async def main() -> None:
        notes = Notes()
        async with hosted(engines(), recorder=notes) as live, joined(live) as other:
            for client in (live.client, other, live.client):
                client.say("input_audio_buffer.clear")
                await live.client.expect("input_audio_buffer.cleared")
        assert notes.inputs == ["joined", *["input_audio_buffer.clear"] * 3]

    run_virtual(main())


# --- who ends what ---


def test_one_that_leaves_changes_nothing() -> None:
    async def main() -> None:
        responder = ScriptedResponder([*speaks("Yes.", 300), Finished()])
        async with hosted(engines(responder=responder)) as live:
            async with joined(live) as other:
                other.say("response.create")
                await other.expect("response.created")
            assert (await live.client.expect("response.done"))["response"]["status"] == "completed"

    run_virtual(main())


def test_when_the_caller_goes_the_others_are_closed() -> None:
    async def main() -> None:
        other = MemoryConnection()
        async with hosted(engines(responder=ScriptedResponder([STALL]))) as live:
            task = asyncio.create_task(live.runner.join(other))
            await other.expect("session.created")
            other.say("response.create")
            await other.expect("response.created")
        await task
        assert other.closed == (1000, "The session has ended.")
        assert live.runner.ended

    run_virtual(main())


def test_a_session_whose_time_is_up_tells_everybody() -> None:
    async def main() -> None:
        async with hosted(engines(), session(expires_in=60.0)) as live, joined(live) as other:
            for client in (live.client, other):
                assert (await client.expect("error"))["error"]["code"] == "session_expired"
            await live.task
            await asyncio.sleep(0.1)
            assert live.client.closed == other.closed == (1000, "session_expired")

    run_virtual(main())


def test_a_server_that_stops_and_a_bug_close_everybody(caplog: pytest.LogCaptureFixture) -> None:
    async def main() -> None:
        async with hosted(engines()) as live, joined(live) as other:
            live.runner.stop(1012, "server is shutting down")
            await live.task
            await asyncio.sleep(0.1)
            assert live.client.closed == other.closed == (1012, "server is shutting down")
        async with hosted(engines(), buggy()) as live, joined(live) as other:
            other.say("response.create")
            await live.task
            await asyncio.sleep(0.1)
            assert live.client.closed == other.closed == (1011, "internal error")

    run_virtual(main())
    assert "session sess_1 failed" in caplog.text


def test_what_was_said_before_the_end_still_reaches_them() -> None:
    async def main() -> None:
        async with hosted(engines()) as live, joined(live) as other:
            other.stop_reading()
            live.client.say("session.update", session={"type": "realtime"})
            await live.client.expect("session.updated")
            live.client.vanish()
            await live.task
            await asyncio.sleep(PATIENCE_S / 2)
            assert other.closed is None
            other.go_on_reading()
            await other.expect("session.updated")
            await asyncio.sleep(0.1)
            assert other.closed == (1000, "The session has ended.")

    run_virtual(main())


def test_nobody_waits_for_ever_for_one_that_does_not_read_its_end() -> None:
    async def main() -> None:
        other = MemoryConnection()
        async with hosted(engines()) as live:
            task = asyncio.create_task(live.runner.join(other))
            await other.expect("session.created")
            other.stop_reading()
            live.client.say("session.update", session={"type": "realtime"})
            await live.client.expect("session.updated")
        ended = asyncio.get_running_loop().time()
        await task
        assert asyncio.get_running_loop().time() <= ended + PATIENCE_S + CLOSE_S

    run_virtual(main())


def test_whoever_comes_when_it_is_over_is_closed_at_once() -> None:
    async def main() -> None:
        async with hosted(engines()) as live:
            live.runner.stop(1000, "hangup")
            late = MemoryConnection()
            await live.runner.join(late)
            assert (late.events, late.closed) == ([], (1000, "hangup"))

    run_virtual(main())


def test_whoever_comes_while_it_fails_is_closed_too(caplog: pytest.LogCaptureFixture) -> None:
    class Stubborn(ScriptedResponder):
        """Takes its time to stop."""

        async def warm(self, prompt: object) -> None:
            try:
                await asyncio.sleep(1000.0)
            finally:
                await asyncio.sleep(1.0)

    async def main() -> None:
        async with hosted(engines(responder=Stubborn()), buggy()) as live:
            await asyncio.sleep(0.1)
            live.client.say("response.create")
            await asyncio.sleep(0.5)
            assert not live.runner.ended
            late = MemoryConnection()
            await live.runner.join(late)
            assert (late.events, late.closed) == ([], (1011, "internal error"))

    run_virtual(main())


def test_a_transport_that_gives_up_takes_its_client_out() -> None:
    async def main() -> None:
        async with hosted(engines()) as live:
            other = MemoryConnection()
            task = asyncio.create_task(live.runner.join(other))
            await other.expect("session.created")
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)
            live.client.say("input_audio_buffer.clear")
            await live.client.expect("input_audio_buffer.cleared")
            assert other.types() == ["session.created"]

    run_virtual(main())


# --- who waits for whom ---


def test_one_that_does_not_read_is_dropped_and_slows_nobody() -> None:
    async def main() -> None:
        async with hosted(engines(responder=ScriptedResponder(MINUTE, MINUTE))) as live:
            other = MemoryConnection()
            task = asyncio.create_task(live.runner.join(other))
            await other.expect("session.created")
            other.stop_reading()
            for _ in range(2):
                live.client.say("response.create")
                assert (await live.client.expect("response.done"))["response"]["status"] == "completed"
            await task
            assert other.closed is not None
            assert other.closed[0] == TOO_SLOW
            # What waited for it is forgotten: it gets nothing more than it had when it stopped.
            other.go_on_reading()
            assert len(other.events) == 1
            heard = sum(len(str(event)) for event in live.client.events)
            assert heard > 2 * JOINED_BYTES
            assert not live.task.done()

    run_virtual(main())


def test_a_long_answer_to_its_own_request_does_not_count_as_slowness() -> None:
    async def main() -> None:
        talker = engines(responder=ScriptedResponder([*speaks("Yes.", 300), Finished()]))
        async with hosted(talker) as live, joined(live) as other:
            part = {"type": "input_audio", "audio": base64.b64encode(bytes(4 * JOINED_BYTES)).decode()}
            item = {"id": "it", "type": "message", "role": "user", "content": [part]}
            live.client.say("conversation.item.create", item=item)
            await other.expect("conversation.item.done")
            other.stop_reading()
            other.say("conversation.item.retrieve", item_id="it")
            await asyncio.sleep(0.1)
            live.client.say("response.create")
            await live.client.expect("response.done")
            other.go_on_reading()
            await other.expect("conversation.item.retrieved")
            await other.expect("response.done")

    run_virtual(main())


def test_what_it_asks_for_waits_while_the_caller_does_not_read() -> None:
    async def main() -> None:
        async with hosted(engines()) as live, joined(live) as other:
            live.client.stop_reading()
            for _ in range(1000):
                other.say("session.update", session={"type": "realtime", "instructions": "x" * 10_000})
            await asyncio.sleep(1.0)
            assert other.types().count("session.updated") < 100
            live.client.go_on_reading()
            for _ in range(1000):
                await other.expect("session.updated")

    run_virtual(main())


def test_they_are_counted() -> None:
    async def main() -> None:
        async with hosted(engines()) as live:
            async with joined(live), joined(live):
                assert live.runner.clients == 3
            assert live.runner.clients == 1

    run_virtual(main())


# --- who finds it ---


def test_a_session_is_found_by_its_own_project_while_it_lives() -> None:
    async def main() -> None:
        registry = Registry(quotas={"shop": 2})
        async with hosted(engines()) as live:
            with registry.entered("sess_1", live.runner, "shop"):
                assert registry.find("sess_1", "shop") is live.runner
                assert registry.find("sess_1", None) is registry.find("sess_1", "other") is None
                assert registry.find("sess_2", "shop") is None
                live.runner.stop(1000, "hangup")
                assert registry.find("sess_1", "shop") is None
            assert registry.find("sess_1", "shop") is None

    run_virtual(main())


def test_a_project_may_have_a_limit_of_its_own() -> None:
    async def main() -> None:
        registry = Registry(quotas={"shop": 1})
        async with hosted(engines()) as live:
            assert registry.quota("shop") is None
            with registry.entered("sess_1", live.runner, "shop"):
                assert registry.quota("shop") == 1
                assert registry.quota(None) is registry.quota("other") is None
            assert registry.quota("shop") is None

    run_virtual(main())


# --- memory ---


def test_a_session_that_was_joined_is_freed_at_once() -> None:
    async def main() -> None:
        caller, other = MemoryConnection(), MemoryConnection()
        core = session()
        freed = weakref.ref(core)
        runner = Runner(core, caller, engines())
        tasks = [asyncio.create_task(runner.run())]
        await caller.expect("session.created")
        tasks.append(asyncio.create_task(runner.join(other)))
        await other.expect("session.created")
        caller.vanish()
        await asyncio.gather(*tasks)
        del core, runner, tasks
        await asyncio.sleep(0.1)
        assert freed() is None

    gc.disable()
    try:
        run_virtual(main())
    finally:
        gc.enable()
