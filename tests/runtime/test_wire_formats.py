"""Audio and frames as they stand on the wire: telephones, odd bytes, binary frames, recordings."""

from __future__ import annotations

import asyncio
import base64
import json
from typing import Any

import numpy as np
import pytest
from tests.runtime.hosting import Hosted, engines, hosted

from vivavoce.audio.g711 import alaw_decode, alaw_encode, ulaw_decode, ulaw_encode
from vivavoce.audio.pcm import Pcm
from vivavoce.ports import AsrHint, Began, Finished, Speech, WordTimes
from vivavoce.protocol.session import AudioPcm
from vivavoce.runtime.wire_audio import Encoder
from vivavoce.testing.clock import run_virtual
from vivavoce.testing.fakes import ScriptedAsr, ScriptedResponder, answers, sound, speaks

G711 = {"audio/pcmu": (ulaw_encode, ulaw_decode), "audio/pcma": (alaw_encode, alaw_decode)}


async def manual(live: Hosted, wire_format: str | None = None) -> None:
    settings: dict[str, Any] = {"turn_detection": None}
    if wire_format:
        settings["format"] = {"type": wire_format}
    output = {"format": {"type": wire_format}} if wire_format else {}
    live.client.say("session.update", session={"type": "realtime", "audio": {"input": settings, "output": output}})
    await live.client.expect("session.updated")


async def committed(live: Hosted) -> str:
    live.client.say("input_audio_buffer.commit")
    item_id: str = (await live.client.expect("input_audio_buffer.committed"))["item_id"]
    return item_id


async def retrieved(live: Hosted, item_id: str) -> bytes:
    live.client.say("conversation.item.retrieve", item_id=item_id)
    event = await live.client.expect("conversation.item.retrieved")
    return base64.b64decode(event["item"]["content"][0]["audio"])


