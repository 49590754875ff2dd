"""A model that hears: nobody waits for words, captions come beside the answer, and what was said is heard again."""

from __future__ import annotations

import asyncio
import dataclasses

from msgspec.structs import replace
from tests.runtime.hosting import CAN, SETTINGS, VOICE_MS, engines, hosted

from vivavoce.core.ids import CountingIds
from vivavoce.core.session import Session
from vivavoce.engines.cascade import Cascade
from vivavoce.ports import EngineError, Finished, Prompt, Speech, TokenUsage, Transcript
from vivavoce.testing.clock import run_virtual
from vivavoce.testing.fakes import ScriptedAsr, ScriptedLlm, ScriptedTts, Wait, says, sound

WITH_CAPTIONS = {"type": "realtime", "audio": {"input": {"transcription": {"model": "whisper-1"}}}}


def core() -> Session:
    return Session(SETTINGS, replace(CAN, hears=True), CountingIds(), asyncio.get_running_loop().time(), None)


def voices(prompt: Prompt) -> list[Speech]:
    return [part for message in prompt.messages for part in message.content if isinstance(part, Speech)]


def test_the_voice_itself_is_answered_and_nobody_recognises_it() -> None:
    async def main() -> None:
        llm = ScriptedLlm(says("Paris."), features=("speech",))
        asr, tts = ScriptedAsr(), ScriptedTts(sound(300))
        engine_set = dataclasses.replace(engines(asr), responder=Cascade(llm, tts))
        async with hosted(engine_set, core()) as live:
            await live.turn()
            await live.client.expect("response.done")
        (voice,) = voices(llm.calls[0].request)
        assert voice.audio.ms >= VOICE_MS
        asr.assert_finished()

    run_virtual(main())


def test_captions_that_were_asked_for_come_beside_the_answer() -> None:
    async def main() -> None:
        llm = ScriptedLlm(says("Paris."), features=("speech",))
        asr = ScriptedAsr([Wait(5.0), Transcript("What is the capital?")])
        engine_set = dataclasses.replace(engines(asr), responder=Cascade(llm, ScriptedTts(sound(300))))
        async with hosted(engine_set, core()) as live:
            live.client.say("session.update", session=WITH_CAPTIONS)
            await live.turn()
            await live.client.expect("response.done")
            assert "conversation.item.input_audio_transcription.completed" not in live.client.types()
            told = await live.client.expect("conversation.item.input_audio_transcription.completed")
            assert told["transcript"] == "What is the capital?"
        asr.assert_finished()

    run_virtual(main())


def test_captions_that_fail_do_not_fail_the_answer() -> None:
    async def main() -> None:
        llm = ScriptedLlm(says("Paris."), features=("speech",))
        asr = ScriptedAsr([EngineError("engine_failed", "Deaf.")])
        engine_set = dataclasses.replace(engines(asr), responder=Cascade(llm, ScriptedTts(sound(300))))
        async with hosted(engine_set, core()) as live:
            live.client.say("session.update", session=WITH_CAPTIONS)
            await live.turn()
            await live.client.expect("conversation.item.input_audio_transcription.failed")
            done = await live.client.expect("response.done")
            assert done["response"]["status"] == "completed"

    run_virtual(main())


def test_what_was_said_before_is_heard_again() -> None:
    async def main() -> None:
        llm = ScriptedLlm(says("Paris."), says("Rome."), features=("speech",))
        engine_set = dataclasses.replace(engines(), responder=Cascade(llm, ScriptedTts(sound(100), sound(100))))
        async with hosted(engine_set, core()) as live:
            for _ in range(2):
                await live.turn()
                await live.client.expect("response.done")
        prompt = llm.calls[1].request
        assert [message.role for message in prompt.messages] == ["user", "assistant", "user"]
        assert [round(voice.audio.ms) >= VOICE_MS for voice in voices(prompt)] == [True, True]

    run_virtual(main())


def test_the_models_own_count_of_audio_is_what_the_client_is_told() -> None:
    async def main() -> None:
        used = TokenUsage(input_tokens=100, output_tokens=9, audio_tokens=60)
        llm = ScriptedLlm([*says("Paris.")[:-1], Finished("stop", used)], features=("speech",))
        engine_set = dataclasses.replace(engines(), responder=Cascade(llm, ScriptedTts(sound(100))))
        async with hosted(engine_set, core()) as live:
            await live.turn()
            done = await live.client.expect("response.done")
        response = done["response"]
        assert isinstance(response, dict)
        details = response["usage"]["input_token_details"]
        assert (details["text_tokens"], details["audio_tokens"]) == (40, 60)
        assert response["usage"]["output_token_details"] == {"text_tokens": 9, "audio_tokens": 2}

    run_virtual(main())
