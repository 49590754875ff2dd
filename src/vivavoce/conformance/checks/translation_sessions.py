"""Sessions that interpret (PROTOCOL.md 2.2, 4.14)."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager

from vivavoce.audio.pcm import Pcm
from vivavoce.conformance.client import Rejected, Suite, Wire, error_of
from vivavoce.conformance.steps import decoded, expect, not_offered, play, refused, voice
from vivavoce.conformance.verdict import Check, NotOffered, Section
from vivavoce.testing.client import Event, at, text

_APPEND = "session.input_audio_buffer.append"
_AUDIO = "session.output_audio.delta"
_STEP_MS = 200
_WORDS = "session.output_transcript.delta"


@asynccontextmanager
async def interpreting(suite: Suite, language: str | None = None) -> AsyncGenerator[tuple[Wire, Event]]:
    """A translation session and its first event. Raises `NotOffered` when it is refused.

    A server that does not know `language` stays with its own.
    """
    try:
        async with suite.dial(path="/realtime/translations", query={"model": suite.target.translation_model}) as wire:
            created = await wire.next("session.created", "error")
            if created.get("type") == "error":
                raise NotOffered(error_of(created))
            if language is not None:
                await wire.send("session.update", session=_spoken_in(language))
                await wire.next("session.updated", "error")
            yield wire, created
    except Rejected as rejected:
        if not rejected.no_such_thing:
            raise
        raise NotOffered(f"The upgrade is answered with {rejected}.") from None


def _spoken_in(language: str) -> dict[str, object]:
    return {"audio": {"output": {"language": language}}}


async def begins(suite: Suite) -> None:
    async with interpreting(suite) as (_, event):
        session = at(event, "session")
        kind = at(session, "type")
        expect(kind == "translation", f"The session's type should be 'translation', not {kind!r}.", event)
        for name, wanted in (("id", str), ("model", str), ("expires_at", int), ("audio", dict)):
            expect(isinstance(at(session, name), wanted), f"The session should have its {name}.", event)


async def updates(suite: Suite) -> None:
    async with interpreting(suite) as (wire, _):
        await wire.send("session.update", session=_spoken_in("es"))
        event = await wire.next("session.updated", "error")
        if event.get("type") == "error":
            not_offered(event, "session.audio.output.language")
        shown = at(event, "session", "audio", "output", "language")
        expect(shown == "es", f"session.updated should show the language 'es', not {shown!r}.", event)


async def refuses(suite: Suite) -> None:
    async with interpreting(suite) as (wire, _):
        event_id = await wire.send("session.update", session={"bogus": 1})
        await refused(wire, event_id, "an unknown key")
        event_id = await wire.send("response.create")
        await refused(wire, event_id, "response.create in a session that interprets")
        await wire.send("session.update", session={})
        await wire.next("session.updated")


async def interprets(suite: Suite) -> None:
    async with interpreting(suite, "es") as (wire, _):
        await play(suite, wire, Pcm.join([voice(suite), Pcm.silence(3000)]), _APPEND)
        await wire.send("session.close")
        await wire.next("session.closed")
        sound = b"".join(decoded(text(each, "delta")) for each in wire.of(_AUDIO))
        words = "".join(text(each, "delta") for each in wire.of(_WORDS))
        expect(words.strip(), "Speech should be interpreted in words.", wire.events[-1])
        expect(sound, "Speech should be interpreted in speech.", wire.events[-1])


async def in_time(suite: Suite) -> None:
    async with interpreting(suite, "es") as (wire, _):
        await play(suite, wire, Pcm.join([voice(suite), Pcm.silence(3000)]), _APPEND)
        await wire.send("session.close")
        await wire.next("session.closed")
        for kind in ("session.input_transcript.delta", _WORDS, _AUDIO):
            latest = 0
            for event in wire.of(kind):
                elapsed = event.get("elapsed_ms", latest)
                if elapsed is None:
                    continue
                forward = isinstance(elapsed, int) and elapsed >= latest and elapsed % _STEP_MS == 0
                expect(forward, f"elapsed_ms should go on from {latest} in steps of {_STEP_MS}.", event)
                latest = elapsed if isinstance(elapsed, int) else latest
        for event in wire.of(_AUDIO):
            shape = (event.get("sample_rate", 24_000), event.get("channels", 1), event.get("format", "pcm16"))
            expect(shape == (24_000, 1, "pcm16"), f"Audio should be 24 kHz mono PCM, not {shape}.", event)


async def closes(suite: Suite) -> None:
    async with interpreting(suite) as (wire, _):
        await wire.send("session.close")
        await wire.next("session.closed")
        code = await wire.closed()
        expect(code == 1000, f"After session.closed the connection should end with code 1000, not {code}.")


SECTION = Section(
    "translation-sessions",
    "Translation sessions",
    (
        Check("one begins with session.created", begins),
        Check("its language can be set", updates),
        Check("what is not of its vocabulary is refused", refuses),
        Check("speech comes back in words and in speech", interprets),
        Check("time goes forward", in_time),
        Check("session.close is answered and ends it", closes),
    ),
)
