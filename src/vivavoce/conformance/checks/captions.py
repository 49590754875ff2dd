"""Transcripts of what the caller said (PROTOCOL.md 3.6, 4.3, 5.2)."""

from __future__ import annotations

from vivavoce.conformance.client import Suite, Wire
from vivavoce.conformance.shapes import objects
from vivavoce.conformance.steps import commit, expect, in_force, not_offered, speak, voice
from vivavoce.conformance.verdict import Check, Section
from vivavoce.testing.client import Event, at, text

DELTA = "conversation.item.input_audio_transcription.delta"
COMPLETED = "conversation.item.input_audio_transcription.completed"
FAILED = "conversation.item.input_audio_transcription.failed"
_MANUAL: Event = {"turn_detection": None, "transcription": {"model": "whisper-1"}}


async def manual(suite: Suite) -> None:
    async with suite.session() as wire:
        await _captioned(wire, _MANUAL)
        committed = await commit(wire, voice(suite))
        event = await wire.next(COMPLETED, FAILED)
        expect(event.get("item_id") == committed.get("item_id"), "The transcript should name the item.", event)
        expect(event.get("type") == COMPLETED, "Speech should be understood.", event)
        expect(text(event, "transcript").strip(), "Speech should have a transcript.", event)
        expect(event.get("content_index") == 0, "The recording is content 0.", event)


async def found(suite: Suite) -> None:
    async with suite.session() as wire:
        voice(suite)
        detection = {"type": "server_vad", "create_response": False}
        await _captioned(wire, {"turn_detection": detection, "transcription": {"model": "whisper-1"}})
        await speak(suite, wire)
        started = await wire.next("input_audio_buffer.speech_started")
        event = await wire.next(COMPLETED, FAILED)
        expect(event.get("item_id") == started.get("item_id"), "The transcript should name the turn's item.", event)


async def remembered(suite: Suite) -> None:
    async with suite.session() as wire:
        await _captioned(wire, _MANUAL)
        committed = await commit(wire, voice(suite))
        event = await wire.next(COMPLETED)
        await wire.send("conversation.item.retrieve", item_id=committed.get("item_id"))
        item = await wire.next("conversation.item.retrieved")
        parts = objects(at(item, "item", "content"))
        said = [part.get("transcript") for part in parts]
        expect(said == [event.get("transcript")], "The item should keep its transcript.", item)


async def off(suite: Suite) -> None:
    async with suite.session(audio={"input": {"turn_detection": None}}) as wire:
        await commit(wire, voice(suite))
        await wire.send("response.create", response={"output_modalities": ["text"]})
        await wire.next("response.done")
        await in_force(wire)
        events = wire.of(DELTA, COMPLETED, FAILED)
        expect(not events, "Without transcription no transcript should come.", events[0] if events else None)


async def logprobs(suite: Suite) -> None:
    async with suite.session() as wire:
        await wire.send(
            "session.update",
            session={"type": "realtime", "include": ["item.input_audio_transcription.logprobs"]},
        )
        event = await wire.next("session.updated", "error")
        if event.get("type") == "error":
            not_offered(event, "session.include")
        await _captioned(wire, _MANUAL)
        await commit(wire, voice(suite))
        event = await wire.next(COMPLETED)
        entries = [
            *objects(event.get("logprobs")),
            *(one for each in wire.of(DELTA) for one in objects(each.get("logprobs"))),
        ]
        expect(entries, "With include a transcript should have its logprobs.", event)
        for each in entries:
            good = isinstance(each.get("token"), str) and isinstance(each.get("logprob"), int | float)
            expect(good and isinstance(each.get("bytes"), list), "A logprob has token, logprob and bytes.", event)


async def _captioned(wire: Wire, audio_input: Event) -> None:
    """Set the input. Raises `NotOffered` when transcription is refused by name."""
    await wire.send("session.update", session={"type": "realtime", "audio": {"input": audio_input}})
    event = await wire.next("session.updated", "error")
    if event.get("type") == "error":
        not_offered(event, "session.audio.input.transcription")


SECTION = Section(
    "captions",
    "Transcripts of the caller",
    (
        Check("a recording gets its transcript", manual),
        Check("a turn that the server found gets its transcript", found),
        Check("the item keeps the transcript", remembered),
        Check("without transcription there is none", off),
        Check("include logprobs gives them", logprobs),
    ),
)
