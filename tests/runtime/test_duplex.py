"""A model that speaks by itself: its answers, and the caller's turns, come out right on the wire."""

from __future__ import annotations

import asyncio

from msgspec.structs import replace
from tests.runtime.duplex_hosting import conversing, spoken_ms, told
from tests.runtime.hosting import SETTINGS

from vivavoce.testing.clock import run_virtual
from vivavoce.testing.duplex import SILENCE, VOICE, Opened, ScriptedDuplex, pause, talks
from vivavoce.testing.fakes import ScriptedAsr


def test_the_model_speaks_first() -> None:
    async def main() -> None:
        duplex = ScriptedDuplex([*pause(200), *talks("Hello, who is there?", 600)])
        async with conversing(duplex) as live:
            await live.silence(1800)
            done = (await live.client.expect("response.done"))["response"]
            assert done["status"] == "completed"
            assert done["output"][0]["content"][0]["transcript"] == "Hello, who is there?"
            # The breath before it, the words, and the silence that tells that it is over.
            assert spoken_ms(live, done["id"]) == 160 + 600 + 800
            assert told(live) == ["session.created", "response.created", "...", "response.done"]
        assert [call.request for call in duplex.calls] == [Opened("alloy", "Be kind.")]

    run_virtual(main())


def test_a_question_and_its_answer() -> None:
    async def main() -> None:
        duplex = ScriptedDuplex([VOICE, SILENCE, *talks("It is noon.", 500)])
        async with conversing(duplex) as live:
            await live.speak()
            await live.silence(1800)
            await live.client.expect("response.done")
            assert told(live) == [
                "session.created",
                "input_audio_buffer.speech_started",
                "input_audio_buffer.speech_stopped",
                "input_audio_buffer.committed",
                "response.created",
                "...",
                "response.done",
            ]
        duplex.assert_finished()

    run_virtual(main())


def test_the_model_hears_all_that_the_caller_says() -> None:
    async def main() -> None:
        duplex = ScriptedDuplex([])
        async with conversing(duplex) as live:
            await live.turn()
            await asyncio.sleep(0)
        (stream,) = duplex.streams
        assert sum(piece.ms for piece in stream.heard) == 940

    run_virtual(main())


def test_captions_come_where_they_are_asked_for() -> None:
    async def main() -> None:
        duplex = ScriptedDuplex([VOICE, SILENCE, *talks("Noon.", 300)])
        async with conversing(duplex, ScriptedAsr("What time is it?", "What time is it?")) as live:
            transcription = {"input": {"transcription": {"model": "whisper-1"}}}
            live.client.say("session.update", session={"type": "realtime", "audio": transcription})
            await live.speak()
            await live.silence(1500)
            captions = await live.client.expect("conversation.item.input_audio_transcription.completed")
            assert captions["transcript"] == "What time is it?"

    run_virtual(main())


def test_two_answers_to_one_question_are_two_responses() -> None:
    async def main() -> None:
        duplex = ScriptedDuplex([VOICE, SILENCE, *talks("Noon.", 300), *pause(2000), *talks("Roughly.", 300)])
        async with conversing(duplex) as live:
            await live.speak()
            await live.silence(5000)
            words = [
                event["response"]["output"][0]["content"][0]["transcript"]
                for event in live.client.events
                if event["type"] == "response.done"
            ]
            assert words == ["Noon.", "Roughly."]

    run_virtual(main())


def test_a_client_that_sends_nothing_is_silent() -> None:
    async def main() -> None:
        """Push to talk: time goes on for the model, although no audio comes."""
        duplex = ScriptedDuplex([VOICE, SILENCE, *talks("Noon.", 300)])
        async with conversing(duplex) as live:
            await live.speak()
            done = await live.client.expect("response.done")
            assert done["response"]["status"] == "completed"

    run_virtual(main())


def test_ten_minutes_in_which_nobody_speaks_fail_nothing() -> None:
    async def main() -> None:
        duplex = ScriptedDuplex([])
        async with conversing(duplex) as live:
            await live.silence(100)
            await asyncio.sleep(600)
            assert told(live) == ["session.created"]
            assert not live.task.done()
        assert (duplex.running, duplex.closed) == (0, 1)

    run_virtual(main())


def test_a_click_is_no_answer() -> None:
    async def main() -> None:
        click = talks("", 60)[1:]
        duplex = ScriptedDuplex([*pause(200), *click])
        async with conversing(duplex) as live:
            await live.silence(1500)
            assert told(live) == ["session.created"]

    run_virtual(main())


def test_a_caller_who_vanishes_in_mid_answer_leaves_nothing() -> None:
    async def main() -> None:
        duplex = ScriptedDuplex(talks("A long story, which goes on and on.", 10_000))
        async with conversing(duplex) as live:
            await live.silence(1000)
            await live.client.expect("response.output_audio.delta")
            live.client.vanish()
            await live.task
            assert duplex.running == 0
            assert asyncio.all_tasks() == {asyncio.current_task()}

    run_virtual(main())


def test_nothing_is_opened_for_a_transcription_session() -> None:
    async def main() -> None:
        duplex = ScriptedDuplex()
        async with conversing(duplex, settings=replace(SETTINGS, type="transcription")) as live:
            await live.turn()
            await live.client.expect("input_audio_buffer.committed")
        assert duplex.calls == []

    run_virtual(main())
