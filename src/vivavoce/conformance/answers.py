"""One response as its events arrive: what it opened, what it said, and whether it closes all of it (PROTOCOL.md 4)."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

from vivavoce.conformance.rules import Fault, Rule
from vivavoce.conformance.shapes import object_at, objects
from vivavoce.testing.client import Event, at, text

_WORDS = {
    "response.output_text": ("text", "text"),
    "response.output_audio_transcript": ("audio", "transcript"),
}
"""Stem of the events: the part's type, and the key of the whole."""
_CALLS = ("function_call", "mcp_call")
_KEPT = ("conversation_id", "output_modalities", "max_output_tokens", "audio")
"""What does not change while a response runs."""


@dataclass(slots=True)
class Part:
    """One content part of an output item."""

    kind: str
    words: list[str] = field(default_factory=list)
    said: bool = False
    """The words are closed."""
    sounded: bool = False
    """The audio is closed."""
    over: bool = False

    @property
    def whole(self) -> str:
        """All words so far."""
        return "".join(self.words)


@dataclass(slots=True)
class Output:
    """One output item."""

    id: str
    kind: str
    parts: list[Part] = field(default_factory=list)
    arguments: list[str] = field(default_factory=list)
    argued: bool = False
    """The arguments are closed."""
    mirror_done: bool = False
    """`conversation.item.done` came."""
    over: bool = False


@dataclass(slots=True)
class Answer:
    """A response that was created."""

    id: str
    in_band: bool
    made: Event
    """The response object of its `response.created`."""
    outputs: list[Output] = field(default_factory=list)
    over: bool = False
    pcm: bool = True
    """Its audio is of 16-bit samples."""

    def output(self, item_id: object) -> Output | None:
        """The output item of this id."""
        return next((each for each in self.outputs if each.id == item_id), None)

    def opened(self, event: Event) -> Iterator[Fault]:
        """`response.output_item.added`."""
        item = event.get("item")
        if event.get("output_index") != len(self.outputs):
            yield Fault(Rule.ANNOUNCED, f"output_index {event.get('output_index')} should be {len(self.outputs)}")
        if at(item, "status") not in (None, "in_progress") or at(item, "content") or at(item, "arguments"):
            yield Fault(Rule.RESPONSE, "an output item should begin in_progress and empty")
        self.outputs.append(Output(text(item, "id"), text(item, "type")))

    def content(self, event: Event, in_conversation: bool) -> Iterator[Fault]:
        """Any event of a content part or of a call's arguments."""
        kind = text(event, "type")
        output = self.output(event.get("item_id"))
        if output is None or event.get("output_index") != self.outputs.index(output):
            yield Fault(Rule.ANNOUNCED, f"{kind} should name an item and its index that output_item.added announced")
            return
        if self.in_band and not in_conversation:
            yield Fault(Rule.ANNOUNCED, f"conversation.item.added should come before {kind}")
        if output.over:
            yield Fault(Rule.CLOSED, f"{kind} should not come after its item's output_item.done")
        if kind.startswith(("response.function_call_arguments", "response.mcp_call_arguments")):
            yield from _arguments(output, event)
        elif kind == "response.content_part.added":
            yield from _opens(output, event)
        else:
            yield from _in_part(output, event)

    def item_closed(self, event: Event) -> Iterator[Fault]:
        """`conversation.item.done` or `response.output_item.done` of one of the outputs."""
        kind, item, output_index = text(event, "type"), object_at(event, "item"), event.get("output_index")
        output = self.output(item.get("id"))
        if output is None:
            yield Fault(Rule.ANNOUNCED, f"{kind} should name an item that output_item.added announced")
            return
        if not all(part.over for part in output.parts):
            yield Fault(Rule.CLOSED, f"content_part.done should come before {kind}")
        if output.kind in _CALLS and not output.argued:
            yield Fault(Rule.CLOSED, f"the done of a call's arguments should come before {kind}")
        if at(item, "status") == "in_progress":
            yield Fault(Rule.CLOSED, f"an item should not be in_progress any more in {kind}")
        yield from self._payload(output, item, kind)
        if kind == "conversation.item.done":
            output.mirror_done = True
            if output.over:
                yield Fault(Rule.CLOSED, "conversation.item.done should come before response.output_item.done")
        else:
            output.over = True
            if output_index != self.outputs.index(output):
                yield Fault(Rule.ANNOUNCED, f"output_index of {kind} should be that of its output_item.added")
            if self.in_band and not output.mirror_done:
                yield Fault(Rule.CLOSED, "conversation.item.done should come before response.output_item.done")

    def done(self, response: Event) -> Iterator[Fault]:
        """`response.done`."""
        self.over = True
        for output in self.outputs:
            if not output.over:
                yield Fault(Rule.CLOSED, f"output_item.done of {output.id} should come before response.done")
        listed = objects(response.get("output"))
        if [each.get("id") for each in listed] != [output.id for output in self.outputs]:
            yield Fault(Rule.CLOSED, "response.done should list the items that were announced, in their order")
        for item in listed:
            output_of = self.output(item.get("id"))
            if output_of:
                yield from self._payload(output_of, item, "response.done")
        if response.get("metadata") != self.made.get("metadata"):
            yield Fault(Rule.KEPT, "response.done should have the metadata of response.created")
        for name in _KEPT:
            if name in response and name in self.made and response[name] != self.made[name]:
                yield Fault(Rule.KEPT, f"response.done should have the {name} of response.created")

    def _payload(self, output: Output, item: Event, kind: str) -> Iterator[Fault]:
        if output.kind != "message":
            if output.arguments and at(item, "arguments") != "".join(output.arguments):
                yield Fault(Rule.DELTAS, f"the arguments in {kind} should be the sum of their deltas")
            return
        said = [text(part, "text") or text(part, "transcript") for part in objects(item.get("content"))]
        sent = [part.whole for part in output.parts]
        if said != sent:
            yield Fault(Rule.DELTAS, f"the content in {kind} should be the sum of the deltas, {sent!r}")


