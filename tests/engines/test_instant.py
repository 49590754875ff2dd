"""The instant engines: what they hear, say and sound like."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace
from typing import Literal

import numpy as np
import pytest

from vivavoce.audio.pcm import Pcm
from vivavoce.engines.instant import (
    WORD_MS,
    InstantAsr,
    InstantLlm,
    InstantTts,
    InstantTurnDetector,
    InstantVad,
)
from vivavoce.ports import (
    OPENAI_VOICES,
    Asr,
    AsrHint,
    CallArguments,
    CallBegan,
    CallEnded,
    EngineError,
    Finished,
    Llm,
    Message,
    Prompt,
    TextDelta,
    Tool,
    ToolCall,
    ToolOutput,
    Transcript,
    Tts,
    TurnDetector,
    Vad,
    Voice,
)
from vivavoce.testing.clock import START, run_virtual

LOUD = Pcm(np.full(512, 8000, np.int16), 16_000)
QUIET = Pcm.silence(32, 16_000)


async def stream(*pieces: Pcm) -> AsyncIterator[Pcm]:
    for piece in pieces:
        yield piece


def prompt(max_tokens: int | None = None) -> Prompt:
    return Prompt("Be nice.", (Message("user", ("Hello there",)),), True, Voice("alloy"), max_tokens)


def test_they_are_what_the_ports_ask_for() -> None:
    vad: Vad = InstantVad()
    turn: TurnDetector = InstantTurnDetector()
    asr: Asr = InstantAsr()
    llm: Llm = InstantLlm()
    tts: Tts = InstantTts()

    async def main() -> None:
        for engine in (vad, turn, asr, llm, tts):
            await engine.start()
            assert (engine.name, engine.running) == ("instant", 0)
            await engine.aclose()

    run_virtual(main())


def test_vad_goes_by_loudness() -> None:
    caller = InstantVad().open()
    assert caller.probability(QUIET) == 0.0
    assert caller.probability(LOUD) > 0.95
    assert caller.probability(Pcm(np.full(512, 300, np.int16), 16_000)) == pytest.approx(0.5)


@pytest.mark.parametrize("frame", [Pcm.silence(32, 8_000), Pcm.silence(30, 16_000), Pcm.silence(0, 16_000)])
def test_vad_refuses_other_frames(frame: Pcm) -> None:
    with pytest.raises(EngineError, match="512 samples at 16000 Hz"):
        InstantVad().open().probability(frame)


def test_every_pause_ends_the_turn() -> None:
    assert run_virtual(InstantTurnDetector().finished(LOUD)) == 1.0


def test_asr_hears_its_text_in_sound_and_nothing_in_silence() -> None:
    async def main() -> list[list[Transcript]]:
        asr = InstantAsr("hello")
        return [
            [t async for t in asr.transcribe(stream(*pieces), AsrHint())]
            for pieces in ((QUIET, LOUD, QUIET), (QUIET,), ())
        ]

    assert run_virtual(main()) == [[Transcript("hello")], [Transcript("")], [Transcript("")]]


def test_asr_hears_a_word_after_the_other_in_a_look() -> None:
    async def main() -> list[str]:
        asr = InstantAsr("one two three")
        looks = [asr.transcribe(stream(*[LOUD] * count), AsrHint(quick=True)) for count in (1, 11, 100)]
        return [(await anext(look)).text for look in looks]

    assert LOUD.ms < WORD_MS < 11 * LOUD.ms
    assert run_virtual(main()) == ["", "one", "one two three"]


def test_llm_says_its_text_a_word_at_a_time() -> None:
    async def main() -> list[object]:
        return [part async for part in InstantLlm("One two  three.").generate(prompt())]

    *deltas, last = run_virtual(main())
    assert deltas == [TextDelta("One"), TextDelta(" two"), TextDelta("  three.")]
    assert isinstance(last, Finished)
    assert (last.reason, last.usage.input_tokens, last.usage.output_tokens) == ("stop", 4, 3)


def test_llm_stops_at_the_token_limit() -> None:
    async def main() -> list[object]:
        return [part async for part in InstantLlm("One two three.").generate(prompt(max_tokens=2))]

    *deltas, last = run_virtual(main())
    assert deltas == [TextDelta("One"), TextDelta(" two")]
    assert isinstance(last, Finished)
    assert (last.reason, last.usage.output_tokens) == ("length", 2)


ROLL = Tool("roll", "", {"properties": {"sides": {"type": "integer", "minimum": 2}}, "required": ["sides"]})
STOP = Tool("stop", "", {})


def called(asked: Prompt) -> list[object]:
    async def main() -> list[object]:
        return [part async for part in InstantLlm("Hi.").generate(asked)]

    return run_virtual(main())


def asking(said: str, choice: Literal["none", "auto", "required"] = "auto", only: str | None = None) -> Prompt:
    tools, names = (ROLL, STOP), None if only is None else (only,)
    return replace(prompt(), messages=(Message("user", (said,)),), tools=tools, tool_choice=choice, callable=names)


ROLLS = [CallBegan("roll"), CallArguments('{"sides":'), CallArguments(" 2}"), CallEnded()]


def test_llm_calls_the_tool_that_it_is_asked_for_or_must_call() -> None:
    assert called(asking("Please roll it."))[:-1] == ROLLS
    assert called(asking("Hello.", "required"))[:-1] == ROLLS
    assert called(asking("Please roll it.", "required", "stop"))[0] == CallBegan("stop")
    for silent in (asking("Hello."), asking("Please roll it.", "none"), asking("Please roll it.", "auto", "stop")):
        assert called(silent)[0] == TextDelta("Hi.")


def test_llm_answers_the_output_of_a_call() -> None:
    history = (*asking("roll").messages, Message("assistant", (ToolCall("call_1", "roll", "{}"),)))
    pending = replace(asking("roll"), messages=(*history, Message("tool", (ToolOutput("call_1", "a six"),))))
    said, end = called(pending)
    assert said == TextDelta("Hi.")
    assert isinstance(end, Finished)
    assert end.usage.input_tokens == 7  # Be nice. roll roll {} a six


def test_a_call_that_reaches_the_token_limit_is_not_whole() -> None:
    *parts, last = called(replace(asking("roll"), max_tokens=1))
    assert parts == ROLLS[:2]
    assert isinstance(last, Finished)
    assert (last.reason, last.usage.output_tokens) == ("length", 1)


async def spoken(text: str, voice: Voice) -> list[Pcm]:
    return [piece async for piece in InstantTts().speak(text, voice)]


@pytest.mark.parametrize("speed", [0.25, 1.0, 1.5])
def test_tts_is_as_long_as_its_words(speed: float) -> None:
    pieces = run_virtual(spoken("Three words here.", Voice("marin", speed)))
    assert sum(p.ms for p in pieces) == pytest.approx(3 * WORD_MS / speed, abs=1)
    assert max(p.ms for p in pieces) <= 100
    assert {p.rate for p in pieces} == {24_000}


def test_every_voice_sounds_and_none_like_another() -> None:
    takes = [run_virtual(spoken("Hi.", Voice(name))) for name in OPENAI_VOICES]
    assert len({Pcm.join(take).to_bytes() for take in takes}) == 10
    assert all(np.abs(Pcm.join(take).samples).max() > 3000 for take in takes)


def test_tts_says_nothing_for_an_empty_text() -> None:
    assert run_virtual(spoken(" ", Voice("alloy"))) == []


@pytest.mark.parametrize("voice", [Voice("nobody"), Voice("alloy", 0.0), Voice("alloy", float("nan"))])
def test_tts_refuses_what_it_cannot_do(voice: Voice) -> None:
    with pytest.raises(EngineError):
        run_virtual(spoken("Hi.", voice))


def test_delays_come_before_the_first_result() -> None:
    async def main() -> list[float]:
        loop, times = asyncio.get_running_loop(), []
        await InstantTurnDetector(delay=0.1).finished(LOUD)
        times.append(loop.time() - START)
        await anext(InstantAsr(delay=0.2).transcribe(stream(LOUD), AsrHint()))
        times.append(loop.time() - START)
        await anext(InstantLlm(delay=0.3).generate(prompt()))
        times.append(loop.time() - START)
        await anext(InstantTts(delay=0.4).speak("Hi.", Voice("alloy")))
        times.append(loop.time() - START)
        return times

    assert run_virtual(main()) == pytest.approx([0.1, 0.3, 0.6, 1.0])


def test_running_counts_open_calls() -> None:
    async def main() -> list[int]:
        llm = InstantLlm()
        answer = llm.generate(prompt())
        counts = [llm.running]
        await anext(answer)
        counts.append(llm.running)
        await answer.aclose()
        return [*counts, llm.running]

    assert run_virtual(main()) == [0, 1, 0]
