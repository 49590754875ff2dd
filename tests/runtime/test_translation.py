"""Translation sessions on virtual time: real hearing by loudness, scripted words and voices."""

from __future__ import annotations

import asyncio
import base64
import dataclasses
import json
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from msgspec.structs import replace
from tests.core.speaker import CAN, SETTINGS
from tests.runtime.hosting import CHUNK_MS, Hosted, engines, hosted

from vivavoce.audio.pcm import Pcm
from vivavoce.core import effects as fx
from vivavoce.core.translation import Interpreter
from vivavoce.observe.trace import TraceWriter, first_difference, replay
from vivavoce.ports import EngineError, Finished, ResponsePart, SpokenAudio, SpokenText
from vivavoce.protocol.client import MAX_APPEND_BYTES
from vivavoce.runtime.ids import RandomIds
from vivavoce.runtime.outbox import HIGH_WATER_BYTES
from vivavoce.runtime.runner import EngineSet, Recorder
from vivavoce.testing.clock import run_virtual
from vivavoce.testing.connection import MemoryConnection
from vivavoce.testing.fakes import STALL, FadingReducer, ScriptedAsr, ScriptedResponder, Wait, answers, sound, speaks

BROKEN = EngineError("engine_unavailable", "The model server is down.")


@asynccontextmanager
async def interpreting(engine_set: EngineSet, recorder: Recorder | None = None) -> AsyncIterator[Hosted]:
    """A session that has begun, and whose engines are checked for what they left undone."""
    core = Interpreter(SETTINGS, "alloy", CAN, RandomIds("seed"), asyncio.get_running_loop().time(), None)
    async with hosted(engine_set, core, recorder=recorder) as live:
        yield live


def append(live: Hosted, audio: bytes, **fields: object) -> None:
    live.client.say("session.input_audio_buffer.append", audio=base64.b64encode(audio).decode(), **fields)


async def say(live: Hosted, voice_ms: float = 640, silence_ms: float = 480) -> None:
    """A passage and a pause, in real time."""
    for chunk in Pcm.join([*sound(voice_ms), Pcm.silence(silence_ms)]).chunks(CHUNK_MS):
        append(live, chunk.to_bytes())
        await asyncio.sleep(CHUNK_MS / 1000)


async def ended(live: Hosted) -> tuple[int, str] | None:
    await live.client.expect("session.closed")
    await live.task
    return live.client.closed


def told(live: Hosted, type_: str) -> str:
    return "".join(event["delta"] for event in live.client.events if event["type"] == type_)


def test_two_passages_are_heard_and_spoken_and_the_session_closes() -> None:
    asr = ScriptedAsr("Eins.", "Zwei.")
    responder = ScriptedResponder(answers("One."), answers("Two."))

    async def main() -> None:
        async with interpreting(engines(asr, responder)) as live:
            live.client.say("session.update", session={"audio": {"input": {"transcription": {"model": "base"}}}})
            await say(live)
            await say(live)
            live.client.say("session.close")
            assert await ended(live) == (1000, "session_closed")
            assert told(live, "session.input_transcript.delta") == "Eins. Zwei."
            assert told(live, "session.output_transcript.delta") == "One. Two."
            assert "error" not in live.client.types()

    run_virtual(main())
    asr.assert_finished()
    responder.assert_finished()
    assert [call.request.hint.language for call in asr.calls] == ["auto", "auto"]
    assert all(call.request.plain and call.request.spoken for call in responder.calls)


def test_the_speaker_interrupts_nothing() -> None:
    responder = ScriptedResponder(
        [*speaks("One", 100), Wait(1.0), *speaks(" moment.", 100), Finished()], answers("Two.")
    )

    async def main() -> None:
        async with interpreting(engines(ScriptedAsr("Eins.", "Zwei."), responder)) as live:
            await say(live)
            await live.client.expect("session.output_transcript.delta")
            await say(live)
            live.client.say("session.close")
            await ended(live)
            assert told(live, "session.output_transcript.delta") == "One moment. Two."

    run_virtual(main())
    responder.assert_finished(cancelled=0)


