"""What many checks do: ask for an answer, be refused, speak, see what is in force."""

from __future__ import annotations

import asyncio
import binascii
import time
from base64 import b64decode, b64encode
from collections.abc import Mapping
from dataclasses import dataclass

from vivavoce.audio.pcm import Pcm
from vivavoce.audio.resample import resample
from vivavoce.conformance.client import Suite, Wire, error_of
from vivavoce.conformance.verdict import Failed, LeftOut, NotOffered
from vivavoce.testing.client import Event, at, text

FRAME_MS = 20
_ACKNOWLEDGEMENTS = (
    "session.updated",
    "response.created",
    "conversation.item.added",
    "conversation.item.retrieved",
    "conversation.item.truncated",
    "conversation.item.deleted",
    "input_audio_buffer.committed",
    "input_audio_buffer.cleared",
)


def expect(holds: object, sentence: str, event: Event | None = None) -> None:
    """Raises `Failed` unless it holds."""
    if not holds:
        raise Failed(sentence, event)


# --- being refused ---


async def refused(
    wire: Wire,
    event_id: str | None,
    what: str,
    *,
    codes: tuple[str, ...] = (),
    param: str | None = None,
) -> Event:
    """The error that the event `event_id` causes; `what` names the request in sentences.

    `codes` are those that real servers are known to use; `param` is the field that should be named.
    """
    event = await wire.next("error", *_ACKNOWLEDGEMENTS)
    kind = event.get("type")
    expect(kind == "error", f"{what} should be refused with an error, not answered with {kind}.", event)
    named = at(event, "error", "event_id")
    if event_id is None:
        expect(named is None, f"The error for {what} should have no event_id, as the event had none.", event)
    else:
        expect(named == event_id, f"The error for {what} should echo the event_id {event_id!r}.", event)
    expect(text(event, "error", "message"), f"The error for {what} should say what is wrong.", event)
    if codes:
        code = at(event, "error", "code")
        wanted = " or ".join(codes)
        expect(code in codes, f"The error for {what} should have the code {wanted}, not {code!r}.", event)
    if param is not None:
        said = at(event, "error", "param")
        expect(said == param, f"The error for {what} should have the param {param!r}, not {said!r}.", event)
    return event


async def in_force(wire: Wire, kind: str = "realtime") -> Event:
    """The session as it is, by an update that changes nothing: everything before it has been dealt with then."""
    event_id = await wire.send("session.update", session={"type": kind})
    while True:
        event = await wire.next("session.updated", "error")
        if event.get("type") == "session.updated":
            session = event.get("session")
            return session if isinstance(session, dict) else {}
        if at(event, "error", "event_id") == event_id:
            raise Failed("A session.update that changes nothing should be accepted.", event)


async def unchanged(wire: Wire, before: Event, what: str, kind: str = "realtime") -> None:
    """Raises `Failed` when the session is another than before."""
    after = await in_force(wire, kind)
    different = differing(before, after)
    event = wire.events[wire.position - 1]
    expect(not different, f"{what} should leave the session as it was, but {', '.join(different)} changed.", event)


def differing(before: object, after: object, where: str = "session") -> list[str]:
    """Paths at which two JSON values differ; `expires_at` does not count."""
    if isinstance(before, dict) and isinstance(after, dict):
        names = [*before, *(name for name in after if name not in before)]
        return [
            path
            for name in names
            if name != "expires_at"
            for path in differing(before.get(name), after.get(name), f"{where}.{name}")
        ]
    return [] if before == after else [where]


def not_offered(event: Event, param: str) -> None:
    """Raises `NotOffered` for an error that refuses `param` by its name, `Failed` for any other error."""
    said = text(event, "error", "param")
    honest = said.startswith(param) or param.startswith(f"{said}.") or (not said and param.split(".")[-1] in str(event))
    expect(
        honest and at(event, "error", "code") is not None, f"A refusal should name {param!r} and have a code.", event
    )
    raise NotOffered(error_of(event))


# --- answers ---


