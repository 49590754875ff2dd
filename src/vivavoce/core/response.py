"""One response's life: a table of states, and the events that the wire sees at each step (PROTOCOL.md 4.4 to 4.6).

Whatever ends a response, its closing events come in one order, and each closing payload is the concatenation of the
deltas that were sent.
"""

from __future__ import annotations

from collections.abc import Iterable
from enum import Enum
from typing import Literal, TypedDict

from msgspec import UNSET, Struct
from msgspec.structs import replace

from vivavoce.core.conversation import Conversation
from vivavoce.core.effects import AnswerFinished, Context, Output
from vivavoce.core.output_buffer import OutputBuffer, Place
from vivavoce.core.spoken import Spoken
from vivavoce.core.usage import usage
from vivavoce.protocol import server as wire
from vivavoce.protocol.items import Item, ItemStatus, OutputAudio, OutputText
from vivavoce.protocol.session import AudioFormat
from vivavoce.protocol.usage import Usage


class State(Enum):
    """Where a response is."""

    WAITING = "waiting"
    ANSWERING = "answering"
    COMPLETED = "completed"
    INCOMPLETE = "incomplete"
    CANCELLED = "cancelled"
    FAILED = "failed"


class Happening(Enum):
    """What can happen to a response."""

    BEGAN = "first token"
    CONTENT = "text or audio"
    FINISHED = "engine finished"
    CUT_OFF = "token limit or filter"
    CANCELLED = "cancel or barge-in"
    FAILED = "engine error"


TABLE: dict[tuple[State, Happening], State] = {
    (State.WAITING, Happening.BEGAN): State.ANSWERING,
    (State.WAITING, Happening.CONTENT): State.ANSWERING,
    (State.WAITING, Happening.FINISHED): State.COMPLETED,
    (State.WAITING, Happening.CUT_OFF): State.INCOMPLETE,
    (State.WAITING, Happening.CANCELLED): State.CANCELLED,
    (State.WAITING, Happening.FAILED): State.FAILED,
    (State.ANSWERING, Happening.BEGAN): State.ANSWERING,
    (State.ANSWERING, Happening.CONTENT): State.ANSWERING,
    (State.ANSWERING, Happening.FINISHED): State.COMPLETED,
    (State.ANSWERING, Happening.CUT_OFF): State.INCOMPLETE,
    (State.ANSWERING, Happening.CANCELLED): State.CANCELLED,
    (State.ANSWERING, Happening.FAILED): State.FAILED,
}
"""The whole life. A finished response has no way out: the session drops what still arrives for it."""

_STATUS: dict[State, wire.ResponseStatus] = {
    State.WAITING: "in_progress",
    State.ANSWERING: "in_progress",
    State.COMPLETED: "completed",
    State.INCOMPLETE: "incomplete",
    State.CANCELLED: "cancelled",
    State.FAILED: "failed",
}


class Plan(Struct, frozen=True, kw_only=True):
    """What was asked of a response, all overrides applied."""

    context: Context
    format: AudioFormat
    metadata: dict[str, str] | None = None
    heard_ms: int = 0
    """The caller's audio in the context."""


class Ending(Struct, frozen=True, kw_only=True):
    """How a response ends, and why."""

    how: Literal[Happening.FINISHED, Happening.CUT_OFF, Happening.CANCELLED, Happening.FAILED]
    reason: wire.StatusReason | None = None
    error: wire.ResponseErrorBody | None = None
    finished: AnswerFinished | None = None


class _Place(TypedDict):
    response_id: str
    item_id: str
    output_index: int
    content_index: int