def _opens(output: Output, event: Event) -> Iterator[Fault]:
    part = event.get("part")
    if event.get("content_index") != len(output.parts):
        yield Fault(Rule.ANNOUNCED, f"content_index {event.get('content_index')} should be {len(output.parts)}")
    if text(part, "text") or text(part, "transcript"):
        yield Fault(Rule.DELTAS, "a content part should begin empty")
    output.parts.append(Part(text(part, "type")))


def _in_part(output: Output, event: Event) -> Iterator[Fault]:
    kind, index = text(event, "type"), event.get("content_index")
    if not isinstance(index, int) or not 0 <= index < len(output.parts):
        yield Fault(Rule.ANNOUNCED, f"content_part.added should come before {kind}")
        return
    part = output.parts[index]
    if part.over:
        yield Fault(Rule.CLOSED, f"{kind} should not come after its content_part.done")
    stem, _, end = kind.rpartition(".")
    if stem in _WORDS:
        yield from _words(part, event, *_WORDS[stem])
    elif kind == "response.content_part.done":
        yield from _closes(part, event)
    elif end == "done":
        part.sounded = True
    elif part.sounded:
        yield Fault(Rule.CLOSED, "response.output_audio.delta should not come after its done")


def _words(part: Part, event: Event, kind: str, key: str) -> Iterator[Fault]:
    what = text(event, "type")
    if part.kind in ("text", "audio") and part.kind != kind:
        yield Fault(Rule.ANNOUNCED, f"{what} should not come in a part of type {part.kind!r}")
    if part.said:
        yield Fault(Rule.CLOSED, f"{what} should not come after the done of the same words")
    if what.endswith(".delta"):
        part.words.append(text(event, "delta"))
        return
    part.said = True
    if event.get(key) != part.whole:
        yield Fault(Rule.DELTAS, f"'{key}' of {what} should be the sum of its deltas, {part.whole!r}")


def _closes(part: Part, event: Event) -> Iterator[Fault]:
    if not part.said or (part.kind == "audio" and not part.sounded):
        yield Fault(Rule.CLOSED, "the done of a part's words and audio should come before content_part.done")
    final = event.get("part")
    if (text(final, "text") or text(final, "transcript")) != part.whole:
        yield Fault(Rule.DELTAS, f"the part in content_part.done should be the sum of its deltas, {part.whole!r}")
    part.over = True


def _arguments(output: Output, event: Event) -> Iterator[Fault]:
    if output.argued:
        yield Fault(Rule.CLOSED, f"{text(event, 'type')} should not come after the done of the same arguments")
    if text(event, "type").endswith(".delta"):
        output.arguments.append(text(event, "delta"))
        return
    output.argued = True
    if output.arguments and event.get("arguments") != "".join(output.arguments):
        yield Fault(Rule.DELTAS, "the arguments of a call should be the sum of their deltas")
