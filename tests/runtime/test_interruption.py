"""Barge-in, cancel, and clients that vanish: whatever runs for nobody stops at once."""

from __future__ import annotations

import asyncio

from tests.runtime.hosting import engines, hosted

from vivavoce.ports import Finished
from vivavoce.testing.clock import run_virtual
from vivavoce.testing.fakes import ScriptedAsr, ScriptedResponder, Wait, answers, speaks

LONG = [*speaks("A very long answer.", 100), Wait(30.0), *speaks("The end.", 100), Finished()]


async def one_step() -> None:
    """Everything that is ready runs, and no time passes."""
    for _ in range(5):
        await asyncio.sleep(0)


def test_speech_stops_the_engines_before_any_time_passes() -> None:
    async def main() -> None:
        responder = ScriptedResponder(LONG)
        async with hosted(engines(ScriptedAsr("Tell me."), responder)) as live:
            await live.turn()
            await live.client.expect("response.output_audio.delta")
            assert responder.running == 1
            speaking = asyncio.create_task(live.speak(200))
            done = await live.client.expect("response.done")
            assert done["response"]["status_details"] == {"type": "cancelled", "reason": "turn_detected"}
            at = asyncio.get_running_loop().time()
            await one_step()
            assert (responder.running, responder.cancelled) == (0, 1)
            assert asyncio.get_running_loop().time() == at
            await speaking
            late = live.client.types()[live.client.types().index("response.done") + 1 :]
            assert late == ["rate_limits.updated"]

    run_virtual(main())


def test_a_cancel_stops_the_engines_before_any_time_passes() -> None:
    async def main() -> None:
        responder = ScriptedResponder(LONG, answers("Next."))
        async with hosted(engines(responder=responder)) as live:
            live.client.say("response.create")
            await live.client.expect("response.output_audio.delta")
            live.client.say("response.cancel")
            await live.client.expect("response.done")
            await one_step()
            assert responder.running == 0
            live.client.say("response.create")
            done = await live.client.expect("response.done")
            assert done["response"]["status"] == "completed"

    run_virtual(main())


def test_a_cancel_before_the_engine_began_never_begins_it() -> None:
    async def main() -> None:
        responder = ScriptedResponder()
        async with hosted(engines(responder=responder)) as live:
            live.client.say("response.create")
            live.client.say("response.cancel")
            await live.client.expect("response.done")
            await one_step()
        assert responder.calls == []

    run_virtual(main())


def test_a_client_that_vanishes_in_the_middle_of_an_answer_leaves_nothing() -> None:
    async def main() -> None:
        responder = ScriptedResponder(LONG)
        async with hosted(engines(responder=responder)) as live:
            live.client.say("response.create")
            await live.client.expect("response.output_audio.delta")
            at = asyncio.get_running_loop().time()
            live.client.vanish()
            await live.task
            assert asyncio.get_running_loop().time() == at
        assert (responder.running, responder.cancelled) == (0, 1)
        assert asyncio.all_tasks() == {asyncio.current_task()}

    run_virtual(main())


def test_a_client_that_vanishes_while_it_does_not_read_leaves_nothing() -> None:
    async def main() -> None:
        long = [*speaks("Long.", 60_000), Finished()]
        responder = ScriptedResponder(long)
        async with hosted(engines(responder=responder)) as live:
            live.client.say("response.create")
            await live.client.expect("response.created")
            live.client.stop_reading()
            await asyncio.sleep(1.0)
            live.client.vanish()
            await live.task
        assert responder.running == 0

    run_virtual(main())


def test_a_prefill_gives_way_to_an_answer() -> None:
    async def main() -> None:
        responder = ScriptedResponder(answers("Yes."))
        responder.warm_seconds = 1000.0
        async with hosted(engines(responder=responder)) as live:
            await one_step()
            assert len(responder.warmed) == 1
            live.client.say("response.create")
            await live.client.expect("response.done")
            # While an answer is made nobody warms anything; after it, new instructions are worth it again.
            live.client.say("session.update", session={"type": "realtime", "instructions": "Sing."})
            await live.client.expect("session.updated")
            await one_step()
            assert [prompt.instructions for prompt in responder.warmed] == ["Be kind.", "Sing."]
            live.client.vanish()
            await live.task
            assert asyncio.get_running_loop().time() < 1010.0

    run_virtual(main())