@pytest.mark.parametrize("script", [[BROKEN], [*speaks("Well", 100), BROKEN], [STALL], [*speaks("Well", 100), STALL]])
def test_a_translator_that_fails_is_told_and_the_next_passage_is_translated(script: Any) -> None:
    responder = ScriptedResponder(script, answers("Two."))

    async def main() -> None:
        async with interpreting(engines(ScriptedAsr("Eins.", "Zwei."), responder)) as live:
            await say(live)
            fault = (await live.client.expect("error"))["error"]
            assert fault["type"] == "server_error"
            assert fault["code"] == ("engine_timeout" if STALL in script else "engine_unavailable")
            await say(live)
            live.client.say("session.close")
            await ended(live)
            assert told(live, "session.output_transcript.delta").endswith("Two.")

    run_virtual(main())


def test_a_recogniser_that_fails_is_told_and_the_next_passage_is_heard() -> None:
    async def main() -> None:
        asr = ScriptedAsr([BROKEN], "Zwei.")
        async with interpreting(engines(asr, ScriptedResponder(answers("Two.")))) as live:
            await say(live)
            fault = (await live.client.expect("error"))["error"]
            assert (fault["type"], fault["code"]) == ("server_error", "engine_unavailable")
            await say(live)
            live.client.say("session.close")
            await ended(live)
            assert told(live, "session.output_transcript.delta") == "Two."

    run_virtual(main())


def test_a_client_that_does_not_read_slows_its_own_translation() -> None:
    minutes: list[ResponsePart] = [
        SpokenText("On and on."),
        *(SpokenAudio(piece) for piece in sound(60_000)),
        Finished(),
    ]
    responder = ScriptedResponder(minutes)

    async def main() -> None:
        async with interpreting(engines(ScriptedAsr("Eins."), responder)) as live:
            live.client.stop_reading()
            await say(live)
            await asyncio.sleep(5)
            made = responder.calls[0].done
            assert made * 4800 * 4 / 3 < 2 * HIGH_WATER_BYTES
            assert made < len(minutes) / 4
            live.client.go_on_reading()
            live.client.say("session.close")
            await ended(live)
            audio = b"".join(
                base64.b64decode(event["delta"])
                for event in live.client.events
                if event["type"] == "session.output_audio.delta"
            )
            assert len(audio) == 60_000 * 48

    run_virtual(main())
    responder.assert_finished()


def test_a_client_that_vanishes_takes_its_translation_with_it() -> None:
    responder = ScriptedResponder([*speaks("Well", 100), STALL])

    async def main() -> None:
        async with interpreting(engines(ScriptedAsr("Eins."), responder)) as live:
            await say(live)
            await live.client.expect("session.output_transcript.delta")

    run_virtual(main())
    responder.assert_finished(cancelled=1)


def test_bad_input_is_refused_by_name_and_the_session_goes_on() -> None:
    async def main() -> None:
        async with interpreting(engines(ScriptedAsr("Eins."), ScriptedResponder(answers("One.")))) as live:

            async def refusal(frame: str | bytes) -> tuple[Any, Any, Any]:
                live.client.frame(frame)
                error = (await live.client.expect("error"))["error"]
                return error["code"], error["param"], error["event_id"]

            def frame(type_: str, **fields: object) -> str:
                return json.dumps({"type": type_, "event_id": "mine", **fields})

            silence = base64.b64encode(bytes(480)).decode()
            assert await refusal(frame("input_audio_buffer.append", audio=silence)) == ("invalid_value", "type", "mine")
            wrong = frame("session.update", session={"audio": {"output": {"language": "fr"}}})
            assert await refusal(wrong) == ("invalid_value", "session.audio.output.language", "mine")
            no_base64 = frame("session.input_audio_buffer.append", audio="?")
            assert await refusal(no_base64) == ("invalid_value", "audio", "mine")
            long = base64.b64encode(bytes(MAX_APPEND_BYTES + 1)).decode()
            too_long = frame("session.input_audio_buffer.append", audio=long)
            assert await refusal(too_long) == ("invalid_value", "audio", "mine")
            assert await refusal(b"\0\0") == ("invalid_event", None, None)
            assert await refusal("{") == ("invalid_json", None, None)
            append(live, b"")
            for odd in (Pcm.join(sound(640)).to_bytes(), b"\0", b"\0\0", b"\0", Pcm.silence(480).to_bytes()):
                append(live, odd)
            await live.client.expect("session.output_audio.delta")
            live.client.say("session.close")
            await ended(live)

    run_virtual(main())


