"""Spoken questions get spoken answers, through a real socket, in real time, with the real models."""

from __future__ import annotations

import asyncio

import pytest
from tests.e2e.hearing import error_rate, longest_gap_ms, loudness, speech_of, transcript_of, worst_jump
from tests.engines.speech import human_clips, synthetic

from vivavoce.audio.pcm import Pcm
from vivavoce.commands.local_server import LocalServer
from vivavoce.testing.call import Call, Line, lift
from vivavoce.testing.microphone import FORMATS, Speech
from vivavoce.testing.turns import Turn

pytestmark = pytest.mark.models
SERVER_VAD = {"type": "server_vad"}


def line(server: LocalServer, wire: str = "pcm") -> Line:
    return Line(server.url, server.key, wire=FORMATS[wire], turn_detection=SERVER_VAD)


async def ask(call: Call, question: Pcm) -> Turn:
    """One turn: asked and answered. The answer's sound lies ready in `call.speaker`."""
    turn = await call.ask(Speech.of(question, call.line.wire))
    await call.answered(turn)
    return turn


def test_a_spoken_question_gets_a_spoken_answer(server: LocalServer) -> None:
    async def scenario() -> None:
        async with lift(line(server)) as call:
            turn = await ask(call, synthetic("What is the capital of France?"))
            answer = speech_of(call.speaker.heard())
        assert (turn.problem, turn.status, turn.commits) == ("", "completed", 1)
        assert turn.question == "What is the capital of France?"
        assert "Paris" in turn.answer
        assert list(turn.after_speech()) == ["decided", "transcript", "first_token", "first_audio"]
        assert error_rate(turn.answer, await transcript_of(server, answer)) <= 0.2

    asyncio.run(scenario())


def test_an_answer_is_pleasant_to_hear(server: LocalServer) -> None:
    """A longer one, so that clauses follow each other."""

    async def scenario() -> None:
        async with lift(line(server)) as call:
            turn = await ask(call, synthetic("How do I make pancakes?"))
            heard = call.speaker.heard()
        assert turn.status == "completed"
        assert heard.ms > 3000
        answer = speech_of(heard)
        assert loudness(answer) == pytest.approx(-20, abs=2)
        assert abs(answer.samples).max() < 32_000
        assert worst_jump(answer) < 4.5
        assert longest_gap_ms(answer) < 2000
        assert max(call.speaker.stalls, default=0) < 1000
        assert error_rate(turn.answer, await transcript_of(server, answer)) <= 0.2

    asyncio.run(scenario())


def test_what_was_said_is_remembered(server: LocalServer) -> None:
    async def scenario() -> None:
        async with lift(line(server)) as call:
            for question in ("Hello, my name is Peter.", "What is two plus two?", "What is my name?"):
                await ask(call, synthetic(question))
                await call.heard()
            assert [(turn.problem, turn.status) for turn in call.turns.all] == [("", "completed")] * 3
            assert "Peter" in call.turns.all[-1].answer
            assert not call.turns.errors

    asyncio.run(scenario())


@pytest.mark.parametrize("wire", ["pcm", "pcmu"])
def test_a_human_voice_is_understood(server: LocalServer, wire: str) -> None:
    """16 kHz recordings: up-sampled to the wire's 24 kHz, and as a telephone has them, both ways."""
    clip = next(clip for clip in human_clips() if clip.name == "0880")

    async def scenario() -> None:
        async with lift(line(server, wire)) as call:
            turn = await ask(call, clip.audio)
            heard = call.speaker.heard()
        assert (turn.problem, turn.status) == ("", "completed")
        assert error_rate(clip.words, turn.question) <= 0.25
        assert heard.rate == FORMATS[wire].rate
        assert loudness(speech_of(heard)) == pytest.approx(-20, abs=2.5)
        assert error_rate(turn.answer, await transcript_of(server, speech_of(heard))) <= 0.25

    asyncio.run(scenario())
