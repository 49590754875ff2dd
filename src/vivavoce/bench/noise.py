"""A caller in noise: what the server takes for speech, and which words it hears, with and without noise reduction.

No network and no real time: the audio goes to a session in this process as fast as it is worked off. Turns are counted
on the session's sample clock, so they are the same as they would be in real time.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from vivavoce.audio.level import levels
from vivavoce.audio.pcm import Pcm
from vivavoce.bench.noises import RATE, Samples, loud
from vivavoce.testing.connection import MemoryConnection

CALLER_DBFS = -26.0
"""Of the caller's speech, its pauses left out: ordinary for a headset."""
_PIECE_MS = 1000
_PADDING_MS = 300
"""Of server_vad's defaults: so much of what was before the onset belongs to a turn."""
_TRANSCRIBED = "conversation.item.input_audio_transcription.completed"
_FAILED = "conversation.item.input_audio_transcription.failed"


@dataclass(frozen=True, slots=True, eq=False)
class Said:
    """Something the caller says."""

    text: str
    audio: Pcm


@dataclass(frozen=True, slots=True)
class Place:
    """Where in a scene the caller speaks, in ms."""

    start: float
    end: float


@dataclass(frozen=True, slots=True, eq=False)
class Scene:
    """A caller who says something now and then, in noise that never ends."""

    audio: Pcm
    said: tuple[Said, ...]
    places: tuple[Place, ...]


@dataclass(frozen=True, slots=True)
class Turn:
    """What the server took for speech, in ms."""

    start: float
    end: float
    text: str


@dataclass(frozen=True, slots=True)
class Heard:
    """One scene, by one setting of the session."""

    turns: tuple[Turn, ...]
    """With server_vad."""
    transcripts: tuple[str, ...]
    """Of each thing said, committed by hand: what recognition alone makes of it."""


def scene(said: Sequence[Said], noise: Samples | None, snr: float, gap_s: float) -> Scene:
    """Everything that is `said`, `gap_s` of noise before each; `snr` in dB against the caller's active level."""
    gap = np.zeros(int(gap_s * RATE))
    pieces, places, at = [gap], list[Place](), len(gap)
    for each in said:
        voice = _at_caller_level(each.audio)
        places.append(Place(at * 1000 / RATE, (at + len(voice)) * 1000 / RATE))
        pieces += [voice, gap]
        at += len(voice) + len(gap)
    audio = np.concatenate(pieces)
    if noise is not None:
        audio += loud(noise[: len(audio)], CALLER_DBFS - snr)
    return Scene(Pcm.from_float(audio.astype(np.float32), RATE), tuple(said), tuple(places))


def scene_samples(said: Sequence[Said], gap_s: float) -> int:
    """How much noise such a scene needs."""
    return sum(len(each.audio.samples) for each in said) + (len(said) + 1) * int(gap_s * RATE)


def _at_caller_level(pcm: Pcm) -> Samples:
    level = levels(pcm)
    active = level[level > level.max() - 40]
    mean = 10 * np.log10(np.mean(10 ** (active / 10)))
    factor = 10 ** ((CALLER_DBFS - float(mean)) / 20)
    return pcm.to_float().astype(np.float64) * factor


async def with_turns(client: MemoryConnection, found: Scene, reduction: dict[str, object] | None) -> tuple[Turn, ...]:
    """The turns that server_vad, by its defaults, makes of the scene. `client` has a session that has just begun."""
    detection = {"type": "server_vad", "create_response": False}
    _update(client, noise_reduction=reduction, turn_detection=detection, transcription={"model": "whisper-1"})
    await client.expect("session.updated")
    for piece in found.audio.chunks(_PIECE_MS):
        client.append(piece.to_bytes())
    _update(client, turn_detection=None)  # answered when all of the audio has been heard
    await client.expect("session.updated")
    events = client.events
    starts, ends = (_times(events, kind) for kind in ("started", "stopped"))
    if len(starts) > len(ends):  # still open: it ends with the scene
        client.say("input_audio_buffer.commit")
        await client.expect("input_audio_buffer.committed")
        ends.append(found.audio.ms)
    texts = await _transcripts(client)
    order = [event["item_id"] for event in events if event["type"] == "input_audio_buffer.committed"]
    return tuple(Turn(a + _PADDING_MS, b, texts[item]) for a, b, item in zip(starts, ends, order, strict=True))


async def by_hand(client: MemoryConnection, found: Scene, reduction: dict[str, object] | None) -> tuple[str, ...]:
    """What recognition makes of each thing said, its beginning and end given."""
    asked = {"model": "whisper-1"}
    _update(client, noise_reduction=reduction, turn_detection=None, transcription=asked)
    await client.expect("session.updated")
    at = 0
    for place in found.places:
        start, end = (int(ms * RATE / 1000) for ms in (place.start - 200, place.end + 200))
        client.append(Pcm(found.audio.samples[at:start], RATE).to_bytes())
        client.say("input_audio_buffer.clear")
        client.append(Pcm(found.audio.samples[start:end], RATE).to_bytes())
        client.say("input_audio_buffer.commit")
        await client.expect("input_audio_buffer.committed")
        at = end
    texts = await _transcripts(client)
    order = [event["item_id"] for event in client.events if event["type"] == "input_audio_buffer.committed"]
    return tuple(texts[item] for item in order)


def _update(client: MemoryConnection, **given: object) -> None:
    client.say("session.update", session={"type": "realtime", "audio": {"input": given}})


def _times(events: Sequence[dict[str, Any]], kind: str) -> list[float]:
    key = "audio_start_ms" if kind == "started" else "audio_end_ms"
    return [float(event[key]) for event in events if event["type"] == f"input_audio_buffer.speech_{kind}"]


async def _transcripts(client: MemoryConnection) -> dict[str, str]:
    """Of every item, once all are there. Raises `ConnectionError` where recognition failed."""
    wanted = sum(event["type"] == "input_audio_buffer.committed" for event in client.events)
    texts: dict[str, str] = {}
    for event in client.events:
        if event["type"] == _TRANSCRIBED:
            texts[event["item_id"]] = event["transcript"]
    while len(texts) < wanted:
        event = await client.expect(_TRANSCRIBED, _FAILED)
        if event["type"] == _FAILED:
            raise ConnectionError(event["error"]["message"])
        texts[event["item_id"]] = event["transcript"]
    return texts
