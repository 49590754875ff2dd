"""Captions through the runtime: what an ASR that can only read whole recordings is asked, and when."""

from __future__ import annotations

import asyncio
from dataclasses import replace

from msgspec.structs import replace as changed
from tests.runtime.hosting import CAN, SETTINGS, Hosted, engines, hosted

from vivavoce.core.ids import CountingIds
from vivavoce.core.opening import opening
from vivavoce.core.session import Session
from vivavoce.ports import AsrHint, EngineError, TokenLogprob, Transcript
from vivavoce.runtime.transcripts import PATIENCE_S
from vivavoce.testing.clock import run_virtual
from vivavoce.testing.fakes import ScriptedAsr, Wait

CAPABLE = changed(CAN, transcription_features=("prompt", "keywords", "languages", "delay", "logprobs"))
DELTA = "conversation.item.input_audio_transcription.delta"
COMPLETED = "conversation.item.input_audio_transcription.completed"
LOGPROBS = "item.input_audio_transcription.logprobs"


def session() -> Session:
    settings = opening("transcription", SETTINGS.id, SETTINGS.model, "alloy", CAPABLE)
    return Session(settings, CAPABLE, CountingIds(), asyncio.get_running_loop().time(), None)


async def transcribing(live: Hosted, include: list[str] | None = None, **transcription: object) -> None:
    given = {"turn_detection": None, "transcription": {"delay": "medium", **transcription}}
    live.client.say("session.update", session={"type": "transcription", "audio": {"input": given}, "include": include})
    await live.client.expect("session.updated")


def deltas(live: Hosted) -> list[object]:
    return [event["delta"] for event in live.client.events if event["type"] == DELTA]


def test_words_are_told_while_they_are_spoken() -> None:
    async def main() -> None:
        asr = ScriptedAsr("Well", "Well then", "Well then no", "Well, then no.")
        async with hosted(engines(asr), session()) as live:
            await transcribing(live)
            await live.speak(1200)
            assert deltas(live) == ["Well", " then"]
            live.client.say("input_audio_buffer.commit")
            completed = await live.client.expect(COMPLETED)
            assert completed["transcript"] == "Well then no."
            assert deltas(live) == ["Well", " then", " no."]
        asr.assert_finished()
        assert [call.request.hint.quick for call in asr.calls] == [True, True, True, False]

    run_virtual(main())


def test_hints_and_log_probabilities_go_all_the_way() -> None:
    async def main() -> None:
        heard = Transcript("Né.", language="fr", logprobs=(TokenLogprob(b"N\xc3", -0.25), TokenLogprob(b"\xa9.", -1.5)))
        asr = ScriptedAsr([heard])
        async with hosted(engines(asr), session()) as live:
            await transcribing(live, [LOGPROBS], delay=None, prompt="Names.", keywords=["Né"], languages=["fr", "en"])
            await live.speak(200)
            live.client.say("input_audio_buffer.commit")
            completed = await live.client.expect(COMPLETED)
            assert completed["languages"] == [{"code": "fr"}]
            assert completed["logprobs"] == [
                {"token": "N\ufffd", "bytes": [78, 195], "logprob": -0.25},
                {"token": "\ufffd.", "bytes": [169, 46], "logprob": -1.5},
            ]
        assert asr.calls[0].request.hint == AsrHint(
            prompt="Names.", keywords=("Né",), languages=("fr", "en"), logprobs=True
        )

    run_virtual(main())


def test_one_look_at_a_time() -> None:
    async def main() -> None:
        asr = ScriptedAsr([Wait(5.0), Transcript("Well")], "Well.")
        async with hosted(engines(asr), session()) as live:
            await transcribing(live, delay="minimal")
            await live.speak(2000)
            assert len(asr.calls) == 1
            live.client.say("input_audio_buffer.commit")
            await live.client.expect(COMPLETED)
            assert live.client.events[-1]["transcript"] == "Well."  # the look was not waited for
        asr.assert_finished(cancelled=1)

    run_virtual(main())


def test_a_look_that_fails_is_followed_by_the_next() -> None:
    async def main() -> None:
        asr = ScriptedAsr([EngineError("engine_failed", "Broken.")], "Well", "Well")
        async with hosted(engines(asr), session()) as live:
            await transcribing(live)
            await live.speak(1200)
            assert deltas(live) == ["Well"]
        asr.assert_finished()

    run_virtual(main())


def test_looks_give_way_to_others_but_not_for_ever() -> None:
    async def main() -> None:
        asr = ScriptedAsr([Wait(60.0), Transcript("Of another session.")], "Well", "Well")
        both = engines(asr)
        async with hosted(both, session()) as other, hosted(both, session()) as live:
            await transcribing(other, delay=None)
            await other.speak(200)
            other.client.say("input_audio_buffer.commit")
            await transcribing(live, delay="high")
            await live.speak(PATIENCE_S * 1000)
            assert len(asr.calls) == 1
            await live.speak(PATIENCE_S * 1000)
            assert len(asr.calls) >= 2

    run_virtual(main())


def test_captions_need_no_speculation() -> None:
    async def main() -> None:
        asr = ScriptedAsr("Well", "Well")
        async with hosted(replace(engines(asr), speculate=False), session()) as live:
            await transcribing(live)
            await live.speak(900)
            assert deltas(live) == ["Well"]
        asr.assert_finished()

    run_virtual(main())


def test_a_long_section_is_settled_at_its_quietest_place() -> None:
    async def main() -> None:
        looks = ["so"] * 8
        asr = ScriptedAsr(*looks, "So.", "and")
        async with hosted(engines(asr), session()) as live:
            await transcribing(live, delay="xhigh")
            await live.speak(6000)
            await live.silence(400)
            await live.speak(4000)
            lengths = [round(call.request.ms) for call in asr.calls]
            assert 6000 < lengths[8] < 6400
            assert lengths[9] < lengths[8]
        asr.assert_finished()

    run_virtual(main())