@dataclass(frozen=True, slots=True)
class Told:
    """A response, from its `response.created` to its `response.done`."""

    created: Event
    done: Event
    events: list[Event]

    @property
    def id(self) -> str:
        """The response's."""
        return text(self.created, "response", "id")

    @property
    def status(self) -> str:
        """Of `response.done`."""
        return text(self.done, "response", "status")

    @property
    def item_id(self) -> str:
        """The first output item's id."""
        output = at(self.done, "response", "output")
        return text(output[0], "id") if isinstance(output, list) and output else ""

    def types(self) -> list[str]:
        """Those of the response's own events and its items, each run of equal ones once."""
        run: list[str] = []
        for event in self.events:
            kind = text(event, "type")
            if (
                kind.startswith(("response.", "conversation.item."))
                and "transcription" not in kind
                and kind != "".join(run[-1:])
            ):
                run.append(kind)
        return run

    def words(self) -> str:
        """What was written or said."""
        kinds = ("response.output_text.delta", "response.output_audio_transcript.delta")
        return "".join(text(event, "delta") for event in self.events if event.get("type") in kinds)

    def audio(self) -> bytes:
        """All audio, in the format of the wire."""
        deltas = (text(each, "delta") for each in self.events if each.get("type") == "response.output_audio.delta")
        return b"".join(decoded(delta) for delta in deltas)


def decoded(audio: str) -> bytes:
    """Base64, or nothing where it is none: a rule of its own says so."""
    try:
        return b64decode(audio, validate=True)
    except (binascii.Error, ValueError):
        return b""


async def ask(wire: Wire, words: str = "Say hello.", **item: object) -> str:
    """Put a user message with these words into the conversation; gives its id."""
    content = [{"type": "input_text", "text": words}]
    await wire.send("conversation.item.create", item={"type": "message", "role": "user", "content": content, **item})
    event = await wire.next("conversation.item.added")
    await wire.next("conversation.item.done")
    return text(event, "item", "id")


async def answered(wire: Wire, **response: object) -> Told:
    """`response.create`, and the whole response."""
    await wire.send("response.create", **({"response": response} if response else {}))
    return await told(wire, await wire.next("response.created"))


async def told(wire: Wire, created: Event, since: int | None = None) -> Told:
    """The rest of a response that was created; `since` is the place of its first event, by default the last one's."""
    start = wire.position - 1 if since is None else since
    while True:
        done = await wire.next("response.done")
        if at(done, "response", "id") == at(created, "response", "id"):
            return Told(created, done, wire.events[start : wire.position])


async def written(wire: Wire, words: str = "Say hello.") -> Told:
    """A user message, and a completed answer in writing."""
    await ask(wire, words)
    answer = await answered(wire, output_modalities=["text"])
    expect(answer.status == "completed", "A written answer should complete.", answer.done)
    return answer


# --- speaking ---


def append(data: bytes) -> Mapping[str, object]:
    """Audio as an event, without an id: nothing acknowledges it."""
    return {"type": "input_audio_buffer.append", "audio": b64encode(data).decode()}


def voice(suite: Suite) -> Pcm:
    """Somebody who speaks, at 24 kHz. Raises `LeftOut`."""
    speech = suite.target.speech
    if speech is None:
        raise LeftOut("It needs speech: give it some with --speech FILE.wav.")
    return resample(speech, 24_000)


async def play(
    suite: Suite, wire: Wire, pcm: Pcm, kind: str = "input_audio_buffer.append", live: bool | None = None
) -> None:
    """Send audio in real time, or as fast as it is taken; by default as the target is to be treated."""
    live = not suite.target.fast if live is None else live
    started = time.monotonic()
    for number, piece in enumerate(pcm.chunks(FRAME_MS)):
        if live:
            await asyncio.sleep(max(0.0, started + number * FRAME_MS / 1000 - time.monotonic()))
        await wire.send_event({**append(piece.to_bytes()), "type": kind})


async def speak(suite: Suite, wire: Wire, after_ms: int = 1000) -> None:
    """Say the sentence, a little silence before it and enough after it to end the turn."""
    await play(suite, wire, Pcm.join([Pcm.silence(300), voice(suite), Pcm.silence(after_ms)]))


async def commit(wire: Wire, pcm: Pcm) -> Event:
    """Append audio in one piece and commit it; gives `input_audio_buffer.committed`."""
    await wire.send_event(append(pcm.to_bytes()))
    await wire.send("input_audio_buffer.commit")
    return await wire.next("input_audio_buffer.committed")
