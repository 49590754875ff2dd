"""A session as its events arrive: which of them break a rule by what came before them (PROTOCOL.md 4)."""

from __future__ import annotations

from collections.abc import Iterator

from vivavoce.conformance import shapes
from vivavoce.conformance.answers import Answer
from vivavoce.conformance.rules import Fault, Rule
from vivavoce.testing.client import Event, at, text

_CAPTIONS = "conversation.item.input_audio_transcription."
_ITEM_EVENTS = ("conversation.item.added", "conversation.item.done", "conversation.item.retrieved")
_AFTERWARDS = ("output_audio_buffer.",)
"""What may name a response that is over: its audio may still be playing (4.8)."""


class Course:
    """Fed with every event of one realtime or transcription session that has its fields.

    Rules that had something to judge are added to `judged`.
    """

    def __init__(self, judged: set[Rule]) -> None:
        self.answers: dict[str, Answer] = {}
        self.items: set[str] = set()
        """Ever announced: added, or named before by the input buffer's events."""
        self.pcm = True
        """The session's output is of 16-bit samples."""
        self._judged_ones = judged
        self._added: dict[str, bool] = {}
        """Items of the conversation, and whether they are done."""
        self._speaking: tuple[str, int] | None = None
        self._recorded: set[str] = set()
        """Items that were made of the input buffer."""
        self._captions: dict[tuple[object, object], list[str]] = {}
        self._captioned: set[tuple[object, object]] = set()

    def _judged(self, *rules: Rule) -> None:
        self._judged_ones.update(rules)

    def event(self, kind: str, event: Event) -> Iterator[Fault]:
        """One event; gives the rules that it breaks."""
        if kind.startswith("input_audio_buffer."):
            yield from self._buffer(kind, event)
        elif kind.startswith(_CAPTIONS):
            yield from self._caption(kind, event)
        elif kind in _ITEM_EVENTS:
            yield from self._item(kind, event)
        elif kind in ("conversation.item.truncated", "conversation.item.deleted"):
            yield from self._known(kind, event["item_id"])
            if kind == "conversation.item.deleted":
                self._added.pop(text(event, "item_id"), None)
        elif kind in ("response.created", "response.done"):
            yield from self._response(kind, shapes.object_at(event, "response"))
        elif "response_id" in event:
            yield from self._in_response(kind, event)

    def _known(self, kind: str, item_id: object) -> Iterator[Fault]:
        self._judged(Rule.ANNOUNCED)
        if item_id not in self.items:
            yield Fault(Rule.ANNOUNCED, f"{kind} should name an item that was announced")

    def _follows(self, kind: str, event: Event) -> Iterator[Fault]:
        self._judged(Rule.CHAIN)
        previous = event.get("previous_item_id")
        if previous is not None and not (isinstance(previous, str) and previous in self.items):
            yield Fault(Rule.CHAIN, f"previous_item_id of {kind} should be null or an item that was announced")

    def _buffer(self, kind: str, event: Event) -> Iterator[Fault]:
        item_id = text(event, "item_id")
        match kind:
            case "input_audio_buffer.speech_started":
                start = event["audio_start_ms"]
                self._speaking = (item_id, start if isinstance(start, int) else 0)
            case "input_audio_buffer.speech_stopped":
                self._judged(Rule.TURN)
                end = event["audio_end_ms"]
                if self._speaking is None or self._speaking[0] != item_id:
                    yield Fault(Rule.TURN, "speech_stopped should name the item of the speech_started before it")
                elif isinstance(end, int) and end <= self._speaking[1]:
                    yield Fault(Rule.TURN, f"speech should not stop at {end} ms, no later than it started")
            case "input_audio_buffer.committed":
                self._recorded.add(item_id)
                yield from self._follows(kind, event)
        if item_id:
            self.items.add(item_id)

    def _caption(self, kind: str, event: Event) -> Iterator[Fault]:
        yield from self._known(kind, event["item_id"])
        if event["item_id"] in self._recorded and event.get("content_index") != 0:
            yield Fault(Rule.ANNOUNCED, f"content_index of {kind} should be 0, where a recording is")
        place = (event["item_id"], event.get("content_index"))
        if kind.endswith(".segment"):
            return
        self._judged(Rule.CAPTION)
        if place in self._captioned:
            yield Fault(Rule.CAPTION, f"{kind} should not come after the turn's transcript")
        if kind.endswith(".delta"):
            self._captions.setdefault(place, []).append(text(event, "delta"))
            return
        self._captioned.add(place)
        said = "".join(self._captions.get(place, ()))
        if kind.endswith(".completed") and said and said.strip() != text(event, "transcript").strip():
            self._judged(Rule.DELTAS)
            yield Fault(Rule.DELTAS, f"the transcript should be the sum of its deltas, {said!r}")

    def _item(self, kind: str, event: Event) -> Iterator[Fault]:
        item = shapes.object_at(event, "item")
        item_id = text(item, "id")
        if kind == "conversation.item.retrieved":
            yield from self._known(kind, item_id)
            return
        yield from self._follows(kind, event)
        answer = next((each for each in self.answers.values() if each.output(item_id)), None)
        self._judged(Rule.DONE)
        if answer is not None:
            self._judged(Rule.MIRROR)
            if not answer.in_band:
                yield Fault(Rule.MIRROR, f"{kind} should not come for an item outside the conversation")
        if kind == "conversation.item.added":
            if item_id in self._added:
                yield Fault(Rule.DONE, "conversation.item.added should come once for an item")
            if answer is None and item.get("status") != "in_progress":
                yield from self._undone(kind)
            self._added[item_id] = False
            self.items.add(item_id)
            return
        if item_id not in self._added:
            yield Fault(Rule.ANNOUNCED, "conversation.item.added should come before conversation.item.done")
        self._added[item_id] = True
        if answer is not None:
            yield from answer.item_closed(event)

    def _undone(self, before: str) -> Iterator[Fault]:
        """An item of the client's is final at once: whatever comes next in the conversation comes after its done."""
        for item_id, done in self._added.items():
            if not done and not any(answer.output(item_id) for answer in self.answers.values()):
                yield Fault(Rule.DONE, f"conversation.item.done of {item_id} should come before {before}")
                self._added[item_id] = True

    def _response(self, kind: str, response: Event) -> Iterator[Fault]:
        response_id = text(response, "id")
        self._judged(Rule.ALIVE, Rule.KEPT, Rule.CLOSED)
        if kind == "response.created":
            in_band = response.get("conversation_id") is not None
            if in_band:
                self._judged(Rule.ONE)
                yield from self._undone(kind)
                if any(each.in_band and not each.over for each in self.answers.values()):
                    yield Fault(Rule.ONE, "the response before it should be done first")
            if response_id in self.answers:
                yield Fault(Rule.ALIVE, "a response should be created once")
            pcm = at(response, "audio", "output", "format", "type")
            answer = Answer(response_id, in_band, response)
            answer.pcm = self.pcm if pcm is None else pcm == "audio/pcm"
            self.answers[response_id] = answer
            return
        self._judged(Rule.USAGE, Rule.DETAILS)
        yield from shapes.usage(response.get("usage"), response.get("status"))
        done = self.answers.get(response_id)
        if done is None or done.over:
            yield Fault(Rule.ALIVE, "response.done should come once, after response.created")
        else:
            yield from done.done(response)

    def _in_response(self, kind: str, event: Event) -> Iterator[Fault]:
        self._judged(Rule.ALIVE)
        answer = self.answers.get(text(event, "response_id"))
        if answer is None:
            yield Fault(Rule.ALIVE, f"response.created should come before {kind}")
            return
        if kind.startswith(_AFTERWARDS):
            return
        if answer.over:
            yield Fault(Rule.ALIVE, f"{kind} should not come after response.done")
            return
        self._judged(Rule.DELTAS, Rule.ANNOUNCED)
        if kind == "response.output_item.added":
            yield from self._opened(answer, event)
        elif kind == "response.output_item.done":
            yield from answer.item_closed(event)
        else:
            yield from answer.content(event, event.get("item_id") in self._added)

    def _opened(self, answer: Answer, event: Event) -> Iterator[Fault]:
        item_id = text(event, "item", "id")
        if not answer.in_band and item_id in self._added:
            yield Fault(Rule.MIRROR, "an item outside the conversation should not have been added to it")
        self.items.add(item_id)
        yield from answer.opened(event)
