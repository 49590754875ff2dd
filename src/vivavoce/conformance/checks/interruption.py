"""Speaking into an answer, and what is remembered of it (PROTOCOL.md 4.6)."""

from __future__ import annotations

from vivavoce.conformance.checks.audio_response import spoken
from vivavoce.conformance.checks.turn_detection import listening
from vivavoce.conformance.client import Suite, Wire
from vivavoce.conformance.shapes import objects
from vivavoce.conformance.steps import Told, ask, decoded, expect, in_force, refused, speak, told, voice
from vivavoce.conformance.verdict import Check, LeftOut, Section
from vivavoce.testing.client import Event, at, text

LONG = "Tell a long story about a lighthouse, at least two hundred words."
_TOO_SOON = "The answer was complete before anybody could speak into it."


async def _spoken_into(suite: Suite, wire: Wire, **detection: object) -> Told:
    """An answer in speech into which somebody speaks."""
    voice(suite)
    await listening(wire, type="server_vad", **detection)
    await ask(wire, LONG)
    await wire.send("response.create", response={"output_modalities": ["audio"]})
    created = await wire.next("response.created")
    since = wire.position - 1
    # It is interrupted while it is being spoken, not before.
    if (await wire.next("response.output_audio.delta", "response.done")).get("type") == "response.done":
        raise LeftOut(_TOO_SOON)
    await speak(suite, wire)
    answer = await told(wire, created, since)
    started = [each for each in answer.events if each.get("type") == "input_audio_buffer.speech_started"]
    if not started:
        raise LeftOut(_TOO_SOON)
    return answer


async def cancels(suite: Suite) -> None:
    async with suite.session() as wire:
        answer = await _spoken_into(suite, wire, create_response=False)
        expect(answer.status == "cancelled", "Speech should cancel the answer.", answer.done)
        reason = at(answer.done, "response", "status_details", "reason")
        expect(reason == "turn_detected", f"The reason should be turn_detected, not {reason!r}.", answer.done)
        for item in objects(at(answer.done, "response", "output")):
            expect(item.get("status") == "incomplete", "An answer that was cut off is incomplete.", answer.done)


async def silent(suite: Suite) -> None:
    async with suite.session() as wire:
        answer = await _spoken_into(suite, wire, create_response=False)
        started = next(
            number
            for number, each in enumerate(answer.events)
            if each.get("type") == "input_audio_buffer.speech_started"
        )
        after = [each for each in answer.events[started:] if each.get("type") == "response.output_audio.delta"]
        expect(not after, "After speech_started no audio of the answer should come.", after[0] if after else None)


async def goes_on(suite: Suite) -> None:
    async with suite.session() as wire:
        answer = await _spoken_into(suite, wire, create_response=False, interrupt_response=False)
        expect(answer.status == "completed", "With interrupt_response false it should complete.", answer.done)


async def answered_next(suite: Suite) -> None:
    async with suite.session() as wire:
        first = await _spoken_into(suite, wire)
        second = await told(wire, await wire.next("response.created"))
        expect(second.id != first.id, "What was said into an answer should get one of its own.", second.done)
        expect(second.status == "completed", "The turn after an interruption should be answered.", second.done)


async def truncates(suite: Suite) -> None:
    async with suite.session() as wire:
        answer = await spoken(wire)
        event = await _truncated(wire, answer.item_id, 200)
        same = (event.get("item_id"), event.get("content_index"), event.get("audio_end_ms")) == (answer.item_id, 0, 200)
        expect(same, "The truncation should be acknowledged as it was asked for.", event)
        item = await _retrieved(wire, answer.item_id)
        parts = objects(at(item, "item", "content"))
        audio = b"".join(decoded(text(part, "audio")) for part in parts)
        expect(len(audio) < len(answer.audio()), "What was cut off should be forgotten.", item)
        said = "".join(text(part, "transcript") for part in parts)
        whole = answer.words()
        expect(said != whole and whole.startswith(said.rstrip(" .…")), "So should its words.", item)


async def nothing_heard(suite: Suite) -> None:
    async with suite.session() as wire:
        answer = await spoken(wire)
        await _truncated(wire, answer.item_id, 0)
        item = await _retrieved(wire, answer.item_id)
        said = "".join(text(part, "transcript") for part in objects(at(item, "item", "content")))
        expect(not said, "Nothing should be remembered of an answer that was cut at 0 ms.", item)


async def too_late(suite: Suite) -> None:
    async with suite.session() as wire:
        answer = await spoken(wire)
        ms = 10_000_000
        fields = {"item_id": answer.item_id, "content_index": 0, "audio_end_ms": ms}
        event_id = await wire.send("conversation.item.truncate", **fields)
        await refused(wire, event_id, "a cut past the end of the audio", codes=("invalid_value",))
        await in_force(wire)


async def _truncated(wire: Wire, item_id: str, ms: int) -> Event:
    fields = {"item_id": item_id, "content_index": 0, "audio_end_ms": ms}
    await wire.send("conversation.item.truncate", **fields)
    return await wire.next("conversation.item.truncated")


async def _retrieved(wire: Wire, item_id: str) -> Event:
    await wire.send("conversation.item.retrieve", item_id=item_id)
    return await wire.next("conversation.item.retrieved")


SECTION = Section(
    "interruption",
    "Interruption",
    (
        Check("speech cancels the answer, and it says why", cancels),
        Check("no audio of the answer comes after speech_started", silent),
        Check("interrupt_response false lets the answer finish", goes_on),
        Check("what was said into an answer is answered next", answered_next),
        Check("a truncated answer forgets what was not heard", truncates),
        Check("an answer cut at 0 ms is forgotten", nothing_heard),
        Check("a cut past the end is refused", too_late),
    ),
)
