"""One response's life: a table of states, and the events that the wire sees at each step (PROTOCOL.md 4.4 to 4.6).

Whatever ends a response, its closing events come in one order, and each closing payload is the concatenation of the
deltas that were sent.
"""

from __future__ import annotations

from collections.abc import Iterable
from enum import Enum
from typing import Literal

from msgspec import UNSET, Struct

from vivavoce.core.conversation import Conversation
from vivavoce.core.effects import AnswerFinished, Context, Output
from vivavoce.core.ids import Ids
from vivavoce.core.making import Making
from vivavoce.core.mcp_tools import Served
from vivavoce.core.output_buffer import OutputBuffer
from vivavoce.core.outputs import MessageOutput
from vivavoce.core.spoken import Spoken
from vivavoce.core.usage import usage
from vivavoce.protocol import server as wire
from vivavoce.protocol.items import ItemStatus
from vivavoce.protocol.session import AudioFormat
from vivavoce.protocol.usage import Usage


class State(Enum):
    """Where a response is."""

    WAITING = "waiting"
    ANSWERING = "answering"
    CALLING = "calling"
    COMPLETED = "completed"
    INCOMPLETE = "incomplete"
    CANCELLED = "cancelled"
    FAILED = "failed"


class Happening(Enum):
    """What can happen to a response."""

    BEGAN = "first token"
    CONTENT = "text or audio"
    CALL = "tool call"
    LEFT = "engine finished before its calls"
    FINISHED = "engine finished"
    CUT_OFF = "token limit or filter"
    CANCELLED = "cancel or barge-in"
    FAILED = "engine error"


TABLE: dict[tuple[State, Happening], State] = {
    (State.WAITING, Happening.BEGAN): State.ANSWERING,
    (State.WAITING, Happening.CONTENT): State.ANSWERING,
    (State.WAITING, Happening.CALL): State.ANSWERING,
    (State.WAITING, Happening.FINISHED): State.COMPLETED,
    (State.WAITING, Happening.CUT_OFF): State.INCOMPLETE,
    (State.WAITING, Happening.CANCELLED): State.CANCELLED,
    (State.WAITING, Happening.FAILED): State.FAILED,
    (State.ANSWERING, Happening.BEGAN): State.ANSWERING,
    (State.ANSWERING, Happening.CONTENT): State.ANSWERING,
    (State.ANSWERING, Happening.CALL): State.ANSWERING,
    (State.ANSWERING, Happening.LEFT): State.CALLING,
    (State.ANSWERING, Happening.FINISHED): State.COMPLETED,
    (State.ANSWERING, Happening.CUT_OFF): State.INCOMPLETE,
    (State.ANSWERING, Happening.CANCELLED): State.CANCELLED,
    (State.ANSWERING, Happening.FAILED): State.FAILED,
    (State.CALLING, Happening.FINISHED): State.COMPLETED,
    (State.CALLING, Happening.CUT_OFF): State.INCOMPLETE,
    (State.CALLING, Happening.CANCELLED): State.CANCELLED,
}
"""The whole life. A finished response has no way out: the session drops what still arrives for it."""