def tone(ms: int, rate: int) -> Pcm:
    at = np.arange(rate * ms // 1000)
    return Pcm((np.sin(at * 2 * np.pi * 300 / rate) * 8000).astype(np.int16), rate)


def test_samples_that_are_cut_in_half_are_put_together_again() -> None:
    async def main() -> None:
        async with hosted(engines(ScriptedAsr("Hi."))) as live:
            await manual(live)
            audio = tone(200, 24_000).to_bytes()
            for piece in (audio[:1], audio[1:4801], audio[4801:]):
                live.client.append(piece)
            assert await retrieved(live, await committed(live)) == audio

    run_virtual(main())


def test_half_a_sample_does_not_outlive_its_turn() -> None:
    async def main() -> None:
        async with hosted(engines(ScriptedAsr("One.", "Two."))) as live:
            await manual(live)
            audio = tone(200, 24_000).to_bytes()
            live.client.append(audio + b"\x01")
            assert await retrieved(live, await committed(live)) == audio
            live.client.append(audio)
            assert await retrieved(live, await committed(live)) == audio
            live.client.append(b"\x01")
            live.client.say("input_audio_buffer.clear")
            live.client.append(audio)
            assert await retrieved(live, await committed(live)) == audio

    run_virtual(main())


@pytest.mark.parametrize("wire_format", sorted(G711))
def test_a_telephones_audio_comes_back_as_a_telephones_audio(wire_format: str) -> None:
    encode, decode = G711[wire_format]

    async def main() -> None:
        asr = ScriptedAsr("Hi.")
        async with hosted(engines(asr)) as live:
            await manual(live, wire_format)
            sent = tone(400, 8000)
            live.client.append(encode(sent))
            back = await retrieved(live, await committed(live))
            assert len(back) == 3200
            error = decode(back).to_float() - sent.to_float()
            assert float(np.sqrt(np.mean(np.square(error[80:-80])))) < 0.02
        assert asr.calls[0].request.hint == AsrHint(telephone=True)
        assert asr.calls[0].request.ms == 400

    run_virtual(main())


def test_a_hundred_milliseconds_of_telephone_are_enough_to_commit() -> None:
    async def main() -> None:
        async with hosted(engines(ScriptedAsr("Hi."))) as live:
            await manual(live, "audio/pcmu")
            live.client.append(ulaw_encode(tone(100, 8000)))
            await committed(live)

    run_virtual(main())


def test_an_answer_on_a_telephone_is_as_long_as_it_was_spoken() -> None:
    async def main() -> None:
        responder = ScriptedResponder(answers("Yes.", 450))
        async with hosted(engines(responder=responder)) as live:
            await manual(live, "audio/pcma")
            live.client.say("response.create")
            await live.client.expect("response.done")
            deltas = [event for event in live.client.events if event["type"] == "response.output_audio.delta"]
            spoken = b"".join(base64.b64decode(event["delta"]) for event in deltas)
            assert len(spoken) == 3600
            item_id = deltas[0]["item_id"]
            assert await retrieved(live, item_id) == spoken
            live.client.say("conversation.item.truncate", item_id=item_id, content_index=0, audio_end_ms=450)
            await live.client.expect("conversation.item.truncated")

    run_virtual(main())


def test_a_cut_on_a_telephone_falls_between_the_words_that_the_voice_timed() -> None:
    async def main() -> None:
        clause, ends = speaks("Yes, of course.", 1000), ((4, 300.0), (7, 500.0), (15, 900.0))
        answer = [Began(), clause[0], WordTimes(ends), *clause[1:], Finished()]
        async with hosted(engines(responder=ScriptedResponder(answer))) as live:
            await manual(live, "audio/pcmu")
            live.client.say("response.create")
            done = await live.client.expect("response.done")
            item_id = done["response"]["output"][0]["id"]
            for cut, words in ((899, "Yes, of"), (301, "Yes,"), (0, "")):
                live.client.say("conversation.item.truncate", item_id=item_id, content_index=0, audio_end_ms=cut)
                await live.client.expect("conversation.item.truncated")
                live.client.say("conversation.item.retrieve", item_id=item_id)
                item = (await live.client.expect("conversation.item.retrieved"))["item"]
                assert item["content"][0]["transcript"] == words

    run_virtual(main())


@pytest.mark.parametrize("wire_format", sorted(G711))
def test_a_recording_of_a_client_is_in_its_format_too(wire_format: str) -> None:
    encode, _ = G711[wire_format]

    async def main() -> None:
        asr = ScriptedAsr("In the conversation.", "In the request.")
        responder = ScriptedResponder(answers("Yes."))
        async with hosted(engines(asr, responder)) as live:
            await manual(live, wire_format)
            audio = base64.b64encode(encode(tone(300, 8000))).decode()
            item = {
                "id": "mine",
                "type": "message",
                "role": "user",
                "content": [{"type": "input_audio", "audio": audio}],
            }
            live.client.say("conversation.item.create", item=item)
            await live.client.expect("conversation.item.done")
            assert len(await retrieved(live, "mine")) == 2400
            given = [item, {"type": "item_reference", "id": "mine"}]
            live.client.say("response.create", response={"input": given})
            await live.client.expect("response.done")
            (call,) = responder.calls
            (first,), (second,) = (message.content for message in call.request.messages)
            assert isinstance(first, Speech)
            assert isinstance(second, Speech)
            assert (await first.transcript(), await second.transcript()) == ("In the request.", "In the conversation.")
            assert (first.audio.ms, second.audio.ms) == (300, 300)

    run_virtual(main())


def test_a_binary_frame_is_refused_and_the_session_goes_on() -> None:
    async def main() -> None:
        async with hosted(engines()) as live:
            live.client.frame(b"\x00\x01")
            error = await live.client.expect("error")
            assert error["error"]["code"] == "invalid_event"
            assert error["error"]["message"] == "Expected a text WebSocket message; binary frames are not supported."
            live.client.frame("{")
            assert (await live.client.expect("error"))["error"]["code"] == "invalid_json"
            live.client.frame(json.dumps({"type": "response.dance", "event_id": "mine"}))
            assert (await live.client.expect("error"))["error"]["event_id"] == "mine"
            live.client.say("session.update", session={"type": "realtime"})
            await live.client.expect("session.updated")

    run_virtual(main())


def test_an_answer_without_audio_has_nothing_to_flush() -> None:
    assert Encoder(AudioPcm(rate=24_000)).flush() == (b"", 0)


def test_an_empty_append_is_nothing() -> None:
    async def main() -> None:
        async with hosted(engines()) as live:
            live.client.append(b"")
            live.client.say("input_audio_buffer.commit")
            assert "0.00ms" in (await live.client.expect("error"))["error"]["message"]

    run_virtual(main())


def test_turn_detection_can_be_switched_off_and_on_in_the_middle_of_the_stream() -> None:
    async def main() -> None:
        async with hosted(engines(ScriptedAsr("Hi."), ScriptedResponder(answers("Yes.")))) as live:
            await live.silence(500)
            await manual(live)
            live.client.append(Pcm.join(sound(510)).to_bytes())
            live.client.say("input_audio_buffer.clear")
            detection = {"turn_detection": {"type": "server_vad"}}
            live.client.say("session.update", session={"type": "realtime", "audio": {"input": detection}})
            await live.silence(500)
            await live.turn()
            started = await live.client.expect("input_audio_buffer.speech_started")
            assert abs(started["audio_start_ms"] - (500 + 510 + 500 - 300)) <= 64
            await live.client.expect("response.done")
            await asyncio.sleep(0)

    run_virtual(main())
