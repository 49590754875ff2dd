"""Every turn's time line, as the observer gets it."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field

import pytest
from tests.runtime.hosting import Echo, engines, hosted

from vivavoce.audio.pcm import Pcm
from vivavoce.ports import Began, Finished, Transcript
from vivavoce.runtime.observer import CallKind, CallOutcome, Timeline, Unobserved
from vivavoce.testing.clock import run_virtual
from vivavoce.testing.fakes import ScriptedAsr, ScriptedResponder, Wait, answers, sound, speaks


@dataclass
class Notes(Unobserved):
    """Writes everything down."""

    turns: list[Timeline] = field(default_factory=list)
    ends: list[tuple[str, str | None]] = field(default_factory=list)
    errors: list[str | None] = field(default_factory=list)
    sessions: list[str] = field(default_factory=list)
    sent: list[str] = field(default_factory=list)
    calls: list[tuple[CallKind, CallOutcome]] = field(default_factory=list)

    def session_started(self, session_id: str) -> None:
        self.sessions.append(f"+{session_id}")

    def session_ended(self, session_id: str) -> None:
        self.sessions.append(f"-{session_id}")

    def event_sent(self, type_: str) -> None:
        self.sent.append(type_)

    def error(self, code: str | None) -> None:
        self.errors.append(code)

    def response_done(self, status: str, reason: str | None) -> None:
        self.ends.append((status, reason))

    def call_ended(self, kind: CallKind, outcome: CallOutcome) -> None:
        self.calls.append((kind, outcome))

    def turn(self, timeline: Timeline) -> None:
        self.turns.append(timeline)


SLOW = [Wait(0.3), Began(), Wait(0.4), *speaks("Yes.", 100), Finished()]


def test_a_turn_is_measured_from_the_end_of_the_voice() -> None:
    async def main() -> None:
        notes = Notes()
        asr = ScriptedAsr([Wait(0.25), Transcript("Hi.")])
        async with hosted(engines(asr, ScriptedResponder(SLOW)), observer=notes) as live:
            began = asyncio.get_running_loop().time()
            await live.turn()
            await live.client.expect("response.done")
        (turn,) = notes.turns
        assert turn.speech_end == pytest.approx(began + 0.64, abs=0.04)
        stages = turn.since_speech_end()
        decided = stages["turn_decided"]
        assert decided == pytest.approx(0.2, abs=0.05)  # in VAD frames of 32 ms
        assert stages["transcript"] == pytest.approx(0.096 + 0.25, abs=0.05)  # begun in the pause
        assert stages["first_token"] == pytest.approx(decided + 0.3)
        assert stages["first_audio"] == pytest.approx(decided + 0.7)

    run_virtual(main())


def test_a_turn_that_the_client_commits_is_measured_from_its_last_audio() -> None:
    async def main() -> None:
        notes = Notes()
        async with hosted(engines(ScriptedAsr("Hi."), ScriptedResponder(SLOW)), observer=notes) as live:
            manual = {"type": "realtime", "audio": {"input": {"turn_detection": None}}}
            live.client.say("session.update", session=manual)
            live.client.append(Pcm.join(sound(500)).to_bytes())
            await asyncio.sleep(0.5)
            live.client.say("input_audio_buffer.commit")
            live.client.say("response.create")
            await live.client.expect("response.done")
        (turn,) = notes.turns
        assert turn.since_speech_end() == pytest.approx(
            {"turn_decided": 0.5, "transcript": 0.5, "first_token": 0.8, "first_audio": 1.2}
        )

    run_virtual(main())


def test_answers_to_text_and_answers_aside_are_no_turns() -> None:
    async def main() -> None:
        notes = Notes()
        responder = ScriptedResponder(answers("Aside."), answers("Written."))
        async with hosted(engines(responder=responder), observer=notes) as live:
            live.client.say("response.create", response={"conversation": "none"})
            await live.client.expect("response.done")
            live.client.say("response.create")
            await live.client.expect("response.done")
        assert notes.turns == []
        assert notes.ends == [("completed", None), ("completed", None)]

    run_virtual(main())


def test_an_answer_aside_does_not_end_the_turn_that_is_measured() -> None:
    async def main() -> None:
        notes = Notes()
        responder = ScriptedResponder([Wait(1.0), *answers("The turn's.")], answers("Aside."))
        async with hosted(engines(ScriptedAsr("Hi."), responder), observer=notes) as live:
            await live.turn()
            live.client.say("response.create", response={"conversation": "none"})
            await live.client.expect("response.done")
            assert notes.turns == []
            await live.client.expect("response.done")
        (turn,) = notes.turns
        assert turn.since_speech_end()["first_audio"] > 1.0

    run_virtual(main())


def test_an_interrupted_turn_has_the_stages_that_it_reached() -> None:
    async def main() -> None:
        notes = Notes()
        responder = ScriptedResponder([Began(), Wait(60.0), Finished()])
        async with hosted(engines(ScriptedAsr("Hi."), responder), observer=notes) as live:
            await live.turn()
            await live.speak(200)
            await live.client.expect("response.done")
        (turn,) = notes.turns
        assert set(turn.since_speech_end()) == {"turn_decided", "transcript", "first_token"}
        assert notes.ends == [("cancelled", "turn_detected")]

    run_virtual(main())


def test_sessions_errors_and_failures_are_counted() -> None:
    async def main() -> None:
        notes = Notes()
        async with hosted(engines(responder=ScriptedResponder([Began()])), observer=notes) as live:
            live.client.say("response.cancel")
            await live.client.expect("error")
            live.client.say("response.create")
            await live.client.expect("response.done")
        assert notes.sessions == ["+sess_1", "-sess_1"]
        assert notes.errors == ["response_cancel_not_active"]
        assert notes.ends == [("failed", "engine_failed")]
        assert notes.sent[:3] == ["session.created", "error", "response.created"]

    run_virtual(main())


def test_two_turns_are_two_time_lines() -> None:
    async def main() -> None:
        notes = Notes()
        async with hosted(engines(ScriptedAsr("One.", "Two."), Echo()), observer=notes) as live:
            for _ in range(2):
                await live.turn()
                await live.client.expect("response.done")
        assert len(notes.turns) == 2

    run_virtual(main())
