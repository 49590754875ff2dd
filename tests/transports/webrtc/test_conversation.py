"""Whole calls: stock aiortc calls a real server over real UDP, and talks with it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from aiortc import RTCRtpSender
from tests.live import live, spoken
from tests.patience import run
from tests.transports.calling import call, minted
from tests.transports.webrtc.caller import Caller, calling

from vivavoce.config import Config
from vivavoce.config.tree import Trace
from vivavoce.core import effects as fx
from vivavoce.observe.trace import replay
from vivavoce.ports import TextDelta
from vivavoce.testing.fakes import STALL, ScriptedAsr, ScriptedLlm, says

LOUD = 1000.0
"""The instant voice speaks in tones with a level of some 2,700."""


def without_candidates(sdp: str) -> str:
    """As a browser posts it at once."""
    return "".join(line for line in sdp.splitlines(keepends=True) if "candidate" not in line)


def test_a_spoken_question_is_answered_aloud() -> None:
    async def scenario() -> None:
        asr, llm = ScriptedAsr("How are you?"), ScriptedLlm(says("Fine, thank you."))
        async with live(asr=asr, llm=llm) as server, calling(server.http) as caller:
            assert (await caller.event("session.created"))["session"]["type"] == "realtime"
            caller.microphone.say(spoken())
            await caller.event("output_audio_buffer.stopped")
            # Events say what is spoken; the sound itself is on the line (PROTOCOL.md 4.8).
            kinds = caller.kinds()
            assert "response.output_audio.delta" not in kinds
            order = ["input_audio_buffer.speech_started", "response.created", "output_audio_buffer.started"]
            order += ["response.done", "output_audio_buffer.stopped"]
            assert [kind for kind in kinds if kind in order] == order
            assert (await caller.event("response.output_audio_transcript.done"))["transcript"] == "Fine, thank you."
            await caller.until(lambda: caller.loudness() > LOUD)
        asr.assert_finished()
        llm.assert_finished()
        assert asr.calls[0].request.ms == pytest.approx(600, abs=400)

    run(scenario)


def test_a_call_that_was_recorded_runs_again(tmp_path: Path) -> None:
    async def scenario() -> None:
        config = Config(trace=Trace(folder=str(tmp_path)))
        async with live(config) as server, calling(server.http) as caller:
            caller.microphone.say(spoken())
            await caller.event("output_audio_buffer.stopped")

    run(scenario)
    (file,) = tmp_path.iterdir()
    steps = list(replay(file))
    assert any(isinstance(output, fx.Play) for step in steps for output in step.outputs)
    assert all(step.same for step in steps)


@pytest.mark.parametrize("codec", ["PCMU", "PCMA"])
def test_a_caller_with_a_telephone_s_codec_is_heard_too(codec: str) -> None:
    async def scenario() -> None:
        caller = Caller()
        capable = [each for each in RTCRtpSender.getCapabilities("audio").codecs if each.name == codec]
        caller.peer.getTransceivers()[0].setCodecPreferences(capable)
        async with live() as server, calling(server.http, caller):
            caller.microphone.say(spoken())
            await caller.event("output_audio_buffer.started")
            await caller.until(lambda: caller.loudness() > LOUD)

    run(scenario)


def test_an_offer_without_candidates_will_do() -> None:
    async def scenario() -> None:
        async with live() as server, calling(server.http, change=without_candidates) as caller:
            await caller.event("session.created")

    run(scenario)


def test_a_caller_who_types_is_answered_aloud() -> None:
    async def scenario() -> None:
        async with live() as server, calling(server.http) as caller:
            content = [{"type": "input_text", "text": "Hello."}]
            item = {"type": "message", "role": "user", "content": content}
            caller.send({"type": "conversation.item.create", "item": item})
            caller.send({"type": "response.create"})
            await caller.event("output_audio_buffer.started")
            await caller.until(lambda: caller.loudness() > LOUD)
            caller.channel.send("nonsense")
            assert (await caller.event("error"))["error"]["code"] == "invalid_json"
            caller.channel.send(b"\x00")
            assert (await caller.event("error", 2))["error"]["code"] == "invalid_event"

    run(scenario)


def test_who_is_interrupted_falls_silent_and_knows_what_was_heard() -> None:
    async def scenario() -> None:
        llm = ScriptedLlm([TextDelta("One two three. " * 40), STALL], says("Yes?"))
        async with live(llm=llm) as server, calling(server.http) as caller:
            caller.send({"type": "response.create"})
            await caller.event("output_audio_buffer.started")
            caller.microphone.say(spoken())
            await caller.event("output_audio_buffer.cleared")
            cut = await caller.event("conversation.item.truncated")
            assert 0 < cut["audio_end_ms"] < 10_000
            await caller.event("output_audio_buffer.stopped")  # the next answer's

    run(scenario)


def test_a_server_of_the_caller_s_may_join_by_the_call_s_id() -> None:
    async def scenario() -> None:
        async with (
            live() as server,
            calling(server.http) as caller,
            call(server, f"?call_id={caller.call_id}") as (
                socket,
                event,
            ),
        ):
            assert event["session"]["id"] == (await caller.event("session.created"))["session"]["id"]
            wanted = {"type": "session.update", "session": {"type": "realtime", "instructions": "Be kind."}}
            await socket.send(json.dumps(wanted))
            updated = await caller.event("session.updated")
            assert updated["session"]["instructions"] == "Be kind."

    run(scenario)


def test_an_event_that_no_message_can_hold_is_refused_by_name() -> None:
    async def scenario() -> None:
        async with (
            live() as server,
            calling(server.http) as caller,
            call(server, f"?call_id={caller.call_id}") as (
                socket,
                _,
            ),
        ):
            text = "word " * 60_000
            item = {"type": "message", "role": "user", "content": [{"type": "input_text", "text": text}]}
            await socket.send(json.dumps({"type": "conversation.item.create", "item": item}))
            error = (await caller.event("error"))["error"]
            assert error["code"] == "event_too_large"
            assert "'conversation.item.added'" in error["message"]
            caller.send({"type": "session.update", "session": {"type": "realtime"}})
            await caller.event("session.updated")

    run(scenario)


def test_a_call_may_be_for_captions_alone() -> None:
    async def scenario() -> None:
        captions = {"transcription": {"model": "whisper-1"}}
        session = {"type": "transcription", "audio": {"input": captions}}
        asr = ScriptedAsr("Take this down.")
        async with live(asr=asr) as server, calling(server.http, session=session) as caller:
            assert (await caller.event("session.created"))["session"]["type"] == "transcription"
            caller.microphone.say(spoken())
            done = await caller.event("conversation.item.input_audio_transcription.completed")
            assert done["transcript"] == "Take this down."
            assert "response.created" not in caller.kinds()

    run(scenario)


def test_what_comes_with_the_offer_is_where_the_session_begins() -> None:
    async def scenario() -> None:
        session = {"type": "realtime", "instructions": "Be brief.", "audio": {"output": {"voice": "coral"}}}
        async with live() as server, calling(server.http, session=session) as caller:
            begun = (await caller.event("session.created"))["session"]
            assert begun["instructions"] == "Be brief."
            assert begun["audio"]["output"]["voice"] == "coral"

    run(scenario)


def test_a_secret_s_session_is_the_call_s() -> None:
    async def scenario() -> None:
        async with live() as server:
            body = {"session": {"type": "realtime", "instructions": "Be kind."}, "lock": ["tools"]}
            secret = await minted(server, body)
            async with calling(server.http, key=secret) as caller:
                assert (await caller.event("session.created"))["session"]["instructions"] == "Be kind."
                caller.send({"type": "session.update", "session": {"type": "realtime", "tools": []}})
                assert (await caller.event("error"))["error"]["code"] == "parameter_locked"

    run(scenario)
