"""Answers in speech (PROTOCOL.md 3.2, 4.5)."""

from __future__ import annotations

from vivavoce.conformance.client import Suite, Wire
from vivavoce.conformance.shapes import objects
from vivavoce.conformance.steps import Told, answered, ask, decoded, expect, not_offered, refused, told
from vivavoce.conformance.verdict import Check, Section
from vivavoce.testing.client import at, text

_AUDIO = ["audio"]


async def spoken(wire: Wire, **response: object) -> Told:
    """A user message, and a completed answer in speech."""
    await ask(wire)
    answer = await answered(wire, output_modalities=_AUDIO, **response)
    expect(answer.status == "completed", "A spoken answer should complete.", answer.done)
    return answer


async def in_order(suite: Suite) -> None:
    async with suite.session() as wire:
        answer = await spoken(wire)
        types = answer.types()
        for before, after in (
            ("response.created", "response.output_item.added"),
            ("conversation.item.added", "response.content_part.added"),
            ("response.content_part.added", "response.output_audio.delta"),
            ("response.content_part.added", "response.output_audio_transcript.delta"),
            ("response.output_audio.delta", "response.output_audio.done"),
            ("response.output_audio.done", "response.content_part.done"),
            ("response.output_audio_transcript.done", "response.content_part.done"),
            ("response.content_part.done", "conversation.item.done"),
            ("conversation.item.done", "response.output_item.done"),
            ("response.output_item.done", "response.done"),
        ):
            for kind in (before, after):
                expect(kind in types, f"A spoken answer should have {kind}.", answer.done)
            expect(types.index(before) < types.index(after), f"{before} should come before {after}.", answer.done)


async def sounds(suite: Suite) -> None:
    async with suite.session() as wire:
        answer = await spoken(wire)
        part = next(each for each in answer.events if each.get("type") == "response.content_part.added")
        expect(at(part, "part", "type") == "audio", "The part of a spoken answer should be 'audio'.", part)
        expect(answer.words().strip(), "A spoken answer should have a transcript.", answer.done)
        expect(len(answer.audio()) > 4800, "A spoken answer should have more than 100 ms of audio.", answer.done)


async def shown(suite: Suite) -> None:
    async with suite.session() as wire:
        answer = await spoken(wire)
        output = objects(at(answer.done, "response", "output"))
        kinds = [part.get("type") for item in output for part in objects(item.get("content"))]
        expect(set(kinds) == {"output_audio"}, f"Its content should be output_audio, not {kinds}.", answer.done)
        expect(at(answer.done, "response", "output_modalities") == _AUDIO, "It should say audio.", answer.done)


async def telephone(suite: Suite) -> None:
    async with suite.session() as wire:
        await ask(wire)
        audio = {"output": {"format": {"type": "audio/pcmu"}}}
        event_id = await wire.send("response.create", response={"output_modalities": _AUDIO, "audio": audio})
        event = await wire.next("response.created", "error")
        if event.get("type") == "error":
            expect(at(event, "error", "event_id") == event_id, "The error should echo the event_id.", event)
            not_offered(event, "response.audio.output.format")
        kind = at(event, "response", "audio", "output", "format", "type")
        expect(kind in (None, "audio/pcmu"), f"The response should say audio/pcmu, not {kind!r}.", event)
        narrow = await told(wire, event)
        wide = await answered(wire, output_modalities=_AUDIO)
        expect(narrow.audio(), "A response in mu-law should have audio.", narrow.done)
        # Two answers need not be of the same length; only a factor of six is certain to tell the formats apart.
        if narrow.words() == wide.words():
            close = len(narrow.audio()) < len(wide.audio()) / 3
            expect(close, "The same words in mu-law should be a sixth of the bytes of 24 kHz PCM.", narrow.done)


async def kept(suite: Suite) -> None:
    async with suite.session() as wire:
        answer = await spoken(wire)
        await wire.send("conversation.item.retrieve", item_id=answer.item_id)
        event = await wire.next("conversation.item.retrieved")
        parts = objects(at(event, "item", "content"))
        audio = b"".join(decoded(text(part, "audio")) for part in parts)
        expect(audio, "conversation.item.retrieved should carry the answer's audio.", event)
        expect(len(audio) == len(answer.audio()), "It should be as long as what was sent.", event)


async def unknown_voice(suite: Suite) -> None:
    async with suite.session() as wire:
        audio = {"output": {"voice": {"id": "voice_no_such_voice"}}}
        event_id = await wire.send("response.create", response={"audio": audio})
        await refused(wire, event_id, "a voice that there is not")
        await spoken(wire)


async def slower(suite: Suite) -> None:
    async with suite.session() as wire:
        normal = await spoken(wire)
    async with suite.session() as wire:
        await wire.send("session.update", session={"type": "realtime", "audio": {"output": {"speed": 0.75}}})
        event = await wire.next("session.updated", "error")
        if event.get("type") == "error":
            not_offered(event, "session.audio.output.speed")
        slow = await spoken(wire)
        if slow.words() == normal.words():
            expect(len(slow.audio()) > len(normal.audio()), "The same words should take longer at 0.75.", slow.done)


SECTION = Section(
    "audio-response",
    "Audio response",
    (
        Check("its events come in the order of the protocol", in_order),
        Check("it has audio and a transcript", sounds),
        Check("response.done shows what was said", shown),
        Check("the output format can be overridden", telephone),
        Check("its audio can be retrieved", kept),
        Check("an unknown custom voice is refused", unknown_voice),
        Check("speed takes effect", slower),
    ),
)
