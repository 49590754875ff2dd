"""The fakes play their scripts in virtual time, count their calls, and fail for what a test left over."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import aclosing, suppress

import numpy as np
import pytest

from vivavoce.audio.pcm import Pcm
from vivavoce.ports import (
    Asr,
    AsrHint,
    Began,
    EngineError,
    Finished,
    Llm,
    Prompt,
    Responder,
    SpokenAudio,
    SpokenText,
    TextDelta,
    Transcript,
    Tts,
    TurnDetector,
    Vad,
    Voice,
)
from vivavoce.testing.clock import START, Stalled, run_virtual
from vivavoce.testing.fakes import (
    STALL,
    EnergyVad,
    Hear,
    ScriptedAsr,
    ScriptedLlm,
    ScriptedResponder,
    ScriptedTts,
    ScriptedTurnDetector,
    ScriptedVad,
    Spoken,
    UnexpectedCall,
    Wait,
    answers,
    hold,
    says,
    sound,
)

PROMPT = Prompt("", (), True, Voice("alloy"))
FRAME = Pcm.silence(32, 16_000)
BROKEN = EngineError("engine_failed", "Broken.")


async def stream(*pieces: Pcm, every: float = 0.0) -> AsyncIterator[Pcm]:
    for piece in pieces:
        await asyncio.sleep(every)
        yield piece


def test_they_are_what_the_ports_ask_for() -> None:
    vads: list[Vad] = [ScriptedVad(), EnergyVad()]
    turn: TurnDetector = ScriptedTurnDetector()
    asr: Asr = ScriptedAsr()
    llm: Llm = ScriptedLlm()
    tts: Tts = ScriptedTts()
    responder: Responder = ScriptedResponder()

    async def main() -> None:
        for engine in (*vads, turn, asr, llm, tts, responder):
            await engine.start()
            assert (engine.name, engine.running) == ("scripted", 0)
            await engine.aclose()

    run_virtual(main())


def test_a_script_is_played_in_virtual_time() -> None:
    llm = ScriptedLlm([TextDelta("a"), Wait(5.0), TextDelta("b"), Finished()])

    async def main() -> list[float]:
        loop = asyncio.get_running_loop()
        return [loop.time() - START async for _ in llm.generate(PROMPT)]

    assert run_virtual(main()) == pytest.approx([0.0, 5.0, 5.0])
    llm.assert_finished()
    assert llm.calls[0].request is PROMPT


def test_each_call_takes_the_next_script_even_side_by_side() -> None:
    llm = ScriptedLlm(says("first one"), says("second one"))

    async def main() -> list[str]:
        one, two = llm.generate(PROMPT), llm.generate(PROMPT)
        texts = ["", ""]
        for _ in range(2):
            for number, answer in enumerate((one, two)):
                part = await anext(answer)
                assert isinstance(part, TextDelta)
                texts[number] += part.text
        assert llm.running == 2
        for answer in (one, two):
            assert isinstance(await anext(answer), Finished)
            await answer.aclose()
        return texts

    assert run_virtual(main()) == ["first one", "second one"]
    assert (llm.running, llm.closed, llm.cancelled) == (0, 2, 0)
    llm.assert_finished()


def test_a_call_beyond_the_scripts_raises() -> None:
    with pytest.raises(UnexpectedCall, match="call 1 was not expected"):
        ScriptedTts().speak("Hi.", Voice("alloy"))


def test_a_script_nobody_called_for_fails() -> None:
    with pytest.raises(AssertionError, match="1 of 1 scripts were never called for"):
        ScriptedLlm(says("never")).assert_finished()


def test_errors_of_the_script_are_raised_and_end_the_call() -> None:
    tts = ScriptedTts([*sound(100), BROKEN])

    async def main() -> None:
        async for _ in tts.speak("Hi.", Voice("ash", 1.2)):
            pass

    with pytest.raises(EngineError, match="Broken"):
        run_virtual(main())
    tts.assert_finished()
    assert tts.calls[0].request == Spoken("Hi.", Voice("ash", 1.2))


def test_a_call_cut_short_must_be_expected() -> None:
    llm = ScriptedLlm(says("one two three"))

    async def main() -> None:
        async with aclosing(llm.generate(PROMPT)) as answer:
            await anext(answer)

    run_virtual(main())
    assert (llm.running, llm.closed, llm.cancelled) == (0, 1, 1)
    llm.assert_finished(cancelled=1)
    with pytest.raises(AssertionError, match=r"0 calls cut short expected, but \['call 1 after 1 of 4 steps'\]"):
        llm.assert_finished()


def test_a_cancel_that_did_not_happen_fails() -> None:
    llm = ScriptedLlm(says("one"))

    async def main() -> None:
        async for _ in llm.generate(PROMPT):
            pass

    run_virtual(main())
    with pytest.raises(AssertionError, match="1 calls cut short expected, but none were"):
        llm.assert_finished(cancelled=1)


def test_a_call_still_open_fails() -> None:
    llm = ScriptedLlm(says("one"))

    async def main() -> None:
        answer = llm.generate(PROMPT)
        await anext(answer)
        with pytest.raises(AssertionError, match=r"calls \[1\] have not ended"):
            llm.assert_finished()
        await answer.aclose()

    run_virtual(main())


def test_a_stall_lasts_until_it_is_cancelled() -> None:
    responder = ScriptedResponder([Began(), STALL], [STALL])

    async def read() -> None:
        async for _ in responder.respond(PROMPT):
            pass

    async def main() -> None:
        task = asyncio.create_task(read())
        await asyncio.sleep(100)
        assert responder.running == 1
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task
        assert responder.running == 0
        await read()

    with pytest.raises(Stalled):
        run_virtual(main())
    responder.assert_finished(cancelled=2)


def test_a_spoken_answer_has_its_parts_in_order() -> None:
    responder = ScriptedResponder(answers("Hello.", ms=250))

    async def main() -> list[type]:
        return [type(part) async for part in responder.respond(PROMPT)]

    assert run_virtual(main()) == [Began, SpokenText, SpokenAudio, SpokenAudio, SpokenAudio, Finished]


def test_sound_is_as_long_and_as_loud_as_asked() -> None:
    whole = Pcm.join(sound(250, rate=16_000, level=500), 16_000)
    assert (whole.ms, int(np.abs(whole.samples).max()), len(sound(250))) == (250, 500, 3)


def test_vad_plays_a_probability_a_frame() -> None:
    vad = ScriptedVad([0.1, *hold(0.9, ms=64)], [0.5])
    first, second = vad.open(), vad.open()
    assert [first.probability(FRAME) for _ in range(3)] == [0.1, 0.9, 0.9]
    with pytest.raises(UnexpectedCall, match="frame 4"):
        first.probability(FRAME)
    with pytest.raises(AssertionError, match="call 2 after 0 of 1 steps"):
        vad.assert_finished()
    second.probability(FRAME)
    vad.assert_finished()


def test_vad_goes_on_with_what_comes_after() -> None:
    caller = ScriptedVad([0.9], after=0.0).open()
    assert [caller.probability(FRAME) for _ in range(3)] == [0.9, 0.0, 0.0]


@pytest.mark.parametrize("caller", [ScriptedVad([0.1]).open(), EnergyVad().open()])
def test_vads_take_frames_of_their_size_only(caller: EnergyVad) -> None:
    with pytest.raises(AssertionError, match="512 samples at 16000 Hz"):
        caller.probability(Pcm.silence(20, 16_000))


def test_energy_vad_hears_sound() -> None:
    caller = EnergyVad().open()
    assert [caller.probability(piece) for piece in (FRAME, *sound(32, 16_000))] == [0.0, 1.0]


def test_turn_detector_gives_its_likelihoods() -> None:
    detector = ScriptedTurnDetector(0.2, [Wait(1.0), 0.9], [BROKEN])

    async def main() -> list[float]:
        return [await detector.finished(FRAME), await detector.finished(FRAME)]

    assert run_virtual(main()) == [0.2, 0.9]
    with pytest.raises(EngineError):
        run_virtual(detector.finished(FRAME))
    detector.assert_finished()


def test_asr_reads_the_speech_before_its_final_transcript() -> None:
    asr = ScriptedAsr("hello")

    async def main() -> list[Transcript]:
        return [t async for t in asr.transcribe(stream(FRAME, FRAME), AsrHint("en"))]

    assert run_virtual(main()) == [Transcript("hello")]
    assert (asr.calls[0].request.hint, asr.calls[0].request.ms) == (AsrHint("en"), 64)
    asr.assert_finished()


def test_asr_gives_partials_while_it_hears() -> None:
    asr = ScriptedAsr([Hear(64), Transcript("hel", final=False), Transcript("hello")])

    async def main() -> list[tuple[float, str]]:
        loop = asyncio.get_running_loop()
        speech = stream(*[FRAME] * 4, every=1.0)
        return [(loop.time() - START, t.text) async for t in asr.transcribe(speech, AsrHint())]

    assert run_virtual(main()) == [(2.0, "hel"), (4.0, "hello")]


def test_asr_cancelled_while_it_listens_is_cut_short() -> None:
    asr = ScriptedAsr("never said")

    async def main() -> None:
        with suppress(TimeoutError):
            async with (
                asyncio.timeout(1),
                aclosing(asr.transcribe(stream(FRAME, every=9), AsrHint())) as heard,
            ):
                await anext(heard)

    run_virtual(main())
    assert asr.running == 0
    asr.assert_finished(cancelled=1)


def test_warming_is_recorded_and_takes_its_time() -> None:
    llm = ScriptedLlm()
    llm.warm_seconds = 3.0

    async def main() -> float:
        await llm.warm(PROMPT)
        return asyncio.get_running_loop().time() - START

    assert run_virtual(main()) == pytest.approx(3.0)
    assert llm.warmed == [PROMPT]
    llm.assert_finished()
