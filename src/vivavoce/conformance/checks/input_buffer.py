"""The input audio buffer with turn detection off (PROTOCOL.md 4.2)."""

from __future__ import annotations

from base64 import b64encode

import numpy as np

from vivavoce.audio.pcm import Pcm
from vivavoce.conformance.client import Suite, Wire
from vivavoce.conformance.shapes import objects
from vivavoce.conformance.steps import append, commit, decoded, expect, in_force, refused
from vivavoce.conformance.verdict import Check, Section
from vivavoce.testing.client import Event, at, text

_MANUAL: Event = {"input": {"turn_detection": None}}
_EMPTY = ("input_audio_buffer_commit_empty",)


def hum(ms: int) -> Pcm:
    """A quiet tone at 24 kHz, so that one recording can be told from another."""
    at_sample = np.arange(24 * ms)
    return Pcm((np.sin(at_sample * 2 * np.pi * 200 / 24_000) * 3000).astype(np.int16), 24_000)


async def commits(suite: Suite) -> None:
    async with suite.session(audio=_MANUAL) as wire:
        committed = await commit(wire, hum(400))
        added = await wire.next("conversation.item.added")
        done = await wire.next("conversation.item.done")
        item_id = at(committed, "item_id")
        expect(text(added, "item", "id") == item_id, "The item should be the one that committed named.", added)
        expect(text(done, "item", "id") == item_id, "The item that is done should be the one that was added.", done)
        expect(text(done, "item", "role") == "user", "A recording should be of the user.", done)
        kinds = [part.get("type") for part in objects(at(done, "item", "content"))]
        expect(kinds == ["input_audio"], f"Its content should be one input_audio, not {kinds}.", done)


async def chains(suite: Suite) -> None:
    async with suite.session(audio=_MANUAL) as wire:
        first = await commit(wire, hum(200))
        expect(at(first, "previous_item_id") is None, "The first item should follow none.", first)
        await wire.next("conversation.item.done")
        second = await commit(wire, hum(200))
        expect(at(second, "previous_item_id") == at(first, "item_id"), "It should follow the first.", second)


async def no_answer(suite: Suite) -> None:
    async with suite.session(audio=_MANUAL) as wire:
        await commit(wire, hum(300))
        await in_force(wire)
        created = wire.of("response.created")
        expect(not created, "A commit by the client should create no response.", created[0] if created else None)


async def _too_little(suite: Suite, ms: int) -> None:
    async with suite.session(audio=_MANUAL) as wire:
        if ms:
            await wire.send_event(append(hum(ms).to_bytes()))
        event_id = await wire.send("input_audio_buffer.commit")
        await refused(wire, event_id, f"a commit of {ms} ms", codes=_EMPTY)
        await in_force(wire)


async def empty(suite: Suite) -> None:
    await _too_little(suite, 0)


async def short(suite: Suite) -> None:
    await _too_little(suite, 90)


async def least(suite: Suite) -> None:
    async with suite.session(audio=_MANUAL) as wire:
        await commit(wire, hum(100))


async def clears(suite: Suite) -> None:
    async with suite.session(audio=_MANUAL) as wire:
        await wire.send_event(append(hum(500).to_bytes()))
        await wire.send("input_audio_buffer.clear")
        await wire.next("input_audio_buffer.cleared")
        event_id = await wire.send("input_audio_buffer.commit")
        await refused(wire, event_id, "a commit after a clear", codes=_EMPTY)


async def pieces(suite: Suite) -> None:
    async with suite.session(audio=_MANUAL) as wire:
        for piece in hum(400).chunks(20):
            await wire.send_event(append(piece.to_bytes()))
        await in_force(wire)
        answers = wire.events[2:-1]
        expect(not answers, "An append should not be acknowledged.", answers[0] if answers else None)
        await wire.send("input_audio_buffer.commit")
        committed = await wire.next("input_audio_buffer.committed")
        audio = await _retrieved(wire, text(committed, "item_id"))
        expect(_about(len(audio), 400 * 48), f"400 ms of PCM should be kept, not {len(audio)} bytes.")


async def retrieves(suite: Suite) -> None:
    async with suite.session(audio=_MANUAL) as wire:
        committed = await commit(wire, hum(300))
        audio = await _retrieved(wire, text(committed, "item_id"))
        expect(_about(len(audio), 300 * 48), f"300 ms of PCM should come back, not {len(audio)} bytes.")


async def telephone(suite: Suite) -> None:
    settings = {"input": {"turn_detection": None, "format": {"type": "audio/pcmu"}}}
    async with suite.session(audio=settings) as wire:
        await wire.send("input_audio_buffer.append", audio=b64encode(b"\xff" * 700).decode())
        event_id = await wire.send("input_audio_buffer.commit")
        await refused(wire, event_id, "a commit of 87 ms of mu-law", codes=_EMPTY)
        await wire.send("input_audio_buffer.append", audio=b64encode(b"\xff" * 900).decode())
        await wire.send("input_audio_buffer.commit")
        await wire.next("input_audio_buffer.committed")


async def _retrieved(wire: Wire, item_id: str) -> bytes:
    await wire.next("conversation.item.done")
    await wire.send("conversation.item.retrieve", item_id=item_id)
    event = await wire.next("conversation.item.retrieved")
    parts = objects(at(event, "item", "content"))
    audio = decoded(text(parts[0], "audio")) if parts else b""
    expect(audio, "conversation.item.retrieved should carry the recording's audio.", event)
    return audio


def _about(size: int, wanted: int) -> bool:
    """A server may keep a little less or more than it was sent: frames of its own."""
    return abs(size - wanted) <= wanted * 0.15


SECTION = Section(
    "input-buffer",
    "Input buffer",
    (
        Check("a commit makes the buffer an item", commits),
        Check("recordings follow each other", chains),
        Check("a commit by the client creates no response", no_answer),
        Check("an append is not acknowledged, and its pieces are joined", pieces),
        Check("a commit of nothing is refused, and the session goes on", empty),
        Check("a commit of less than 100 ms is refused, and the session goes on", short),
        Check("a commit of 100 ms is accepted", least),
        Check("a clear empties the buffer", clears),
        Check("a recording can be retrieved with its audio", retrieves),
        Check("the input format takes effect", telephone),
    ),
)
