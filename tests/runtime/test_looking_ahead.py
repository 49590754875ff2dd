"""Work that is done ahead of a turn's end, and left undone where it is not wanted."""

from __future__ import annotations

from dataclasses import replace

from tests.runtime.hosting import Echo, engines, hosted

from vivavoce.ports import Finished
from vivavoce.testing.clock import run_virtual
from vivavoce.testing.fakes import ScriptedAsr, ScriptedResponder, Wait, speaks


def test_the_answer_is_prepared_from_the_first_words_of_a_long_turn() -> None:
    async def main() -> None:
        asr = ScriptedAsr("What is", "What is the capital?")
        responder = Echo()
        async with hosted(engines(asr, responder)) as live:
            await live.speak(1280)
            said = [prompt.messages[-1].content for prompt in responder.warmed if prompt.messages]
            assert said == [("What is",)]
            await live.silence()
            await live.client.expect("response.done")
        assert responder.heard == ["What is the capital?"]
        asr.assert_finished()

    run_virtual(main())


def test_a_barge_in_prepares_nothing_from_an_answer_that_will_be_truncated() -> None:
    async def main() -> None:
        responder = ScriptedResponder([*speaks("Long.", 100), Wait(60.0), Finished()])
        async with hosted(engines(ScriptedAsr("Hi."), responder)) as live:
            await live.turn()
            await live.client.expect("response.output_audio.delta")
            before = len(responder.warmed)
            await live.speak(200)
            await live.client.expect("response.done")
            assert len(responder.warmed) == before

    run_virtual(main())


def test_without_speculation_a_turn_is_transcribed_once_at_its_end() -> None:
    async def main() -> None:
        asr, responder = ScriptedAsr("All of it."), Echo()
        patient = replace(engines(asr, responder), speculate=False)
        async with hosted(patient) as live:
            await live.speak(1920)
            await live.silence(160)
            assert asr.calls == []
            await live.turn()
            await live.client.expect("response.done")
        assert responder.heard == ["All of it."]
        asr.assert_finished()

    run_virtual(main())
