"""The stock `openai` SDK drives a real server over a socket; only `base_url` and `api_key` are changed."""

from __future__ import annotations

import asyncio
import base64
import hashlib

import pytest
from tests.clients.parrot import Parrot, Storyteller
from tests.clients.sdk import call
from tests.clients.stock import VOICE, spoken_as
from tests.live import live, spoken
from tests.patience import run
from websockets.exceptions import ConnectionClosedOK

from vivavoce.engines.instant import InstantTts


def test_a_text_turn() -> None:
    async def scenario() -> None:
        async with live() as server, call(server, output_modalities=["text"]) as caller:
            await caller.write("Hello?")
            done = await caller.until("response.done")
            text = "".join(event.delta for event in caller.events if event.type == "response.output_text.delta")
            assert done.response.status == "completed"
            assert text == done.response.output[0].content[0].text == "This answer comes at once. No model was asked."

    run(scenario)


def test_instructions_and_a_voice_take_effect() -> None:
    async def scenario() -> None:
        settings = {"instructions": "Arr, matey.", "audio": {"output": {"voice": VOICE}}}
        async with live(llm=Parrot()) as server, call(server, **settings) as caller:
            await caller.write("Hello?")
            done = await caller.until("response.done")
            words = done.response.output[0].content[0].transcript
            assert words == "Arr, matey. Hello?"
            assert hashlib.sha256(caller.audio).hexdigest() == await asyncio.to_thread(spoken_as, words)

    run(scenario)


def test_a_spoken_turn_with_server_vad() -> None:
    async def scenario() -> None:
        transcription = {"input": {"transcription": {"model": "whisper-1"}}}
        async with live() as server, call(server, audio=transcription) as caller:
            await caller.say()
            done = await caller.until("response.done")
            order = [
                "input_audio_buffer.speech_started",
                "input_audio_buffer.speech_stopped",
                "input_audio_buffer.committed",
                "conversation.item.added",
                "conversation.item.done",
                "response.created",
            ]
            start = caller.types.index(order[0])
            assert caller.types[start : start + len(order)] == order
            assert "conversation.item.input_audio_transcription.completed" in caller.types
            audio = caller.audio
            words = done.response.output[0].content[0].transcript
            assert words == "This answer comes at once. No model was asked."
            assert len(audio) / 48 > 2000  # milliseconds
            assert done.response.usage.output_token_details.audio_tokens >= len(audio) / 48 / 50

    run(scenario)


def test_a_spoken_turn_with_semantic_vad() -> None:
    async def scenario() -> None:
        detection = {"input": {"turn_detection": {"type": "semantic_vad", "eagerness": "high"}}}
        async with live() as server, call(server, audio=detection) as caller:
            await caller.say()
            assert (await caller.until("response.done")).response.status == "completed"

    run(scenario)


def test_a_manual_turn() -> None:
    async def scenario() -> None:
        async with live() as server, call(server, audio={"input": {"turn_detection": None}}) as caller:
            await caller.say()
            await caller.connection.input_audio_buffer.commit()
            await caller.until("input_audio_buffer.committed")
            await caller.connection.response.create()
            assert (await caller.until("response.done")).response.status == "completed"
            assert "input_audio_buffer.speech_started" not in caller.types

    run(scenario)


def test_a_cancel() -> None:
    async def scenario() -> None:
        async with live(tts=InstantTts(delay=0.2)) as server, call(server, instructions="Hi.") as caller:
            await caller.connection.response.create()
            await caller.until("response.output_audio_transcript.delta")
            await caller.connection.response.cancel()
            done = await caller.until("response.done")
            assert done.response.status == "cancelled"
            assert done.response.status_details.reason == "client_cancelled"
            await caller.connection.response.cancel(event_id="mine")
            error = (await caller.until("error")).error
            assert (error.code, error.event_id) == ("response_cancel_not_active", "mine")

    run(scenario)


@pytest.mark.parametrize("detection", ["server_vad", "semantic_vad"])
def test_a_barge_in(detection: str) -> None:
    async def scenario() -> None:
        audio = {"input": {"turn_detection": {"type": detection}}}
        async with live(tts=Storyteller(), llm=Parrot()) as server, call(server, audio=audio) as caller:
            await caller.write("Tell me a story.")
            await caller.until("response.output_audio.delta")
            await caller.say()
            done = await caller.until("response.done")
            assert done.response.status_details.reason == "turn_detected"
            assert (await caller.until("response.done")).response.status == "completed"
            late = [event for event in caller.events if getattr(event, "response_id", "") == done.response.id]
            ended = caller.events.index(done)
            assert all(caller.events.index(event) < ended for event in late)

    run(scenario)


def test_a_refused_request_is_an_error_object_and_the_conversation_goes_on() -> None:
    async def scenario() -> None:
        async with live() as server, call(server, instructions="Hi.") as caller:
            await caller.connection.session.update(
                session={"type": "realtime", "audio": {"output": {"voice": "nobody"}}}, event_id="mine"
            )
            error = (await caller.until("error")).error
            assert (error.type, error.code) == ("invalid_request_error", "invalid_value")
            assert (error.param, error.event_id) == ("session.audio.output.voice", "mine")
            await caller.write("Still there?")
            assert (await caller.until("response.done")).response.status == "completed"

    run(scenario)


def test_it_closes_cleanly() -> None:
    async def scenario() -> None:
        async with live() as server, call(server) as caller:
            await caller.connection.close()
            with pytest.raises(ConnectionClosedOK):
                await caller.until("response.done")

    run(scenario)


def test_a_cut_answer_is_truncated_and_retrieved() -> None:
    async def scenario() -> None:
        async with live() as server, call(server, instructions="Hi.") as caller:
            await caller.connection.response.create()
            item = (await caller.until("response.done")).response.output[0]
            await caller.connection.conversation.item.truncate(item_id=item.id, content_index=0, audio_end_ms=500)
            assert (await caller.until("conversation.item.truncated")).audio_end_ms == 500
            await caller.connection.conversation.item.retrieve(item_id=item.id)
            part = (await caller.until("conversation.item.retrieved")).item.content[0]
            assert len(base64.b64decode(part.audio)) == 500 * 48
            assert item.content[0].transcript.startswith(part.transcript)
            assert part.transcript != item.content[0].transcript

    run(scenario)


def test_g711_both_ways() -> None:
    async def scenario() -> None:
        from vivavoce.audio.g711 import ulaw_decode, ulaw_encode
        from vivavoce.audio.resample import resample

        formats = {"input": {"format": {"type": "audio/pcmu"}}, "output": {"format": {"type": "audio/pcmu"}}}
        async with live() as server, call(server, audio=formats) as caller:
            line = ulaw_encode(resample(spoken(), 8000))
            for start in range(0, len(line), 160):
                frame = base64.b64encode(line[start : start + 160]).decode()
                await caller.connection.input_audio_buffer.append(audio=frame)
            await caller.until("response.done")
            pcm = ulaw_decode(caller.audio)
            assert pcm.ms > 2000
            assert abs(pcm.samples).max() > 1000

    run(scenario)
