"""A session on a line: the runner feeds what is heard into the core, and plays, finishes and clears as it says."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
from msgspec.structs import replace
from tests.runtime.hosting import CAN, SETTINGS, Hosted, engines, hosted

from vivavoce.audio.pcm import Pcm
from vivavoce.core.ids import CountingIds
from vivavoce.core.session import Session
from vivavoce.ports import Finished
from vivavoce.runtime.line import Ear
from vivavoce.testing.clock import run_virtual
from vivavoce.testing.fakes import ScriptedAsr, ScriptedResponder, Wait, answers, sound, speaks

MS = 24
FRAME_MS = 20


class FakeLine:
    """Plays on the loop's clock, in one step an answer; `full` holds producers back."""

    def __init__(self) -> None:
        self.telephone = False
        self.ear: Ear | None = None
        self.queued: dict[str, int] = {}
        self.finished: list[str] = []
        self.cleared = 0
        self.room = asyncio.Event()
        self.room.set()

    def open(self, ear: Ear) -> None:
        self.ear = ear

    def play(self, response_id: str, pcm: bytes) -> None:
        if response_id not in self.queued:
            assert self.ear is not None
            asyncio.get_running_loop().call_soon(self.ear.playing, response_id)
        self.queued[response_id] = self.queued.get(response_id, 0) + len(pcm) // 2

    def finish(self, response_id: str) -> None:
        self.finished.append(response_id)

    def clear(self) -> dict[str, int]:
        self.cleared += 1
        played = {response_id: samples // 2 for response_id, samples in self.queued.items()}
        self.queued.clear()
        return played

    async def drained(self) -> None:
        await self.room.wait()

    async def hear(self, pcm: Pcm) -> None:
        """The caller's audio, in real time."""
        assert self.ear is not None
        for chunk in pcm.chunks(FRAME_MS):
            await self.ear.heard(chunk.to_bytes())
            await asyncio.sleep(FRAME_MS / 1000)


@asynccontextmanager
async def calling(line: FakeLine, responder: ScriptedResponder, asr: ScriptedAsr) -> AsyncIterator[Hosted]:
    core = Session(SETTINGS, replace(CAN, media=True), CountingIds(), asyncio.get_running_loop().time(), None)
    async with hosted(engines(asr, responder), core, line=line) as live:
        yield live


def test_a_spoken_question_gets_a_spoken_answer_over_the_line() -> None:
    async def main() -> None:
        line, responder = FakeLine(), ScriptedResponder(answers("Paris.", 500))
        async with calling(line, responder, ScriptedAsr("Where?")) as live:
            await line.hear(Pcm.join(sound(640)))
            await line.hear(Pcm.silence(300))
            await live.client.expect("output_audio_buffer.started")
            assert "response.done" in live.client.types()  # a scripted answer is made before its first sound leaves
            assert line.queued == {"resp_1": 500 * MS}
            assert line.finished == ["resp_1"]
            assert "response.output_audio.delta" not in live.client.types()
            assert line.ear is not None
            line.ear.played("resp_1")
            stopped = await live.client.expect("output_audio_buffer.stopped")
            assert stopped["response_id"] == "resp_1"

    run_virtual(main())


@pytest.mark.parametrize("telephone", [True, False])
def test_the_recogniser_is_told_of_a_telephone_s_sound(telephone: bool) -> None:
    async def main() -> None:
        line, asr = FakeLine(), ScriptedAsr("Where?")
        async with calling(line, ScriptedResponder(answers("Paris.", 500)), asr) as live:
            line.telephone = telephone  # as soon as its codec is agreed on, and that may be in the middle
            await line.hear(Pcm.join(sound(640)))
            await line.hear(Pcm.silence(300))
            await live.client.expect("output_audio_buffer.started")
            assert {call.request.hint.telephone for call in asr.calls} == {telephone}

    run_virtual(main())


def test_the_caller_silences_the_line_and_only_what_was_heard_is_remembered() -> None:
    async def main() -> None:
        line = FakeLine()
        responder = ScriptedResponder([*speaks("A long answer.", 1000), Wait(30.0), Finished()])
        async with calling(line, responder, ScriptedAsr("Where?", "Stop.")) as live:
            await line.hear(Pcm.join(sound(640)))
            await line.hear(Pcm.silence(300))
            await live.client.expect("output_audio_buffer.started")
            await line.hear(Pcm.join(sound(200)))
            await live.client.expect("output_audio_buffer.cleared")
            truncated = await live.client.expect("conversation.item.truncated")
            assert (line.cleared, truncated["audio_end_ms"]) == (1, 500)
            assert (responder.running, responder.cancelled) == (0, 1)

    run_virtual(main())


def test_a_key_that_the_caller_presses_is_told_with_its_time() -> None:
    async def main() -> None:
        line = FakeLine()
        async with calling(line, ScriptedResponder(), ScriptedAsr()) as live:
            before = int(time.time())
            assert line.ear is not None
            line.ear.pressed("5")
            event = await live.client.expect("input_audio_buffer.dtmf_event_received")
            assert event["event"] == "5"
            assert before <= event["received_at"] <= int(time.time())

    run_virtual(main())


def test_audio_in_events_is_refused_in_a_call() -> None:
    async def main() -> None:
        async with calling(FakeLine(), ScriptedResponder(), ScriptedAsr()) as live:
            live.client.append(bytes(4800))
            error = (await live.client.expect("error"))["error"]
            assert (error["code"], error["param"]) == ("invalid_value", "type")

    run_virtual(main())


def test_a_line_without_room_holds_its_engine_back() -> None:
    async def main() -> None:
        line = FakeLine()
        line.room.clear()
        async with calling(line, ScriptedResponder(answers("Paris.", 500)), ScriptedAsr()) as live:
            live.client.say("response.create")
            await asyncio.sleep(5)
            assert "response.done" not in live.client.types()
            line.room.set()
            await live.client.expect("response.done")

    run_virtual(main())
