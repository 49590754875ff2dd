"""The items that a response makes, each with the events of its life (PROTOCOL.md 4.4, 4.5, 4.7)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypedDict

from msgspec.structs import replace

from vivavoce.core.conversation import Conversation
from vivavoce.core.effects import Output
from vivavoce.core.output_buffer import OutputBuffer, Place
from vivavoce.core.spoken import Spoken
from vivavoce.protocol import server as wire
from vivavoce.protocol import tool_events
from vivavoce.protocol.items import FunctionCall, Item, ItemStatus, Message, OutputAudio, OutputText


class _Content(TypedDict):
    response_id: str
    item_id: str
    output_index: int
    content_index: int


@dataclass(slots=True)
class Slot:
    """Where an item belongs: its response, its index there, and its conversation unless it is out-of-band (4.9)."""

    response_id: str
    index: int
    conversation: Conversation | None
    previous: str | None = None

    def open(self, item: Item) -> list[Output]:
        """The item exists, still empty."""
        events: list[Output] = [wire.OutputItemAdded(response_id=self.response_id, output_index=self.index, item=item)]
        if self.conversation is not None:
            self.previous = self.conversation.add(item)
            events.append(wire.ConversationItemAdded(previous_item_id=self.previous, item=item))
        return events

    def close(self, item: Item) -> list[Output]:
        """The item is final."""
        events: list[Output] = []
        if self.conversation is not None and self.conversation.finish(item):
            events.append(wire.ConversationItemDone(previous_item_id=self.previous, item=item))
        return [*events, wire.OutputItemDone(response_id=self.response_id, output_index=self.index, item=item)]


class MessageOutput:
    """What the assistant writes, or says."""

    def __init__(self, slot: Slot, item_id: str, written: bool, spoken: Spoken, output: OutputBuffer) -> None:
        self.item = Message(id=item_id, status="in_progress", role="assistant")
        self.open = False
        self._slot = slot
        self._written = written
        self._spoken = spoken
        self._output = output

    def begin(self) -> list[Output]:
        """Its first events."""
        self.open = True
        return [*self._slot.open(self.item), wire.ContentPartAdded(**self._at(), part=self._part(""))]

    def words(self, text: str) -> list[Output]:
        """More of it."""
        self._spoken.say(text)
        if self._written:
            return [wire.OutputTextDelta(**self._at(), delta=text)]
        return [wire.OutputAudioTranscriptDelta(**self._at(), delta=text)]

    def audio(self, data: bytes, samples: int) -> list[Output]:
        """Its sound."""
        self._spoken.sound(data, samples)
        if self._slot.conversation is not None:
            self._slot.conversation.hear(self.item.id, self._spoken)
        return [self._output.sound(Place(self._slot.response_id, self.item.id, self._slot.index), data)]

    def end(self, status: ItemStatus) -> list[Output]:
        """Its last events."""
        self.open = False
        words = self._spoken.text
        events: list[Output]
        if self._written:
            events = [wire.OutputTextDone(**self._at(), text=words)]
            self.item = replace(self.item, status=status, content=(OutputText(words),))
        else:
            events = [
                wire.OutputAudioDone(**self._at()),
                wire.OutputAudioTranscriptDone(**self._at(), transcript=words),
            ]
            self.item = replace(self.item, status=status, content=(OutputAudio(words),))
        return [*events, wire.ContentPartDone(**self._at(), part=self._part(words)), *self._slot.close(self.item)]

    def _at(self) -> _Content:
        return {
            "response_id": self._slot.response_id,
            "item_id": self.item.id,
            "output_index": self._slot.index,
            "content_index": 0,
        }

    def _part(self, words: str) -> wire.ContentPart:
        if self._written:
            return wire.ContentPart(type="text", text=words)
        return wire.ContentPart(type="audio", transcript=words)


class FunctionOutput:
    """A call of a function of the client's."""

    def __init__(self, slot: Slot, item_id: str, call_id: str, name: str) -> None:
        self.item = FunctionCall(id=item_id, status="in_progress", call_id=call_id, name=name)
        self.open = False
        self._slot = slot
        self._arguments: list[str] = []

    def begin(self) -> list[Output]:
        """Its first events."""
        self.open = True
        return self._slot.open(self.item)

    def arguments(self, delta: str) -> list[Output]:
        """More of its arguments."""
        self._arguments.append(delta)
        return [
            tool_events.FunctionCallArgumentsDelta(
                response_id=self._slot.response_id,
                item_id=self.item.id,
                output_index=self._slot.index,
                call_id=self.item.call_id,
                delta=delta,
            )
        ]

    def end(self, status: ItemStatus) -> list[Output]:
        """Its last events."""
        self.open = False
        self.item = replace(self.item, status=status, arguments="".join(self._arguments))
        done = tool_events.FunctionCallArgumentsDone(
            response_id=self._slot.response_id,
            item_id=self.item.id,
            output_index=self._slot.index,
            call_id=self.item.call_id,
            name=self.item.name,
            arguments=self.item.arguments,
        )
        return [done, *self._slot.close(self.item)]