_STATUS: dict[State, wire.ResponseStatus] = {
    State.WAITING: "in_progress",
    State.ANSWERING: "in_progress",
    State.CALLING: "in_progress",
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
    fault: wire.ResponseErrorBody | None = None
    """Why it cannot even be tried."""
    served: tuple[Served, ...] = ()
    """Which of the tools are those of MCP servers."""
    own: Literal["no", "values", "items"] = "no"
    """What the request brought of its own: values over the session's, or even the items to answer."""
    follows_up: bool = False
    """The server goes on by itself, with the results of tools."""


class Ending(Struct, frozen=True, kw_only=True):
    """How a response ends, and why."""

    how: Literal[Happening.FINISHED, Happening.CUT_OFF, Happening.CANCELLED, Happening.FAILED]
    reason: wire.StatusReason | None = None
    error: wire.ResponseErrorBody | None = None
    finished: AnswerFinished | None = None


class Response:
    """A response in progress. `conversation` is None for an out-of-band one (PROTOCOL.md 4.9)."""

    def __init__(
        self, response_id: str, ids: Ids, plan: Plan, conversation: Conversation | None, output: OutputBuffer
    ) -> None:
        self._output = output
        self.id = response_id
        self.plan = plan
        self.conversation = conversation
        self.state = State.WAITING
        self._spoken = Spoken(plan.format)
        self.making = Making(response_id, ids, conversation, plan.served, output)
        self.ending: Ending | None = None
        """How it will end once the calls that it waits for have: the engine is done."""
        self.tokens = 0
        """What it cost in all, once it is over."""

    def created(self) -> list[wire.AnyServerEvent]:
        """The first event."""
        return [wire.ResponseCreated(response=self._object(None, None))]

    def began(self) -> list[Output]:
        """The first word: the message opens."""
        return self._message(Happening.BEGAN)[1]

    def words(self, text: str) -> list[Output]:
        """Words of a written or spoken answer."""
        message, opening = self._message(Happening.CONTENT)
        return [*opening, *message.words(text)]

    def times(self, ends: Iterable[tuple[int, int]]) -> None:
        """When the latest words are said; nobody is told, but a cut will keep what was heard."""
        self._spoken.time(ends)

    def audio(self, data: bytes, samples: int) -> list[Output]:
        """Audio of a spoken answer; a written one has no place for it."""
        if self._written:
            return []
        message, opening = self._message(Happening.CONTENT)
        return [*opening, *message.audio(data, samples)]

    def call(self, name: str) -> list[Output]:
        """The model begins to call a tool; what it says meanwhile goes on."""
        self.state = TABLE[self.state, Happening.CALL]
        return self.making.call(name)

    def finish(self, ending: Ending) -> list[Output]:
        """The engine is done, and so is all that it made; the response still waits for calls."""
        self.ending = ending
        events = self._finish(TABLE[self.state, ending.how])
        self.state = TABLE[self.state, Happening.LEFT]
        return events

    def end(self, ending: Ending) -> list[Output]:
        """The closing events, `response.done` last."""
        finished = ending.finished
        self.state = TABLE[self.state, ending.how]
        if self.ending is None:
            events = self._finish(self.state)
        else:
            events, finished = [], self.ending.finished
        events += self.making.end()
        details = None
        if self.state is not State.COMPLETED:
            details = wire.StatusDetails(
                type=_STATUS[self.state], reason=ending.reason or UNSET, error=ending.error or UNSET
            )
        cost = usage(finished, self.plan.heard_ms, self._spoken.samples)
        self.tokens = cost.total_tokens
        return [*events, wire.ResponseDone(response=self._object(details, cost))]

    @property
    def follows_up(self) -> bool:
        """The server goes on by itself after it."""
        return self.state in (State.COMPLETED, State.INCOMPLETE) and self.making.follows_up

    # --- inside ---------------------------------------------------------------------------------------------------

    @property
    def _written(self) -> bool:
        return self.plan.context.modality == "text"

    def _message(self, happening: Happening) -> tuple[MessageOutput, list[Output]]:
        self.state = TABLE[self.state, happening]
        return self.making.message(self._written, self._spoken)

    def _finish(self, state: State) -> list[Output]:
        self._spoken.whole = state in (State.COMPLETED, State.INCOMPLETE)
        status: ItemStatus = "completed" if state is State.COMPLETED else "incomplete"
        return [*self._output.end(self.id), *self.making.finish(status)]

    def _object(self, details: wire.StatusDetails | None, cost: Usage | None) -> wire.ResponseObject:
        context = self.plan.context
        return wire.ResponseObject(
            id=self.id,
            status=_STATUS[self.state],
            status_details=details,
            output=self.making.items,
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
