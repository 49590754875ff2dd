"""One connection, frame by frame: which rules each of them breaks by itself (PROTOCOL.md 2, 9.3)."""

from __future__ import annotations

import binascii
from base64 import b64decode
from collections.abc import Iterator, Mapping

import msgspec

from vivavoce.conformance import kinds, shapes
from vivavoce.conformance.course import Course
from vivavoce.conformance.rules import Fault, Findings, Rule
from vivavoce.testing.client import Event, at, text


class Ledger:
    """Fed with every frame of one connection, in order; what it finds goes to `findings`."""

    def __init__(self, findings: Findings, during: str, vocabulary: Mapping[str, Mapping[str, kinds.Kind]]) -> None:
        self._findings = findings
        self._during = during
        self._vocabulary = vocabulary
        self._mine: set[str] = set()
        self._ids: set[str] = set()
        self._begun = False
        self._course = Course(findings.judged)

    def sent(self, event_id: str) -> None:
        """An event went out under this id."""
        self._mine.add(event_id)

    def frame(self, data: str | bytes) -> Event | None:
        """A frame that arrived, as an event; None when it is none."""
        self._judged(Rule.FRAME)
        if isinstance(data, bytes):
            self._found([Fault(Rule.FRAME, "a frame should be text, not binary")], {"binary": f"{len(data)} bytes"})
            return None
        try:
            event = msgspec.json.decode(data, type=dict[str, object])
        except (msgspec.DecodeError, UnicodeDecodeError):
            self._found([Fault(Rule.FRAME, "a frame should be one JSON object")], {"frame": data})
            return None
        self._found(self._faults(event), event)
        return event

    # --- one event ---

    def _found(self, faults: Iterator[Fault] | list[Fault], event: Event) -> None:
        self._findings.add(faults, event, self._during)

    def _judged(self, *rules: Rule) -> None:
        self._findings.judged.update(rules)

    def _faults(self, event: Event) -> Iterator[Fault]:
        kind = event.get("type")
        yield from self._envelope(event)
        if not isinstance(kind, str) or kind not in self._vocabulary:
            yield Fault(Rule.TYPE, f"{kind!r} is not a type of server event")
            return
        wrong = kinds.missing(event, self._vocabulary[kind])
        yield from (Fault(Rule.FIELDS, f"{each} in {kind}") for each in wrong)
        yield from (Fault(Rule.WHOLE, f"{each} of {kind} should be a whole number") for each in kinds.decimals(event))
        if not wrong:  # the rest may rely on what each type has
            yield from self._shapes(kind, event)
            if self._vocabulary is kinds.REALTIME:
                yield from self._course.event(kind, event)

    def _envelope(self, event: Event) -> Iterator[Fault]:
        self._judged(Rule.TYPE, Rule.ID, Rule.FIRST, Rule.FIELDS, Rule.WHOLE, Rule.ECHO)
        event_id, kind = event.get("event_id"), event.get("type")
        if event_id is None and kind == "input_audio_buffer.dtmf_event_received":
            return  # the one event whose schema has none (2.0)
        if not isinstance(event_id, str) or not event_id:
            yield Fault(Rule.ID, f"{kind} should have an event_id")
        elif event_id in self._mine:
            yield Fault(Rule.ECHO, f"{kind} should have an event_id of the server's, not the client's own")
        elif event_id in self._ids:
            yield Fault(Rule.ID, f"the event_id of {kind} should not have been used before")
        else:
            self._ids.add(event_id)
        if not self._begun and kind not in ("session.created", "error"):
            yield Fault(Rule.FIRST, f"session.created should come before {kind}")
        elif self._begun and kind == "session.created":
            yield Fault(Rule.FIRST, "session.created should come once")
        self._begun = True

    def _shapes(self, kind: str, event: Event) -> Iterator[Fault]:
        match kind:
            case "session.created" | "session.updated":
                self._judged(Rule.SESSION)
                session = shapes.object_at(event, "session")
                self._course.pcm = at(session, "audio", "output", "format", "type") in (None, "audio/pcm")
                yield from shapes.session(session)
            case "error":
                yield from self._error(shapes.object_at(event, "error"))
            case "rate_limits.updated":
                self._judged(Rule.NULLS)
                for each in shapes.objects(event["rate_limits"]):
                    yield from shapes.no_nulls(each, "a rate limit")
            case "response.content_part.added" | "response.content_part.done":
                self._judged(Rule.PART)
                yield from shapes.part(shapes.object_at(event, "part"))
            case "response.created" | "response.done":
                self._judged(Rule.RESPONSE)
                yield from shapes.response(shapes.object_at(event, "response"), kind == "response.done")
            case "response.output_audio.delta" | "session.output_audio.delta":
                yield from self._audio(event)
            case "conversation.item.input_audio_transcription.completed":
                self._judged(Rule.USAGE)
                yield from shapes.caption_usage(event["usage"])
            case "conversation.item.input_audio_transcription.failed":
                self._judged(Rule.NULLS)
                yield from shapes.no_nulls(shapes.object_at(event, "error"), "the error of a failed transcription")
        if "item" in event:
            self._judged(Rule.ITEM)
            yield from shapes.item(shapes.object_at(event, "item"), kind == "conversation.item.retrieved")

    def _error(self, error: Event) -> Iterator[Fault]:
        self._judged(Rule.ERROR)
        yield from shapes.error(error)
        named = error.get("event_id")
        if isinstance(named, str) and named not in self._mine:
            yield Fault(Rule.ECHO, f"error.event_id should be an event_id that the client sent, not {named!r}")

    def _audio(self, event: Event) -> Iterator[Fault]:
        self._judged(Rule.AUDIO)
        try:
            data = b64decode(text(event, "delta"), validate=True)
        except (binascii.Error, ValueError):
            yield Fault(Rule.AUDIO, "an audio delta should be base64")
            return
        answer = self._course.answers.get(text(event, "response_id"))
        pcm = answer.pcm if answer else self._course.pcm
        if not data or (pcm and len(data) % 2):
            yield Fault(Rule.AUDIO, f"an audio delta should hold whole samples of 16 bits, not {len(data)} bytes")
