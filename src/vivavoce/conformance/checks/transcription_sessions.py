"""Sessions that only transcribe (PROTOCOL.md 3.8, 4.10)."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Mapping
from contextlib import asynccontextmanager

from vivavoce.conformance.checks.captions import COMPLETED, FAILED
from vivavoce.conformance.client import Rejected, Suite, Wire, error_of
from vivavoce.conformance.steps import commit, expect, in_force, refused, speak, unchanged, voice
from vivavoce.conformance.verdict import Check, NotOffered, Section
from vivavoce.testing.client import Event, at, text

_KIND = "transcription"
_MODEL = {"model": "whisper-1"}


@asynccontextmanager
async def transcribing(
    suite: Suite, audio_input: Event | None = None, query: Mapping[str, str] | None = None
) -> AsyncGenerator[tuple[Wire, Event]]:
    """A transcription session and its first event, with this input. Raises `NotOffered` when it is refused."""
    try:
        async with suite.dial(query=query or {"intent": _KIND}) as wire:
            created = await wire.next("session.created", "error")
            if created.get("type") == "error":
                raise NotOffered(error_of(created))
            if audio_input is not None:
                await wire.send("session.update", session={"type": _KIND, "audio": {"input": audio_input}})
                await wire.next("session.updated")
            yield wire, created
    except Rejected as rejected:
        if not rejected.no_such_thing:
            raise
        raise NotOffered(f"The upgrade is answered with {rejected}.") from None


async def begins(suite: Suite) -> None:
    async with transcribing(suite) as (_, event):
        kind, name = at(event, "session", "type"), at(event, "session", "object")
        expect(kind == _KIND, f"The session's type should be 'transcription', not {kind!r}.", event)
        wanted = "realtime.transcription_session"
        expect(name == wanted, f"Its object should be {wanted!r}, not {name!r}.", event)
        expect(at(event, "session", "audio", "output") is None, "It should have no audio output.", event)


async def with_model(suite: Suite) -> None:
    query = {"intent": _KIND, "model": suite.target.model}
    async with transcribing(suite, query=query) as (_, event):
        kind = at(event, "session", "type")
        expect(kind == _KIND, f"With intent and model the intent should win, not {kind!r}.", event)


async def updates(suite: Suite) -> None:
    async with transcribing(suite) as (wire, _):
        wanted = {"model": "whisper-1", "language": "en"}
        await wire.send("session.update", session={"type": _KIND, "audio": {"input": {"transcription": wanted}}})
        event = await wire.next("session.updated")
        expect(at(event, "session", "type") == _KIND, "It should stay a transcription session.", event)
        shown = at(event, "session", "audio", "input", "transcription")
        same = isinstance(shown, dict) and all(shown.get(name) == value for name, value in wanted.items())
        expect(same, f"session.updated should show the transcription as {wanted}, not {shown!r}.", event)


async def committed(suite: Suite) -> None:
    async with transcribing(suite, {"turn_detection": None, "transcription": _MODEL}) as (wire, _):
        item_id = (await commit(wire, voice(suite))).get("item_id")
        event = await wire.next(COMPLETED, FAILED)
        expect(event.get("type") == COMPLETED, "Speech should be understood.", event)
        expect(event.get("item_id") == item_id, "The transcript should name the item.", event)
        expect(text(event, "transcript").strip(), "Speech should have a transcript.", event)


async def found(suite: Suite) -> None:
    detection = {"type": "server_vad", "silence_duration_ms": 300}
    async with transcribing(suite, {"turn_detection": detection, "transcription": _MODEL}) as (wire, _):
        voice(suite)
        await speak(suite, wire)
        started = await wire.next("input_audio_buffer.speech_started")
        for kind in ("speech_stopped", "committed"):
            await wire.next(f"input_audio_buffer.{kind}")
        event = await wire.next(COMPLETED, FAILED)
        expect(event.get("item_id") == started.get("item_id"), "The transcript should name the turn's item.", event)
        await in_force(wire, _KIND)
        answers = [each for each in wire.events if text(each, "type").startswith(("response.", "rate_limits."))]
        expect(not answers, "A session that transcribes should answer nothing.", answers[0] if answers else None)


async def answers_nothing(suite: Suite) -> None:
    async with transcribing(suite) as (wire, _):
        event_id = await wire.send("response.create")
        await refused(wire, event_id, "response.create in a session that transcribes")
        await in_force(wire, _KIND)


async def stays(suite: Suite) -> None:
    async with transcribing(suite) as (wire, _):
        before = await in_force(wire, _KIND)
        event_id = await wire.send("session.update", session={"type": "realtime"})
        await refused(wire, event_id, "another type of session")
        await unchanged(wire, before, "A refused type", _KIND)
        event_id = await wire.send("session.update", session={"type": _KIND, "instructions": "Answer."})
        await refused(wire, event_id, "instructions for a session that transcribes")
        await unchanged(wire, before, "Refused instructions", _KIND)


SECTION = Section(
    "transcription-sessions",
    "Transcription sessions",
    (
        Check("intent=transcription begins one", begins),
        Check("with intent and model the intent wins", with_model),
        Check("its transcription can be set", updates),
        Check("a recording gets its transcript", committed),
        Check("a turn that the server found gets its transcript, and no answer", found),
        Check("response.create is refused", answers_nothing),
        Check("it stays what it is", stays),
    ),
)