class Response:
    """A response in progress. `conversation` is None for an out-of-band one (PROTOCOL.md 4.9)."""

    def __init__(
        self, response_id: str, item_id: str, plan: Plan, conversation: Conversation | None, output: OutputBuffer
    ) -> None:
        self._output = output
        self.id = response_id
        self.plan = plan
        self.conversation = conversation
        self.state = State.WAITING
        self._spoken = Spoken(plan.format)
        self._item = Item(id=item_id, status="in_progress", role="assistant")
        self._previous: str | None = None
        self.tokens = 0
        """What it cost in all, once it is over."""

    def created(self) -> list[wire.AnyServerEvent]:
        """The first event."""
        return [wire.ResponseCreated(response=self._object((), None, None))]

    def began(self) -> list[wire.AnyServerEvent]:
        """The first token: the item opens."""
        return self._advance(Happening.BEGAN)

    def words(self, text: str) -> list[wire.AnyServerEvent]:
        """Words of a written or spoken answer."""
        events = self._advance(Happening.CONTENT)
        self._spoken.say(text)
        if self._written:
            return [*events, wire.OutputTextDelta(**self._at(), delta=text)]
        return [*events, wire.OutputAudioTranscriptDelta(**self._at(), delta=text)]

    def times(self, ends: Iterable[tuple[int, int]]) -> None:
        """When the latest words are said; nobody is told, but a cut will keep what was heard."""
        self._spoken.time(ends)

    def audio(self, data: bytes, samples: int) -> list[Output]:
        """Audio of a spoken answer; a written one has no place for it."""
        if self._written:
            return []
        events = self._advance(Happening.CONTENT)
        self._spoken.sound(data, samples)
        if self.conversation is not None:
            self.conversation.hear(self._item.id, self._spoken)
        return [*events, self._output.sound(Place(self.id, self._item.id), data)]

    def end(self, ending: Ending) -> list[Output]:
        """The closing events, `response.done` last."""
        opened = self.state is State.ANSWERING
        self.state = TABLE[self.state, ending.how]
        self._spoken.whole = self.state in (State.COMPLETED, State.INCOMPLETE)
        events: list[Output] = [*self._output.end(self.id), *(self._close() if opened else [])]
        details = None
        if self.state is not State.COMPLETED:
            details = wire.StatusDetails(
                type=_STATUS[self.state], reason=ending.reason or UNSET, error=ending.error or UNSET
            )
        cost = usage(ending.finished, self.plan.heard_ms, self._spoken.samples)
        self.tokens = cost.total_tokens
        output = (self._item,) if opened else ()
        return [*events, wire.ResponseDone(response=self._object(output, details, cost))]

    # --- inside ---------------------------------------------------------------------------------------------------

    @property
    def _written(self) -> bool:
        return self.plan.context.modality == "text"

    def _advance(self, happening: Happening) -> list[wire.AnyServerEvent]:
        opening = self._open() if self.state is State.WAITING else []
        self.state = TABLE[self.state, happening]
        return opening

    def _at(self) -> _Place:
        return {"response_id": self.id, "item_id": self._item.id, "output_index": 0, "content_index": 0}

    def _part(self, words: str) -> wire.ContentPart:
        if self._written:
            return wire.ContentPart(type="text", text=words)
        return wire.ContentPart(type="audio", transcript=words)

    def _open(self) -> list[wire.AnyServerEvent]:
        events: list[wire.AnyServerEvent] = [wire.OutputItemAdded(response_id=self.id, output_index=0, item=self._item)]
        if self.conversation is not None:
            self._previous = self.conversation.add(self._item)
            events.append(wire.ConversationItemAdded(previous_item_id=self._previous, item=self._item))
        return [*events, wire.ContentPartAdded(**self._at(), part=self._part(""))]

    def _close(self) -> list[wire.AnyServerEvent]:
        words = self._spoken.text
        status: ItemStatus = "completed" if self.state is State.COMPLETED else "incomplete"
        events: list[wire.AnyServerEvent]
        if self._written:
            events = [wire.OutputTextDone(**self._at(), text=words)]
            self._item = replace(self._item, status=status, content=(OutputText(words),))
        else:
            events = [
                wire.OutputAudioDone(**self._at()),
                wire.OutputAudioTranscriptDone(**self._at(), transcript=words),
            ]
            self._item = replace(self._item, status=status, content=(OutputAudio(words),))
        events.append(wire.ContentPartDone(**self._at(), part=self._part(words)))
        if self.conversation is not None and self.conversation.finish(self._item):
            events.append(wire.ConversationItemDone(previous_item_id=self._previous, item=self._item))
        return [*events, wire.OutputItemDone(response_id=self.id, output_index=0, item=self._item)]

    def _object(
        self, output: tuple[Item, ...], details: wire.StatusDetails | None, cost: Usage | None
    ) -> wire.ResponseObject:
        context = self.plan.context
        return wire.ResponseObject(
            id=self.id,
            status=_STATUS[self.state],
            status_details=details,
            output=output,
            conversation_id=self.conversation.id if self.conversation else None,
            output_modalities=(context.modality,),
            max_output_tokens=context.max_output_tokens or "inf",
            audio=wire.ResponseAudio(output=wire.ResponseOutput(format=self.plan.format, voice=context.voice)),
            usage=cost,
            metadata=self.plan.metadata,
        )


def diagram() -> str:
    """The table as a Mermaid state diagram, for ARCHITECTURE.md."""
    edges = [f"    {old.value} --> {new.value}: {why.value}" for (old, why), new in TABLE.items()]
    ends = [f"    {state.value} --> [*]" for state in State if not any(old is state for old, _ in TABLE)]
    return "\n".join(["stateDiagram-v2", f"    [*] --> {State.WAITING.value}", *edges, *ends])
