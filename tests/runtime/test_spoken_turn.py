"""A whole spoken turn through the runtime, on virtual time."""

from __future__ import annotations

import asyncio

from tests.runtime.hosting import SETTINGS, Echo, engines, hosted

from vivavoce.ports import AsrHint, Speech, Transcript
from vivavoce.testing.clock import run_virtual
from vivavoce.testing.fakes import ScriptedAsr, ScriptedResponder, ScriptedTurnDetector, Wait, answers, says
from vivavoce.testing.script import Timing

TURN = [
    "input_audio_buffer.speech_started",
    "input_audio_buffer.speech_stopped",
    "input_audio_buffer.committed",
    "conversation.item.added",
    "conversation.item.done",
    "response.created",
]
ANSWER = [
    "response.output_item.added",
    "conversation.item.added",
    "response.content_part.added",
    "response.output_audio_transcript.delta",
    *["response.output_audio.delta"] * 5,
    "response.output_audio.done",
    "response.output_audio_transcript.done",
    "response.content_part.done",
    "conversation.item.done",
    "response.output_item.done",
    "response.done",
    "rate_limits.updated",
]


def test_a_spoken_question_gets_a_spoken_answer() -> None:
    async def main() -> None:
        asr, responder = ScriptedAsr("What is the capital of France?"), ScriptedResponder(answers("Paris.", 500))
        async with hosted(engines(asr, responder)) as live:
            await live.turn()
            await live.client.expect("rate_limits.updated")
            assert live.client.types() == ["session.created", *TURN, *ANSWER]
        asr.assert_finished()
        responder.assert_finished()
        (prompt,) = (call.request for call in responder.calls)
        assert (prompt.instructions, prompt.spoken) == (SETTINGS.instructions, True)
        assert asr.calls[0].request.hint == AsrHint()

    run_virtual(main())


def test_a_written_question_gets_a_written_answer_that_knows_what_was_said_before() -> None:
    async def main() -> None:
        asr, spoken = ScriptedAsr("Hello."), answers("Hi there.", 500)
        responder = ScriptedResponder(spoken, says("Paris."))
        async with hosted(engines(asr, responder)) as live:
            await live.turn()
            await live.client.expect("response.done")
            content = [{"type": "input_text", "text": "And the capital?"}]
            item = {"type": "message", "role": "user", "content": content}
            live.client.say("conversation.item.create", item=item)
            live.client.say("response.create", response={"output_modalities": ["text"]})
            done = await live.client.expect("response.output_text.done")
            assert done["text"] == "Paris."
            await live.client.expect("response.done")
        prompt = responder.calls[1].request
        assert not prompt.spoken
        assert [message.role for message in prompt.messages] == ["user", "assistant", "user"]
        assert [message.content for message in prompt.messages[1:]] == [("Hi there.",), ("And the capital?",)]
        (voice,) = prompt.messages[0].content
        assert isinstance(voice, Speech)
        assert await voice.transcript() == "Hello."

    run_virtual(main())


def test_the_pauses_transcript_is_the_turns() -> None:
    async def main() -> None:
        asr, responder = ScriptedAsr("Once only."), Echo()
        async with hosted(engines(asr, responder)) as live:
            live.client.say("session.update", session={"type": "realtime", "audio": {"input": {"transcription": {}}}})
            await live.turn()
            done = await live.client.expect("conversation.item.input_audio_transcription.completed")
            assert done["transcript"] == "Once only."
            await live.client.expect("response.done")
        assert responder.heard == ["Once only."]
        asr.assert_finished()

    run_virtual(main())


def test_the_answer_waits_for_a_transcript_that_is_on_its_way() -> None:
    async def main() -> None:
        asr, responder = ScriptedAsr([Wait(2.0), Transcript("Slowly.")]), Echo()
        async with hosted(engines(asr, responder)) as live:
            await live.turn()
            await live.client.expect("response.done")
        assert responder.heard == ["Slowly."]

    run_virtual(main())


def test_a_transcript_of_half_a_turn_is_forgotten_when_the_caller_goes_on() -> None:
    async def main() -> None:
        asr = ScriptedAsr([Wait(5.0)], "The whole sentence.")
        responder = Echo()
        async with hosted(engines(asr, responder)) as live:
            await live.speak(640)
            await live.silence(160)
            await live.turn()
            await live.client.expect("response.done")
        assert responder.heard == ["The whole sentence."]
        asr.assert_finished(cancelled=1)

    run_virtual(main())


def test_semantic_vad_asks_the_turn_detector() -> None:
    async def main() -> None:
        turn, asr = ScriptedTurnDetector(0.95), ScriptedAsr("Done.")
        async with hosted(engines(asr, ScriptedResponder(answers("Yes.")), turn)) as live:
            detection = {"turn_detection": {"type": "semantic_vad"}}
            live.client.say("session.update", session={"type": "realtime", "audio": {"input": detection}})
            await live.speak()
            await live.silence(400)
            await live.client.expect("response.done")
        turn.assert_finished()

    run_virtual(main())


def test_a_turn_detector_that_stalls_only_makes_the_caller_wait() -> None:
    async def main() -> None:
        stuck: list[float | Timing] = [Wait(60.0), 0.95]
        turn = ScriptedTurnDetector(*[stuck] * 7)
        async with hosted(engines(ScriptedAsr("Done."), ScriptedResponder(answers("Yes.")), turn)) as live:
            detection = {"turn_detection": {"type": "semantic_vad"}}
            live.client.say("session.update", session={"type": "realtime", "audio": {"input": detection}})
            await live.speak()
            await live.silence(4100)
            await live.client.expect("response.done")

    run_virtual(main())


def test_two_sessions_share_the_engines_and_nothing_else() -> None:
    async def main() -> None:
        responder = Echo()
        both = engines(ScriptedAsr("One.", "Two."), responder)
        async with hosted(both) as one, hosted(both) as two:
            await one.turn()
            await one.client.expect("response.done")
            await two.turn()
            await two.client.expect("response.done")
            assert one.client.types() == two.client.types()
        assert responder.heard == ["One.", "Two."]

    run_virtual(main())


def test_nothing_is_left_after_a_session() -> None:
    async def main() -> None:
        async with hosted(engines(ScriptedAsr("Hi."), Echo())) as live:
            await live.turn()
        assert asyncio.all_tasks() == {asyncio.current_task()}

    run_virtual(main())