def test_after_the_close_nothing_is_taken_and_it_closes_once() -> None:
    async def main() -> None:
        responder = ScriptedResponder([Wait(1.0), *answers("One.")])
        async with interpreting(engines(ScriptedAsr("Eins."), responder)) as live:
            await say(live)
            live.client.say("session.close")
            live.client.say("session.close", event_id="again")
            append(live, bytes(4800), event_id="late")
            for event_id in ("again", "late"):
                error = (await live.client.expect("error"))["error"]
                assert (error["code"], error["event_id"]) == ("session_closing", event_id)
            await ended(live)
            assert told(live, "session.output_transcript.delta") == "One."
            assert live.client.types().count("session.closed") == 1

    run_virtual(main())


def test_minutes_of_speech_in_one_append_are_all_translated() -> None:
    passage = Pcm.join([*sound(1000), Pcm.silence(600)])
    times = MAX_APPEND_BYTES // len(passage.to_bytes())
    asr = ScriptedAsr(*(f"S{number}." for number in range(times)))
    responder = ScriptedResponder(*(answers(f"T{number}.") for number in range(times)))

    async def main() -> None:
        async with interpreting(engines(asr, responder)) as live:
            append(live, passage.to_bytes() * times)
            live.client.say("session.close")
            await ended(live)
            assert "error" not in live.client.types()

    run_virtual(main())
    asr.assert_finished()
    asked = "".join(str(call.request.messages[0].content[0]) for call in responder.calls)
    assert all(f"S{number}." in asked for number in range(times))


class Heard:
    """A `Recorder` that counts the audio that reached the core."""

    def __init__(self) -> None:
        self.bytes = 0

    def record(self, now: float, event: fx.AnyInput, outputs: Sequence[fx.AnyOutput]) -> None:
        self.bytes += len(event.pcm) if isinstance(event, fx.AudioIn) else 0


@pytest.mark.parametrize(("strength", "translation"), [(0.0, "One."), (1.0, "")])
def test_noise_is_taken_out_of_what_is_heard_to_the_last_sample(strength: float, translation: str) -> None:
    reducer, heard = FadingReducer(), Heard()
    words = (ScriptedAsr("Eins."), ScriptedResponder(answers("One."))) if translation else ()

    async def main() -> None:
        async with interpreting(dataclasses.replace(engines(*words), noise=reducer), heard) as live:
            noise = {"type": "near_field", "strength": strength}
            live.client.say("session.update", session={"audio": {"input": {"noise_reduction": noise}}})
            await say(live, 640, 480)
            live.client.say("session.close")
            await ended(live)
            assert told(live, "session.output_transcript.delta") == translation

    run_virtual(main())
    assert reducer.opened == ["near_field"]
    assert heard.bytes == (640 + 480) * 48


def test_a_second_client_sees_the_same_session() -> None:
    async def main() -> None:
        async with interpreting(engines(ScriptedAsr("Eins."), ScriptedResponder(answers("One.")))) as live:
            listener = MemoryConnection()
            joined = asyncio.create_task(live.runner.join(listener))
            assert (await listener.expect("session.created"))["session"]["type"] == "translation"
            await say(live)
            assert (await listener.expect("session.output_transcript.delta"))["delta"] == "One."
            assert live.client.types().count("session.created") == 1
            live.client.say("session.close")
            await ended(live)
            await joined

    run_virtual(main())


def test_a_session_that_was_recorded_runs_again(tmp_path: Path) -> None:
    path = tmp_path / "trace.jsonl"
    ids = RandomIds("seed")
    settings = replace(SETTINGS, id=ids("sess"))

    async def main() -> None:
        now = asyncio.get_running_loop().time()
        core = Interpreter(settings, "alloy", CAN, ids, now, None)
        engine_set = engines(ScriptedAsr("Eins."), ScriptedResponder(answers("One.")))
        with TraceWriter(
            path, seed=ids.seed, settings=settings, voice="alloy", can=CAN, now=now, expires_in=None
        ) as writer:
            async with hosted(engine_set, core, recorder=writer) as live:
                live.client.say("session.update", session={"audio": {"output": {"language": "de"}}})
                await say(live)
                live.client.say("session.close")
                await ended(live)

    run_virtual(main())
    assert first_difference(path) is None
    assert len(list(replay(path))) > 50
