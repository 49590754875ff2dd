"""Calls of MCP tools: the events of their life, in a response and outside of one (PROTOCOL.md 4.7)."""

from __future__ import annotations

from dataclasses import dataclass

from msgspec.structs import replace

from vivavoce.core import effects as fx
from vivavoce.core.conversation import Conversation
from vivavoce.core.mcp_tools import Served
from vivavoce.core.outputs import Slot
from vivavoce.protocol import server as wire
from vivavoce.protocol import tool_events as told
from vivavoce.protocol.items import ExecutionFault, Item, ItemStatus, McpApprovalRequest, McpCall

CANCELLED = ExecutionFault(message="The call was cancelled: the answer that needed it was interrupted.")


@dataclass(slots=True)
class Outside:
    """The place of an item that belongs to no response, or to none any more."""

    conversation: Conversation | None
    previous: str | None = None
    index: int = 0

    def open(self, item: Item) -> list[fx.Output]:
        """The item exists."""
        assert self.conversation is not None, "only what has begun in a response may be out-of-band"
        self.previous = self.conversation.add(item)
        return [wire.ConversationItemAdded(previous_item_id=self.previous, item=item)]

    def close(self, item: Item) -> list[fx.Output]:
        """The item is final."""
        if self.conversation is None or not self.conversation.finish(item):
            return []
        return [wire.ConversationItemDone(previous_item_id=self.previous, item=item)]


class McpOutput:
    """A call of an MCP tool.

    `open`: its response has to end it still. `running`: its arguments are whole, and the server is at work.
    """

    def __init__(self, slot: Slot | Outside, item: McpCall, served: Served) -> None:
        self.item = item
        self.open = False
        self.running = False
        self._slot = slot
        self._served = served
        self._arguments: list[str] = []

    @property
    def conversation(self) -> Conversation | None:
        """Where it is told of; None for a call of an out-of-band response."""
        return self._slot.conversation

    def begin(self) -> list[fx.Output]:
        """Its first events."""
        self.open = True
        return self._slot.open(self.item)

    def arguments(self, delta: str) -> list[fx.Output]:
        """More of its arguments."""
        self._arguments.append(delta)
        return [
            told.McpCallArgumentsDelta(
                response_id=_response_id(self._slot),
                item_id=self.item.id,
                output_index=self._slot.index,
                delta=delta,
            )
        ]

    def called(self) -> list[fx.Output]:
        """Its arguments are whole: it is made."""
        return [*self._argued(), *self.run()]

    def run(self) -> list[fx.Output]:
        """It is made."""
        self.running = True
        if self.conversation is not None:
            self.conversation.finish(self.item)  # not its end, but from now on a client may ask for its arguments
        return [
            told.McpCallInProgress(item_id=self.item.id, output_index=self._slot.index),
            fx.CallTool(
                item_id=self.item.id,
                server=self._served.server,
                name=self._served.name,
                arguments=self.item.arguments,
            ),
        ]

    def returned(self, event: fx.ToolReturned | fx.ToolFailed) -> list[fx.Output]:
        """The server has answered, or has not."""
        if isinstance(event, fx.ToolFailed):
            return self._over(replace(self.item, status="completed", error=event.fault))
        return self._over(replace(self.item, status="completed", output=event.output))

    def end(self, status: ItemStatus) -> list[fx.Output]:
        """Its response ends before it does, whatever the status of that.

        A call that is safe to give up is given up. Any other goes on, for nobody knows what it has done already;
        what comes of it is told outside of the response.
        """
        if not self.running:
            argued = self._argued()
            self.open = False
            self.item = replace(self.item, status="incomplete")
            return [*argued, *self._slot.close(self.item)]
        if self._served.cancellable:
            cancelled = replace(self.item, status="incomplete", error=CANCELLED)
            return [fx.CancelTool(item_id=self.item.id), *self._over(cancelled)]
        self.open = False
        slot = self._slot
        self._slot = Outside(slot.conversation, slot.previous, slot.index)
        return [
            wire.OutputItemDone(response_id=_response_id(slot), output_index=slot.index, item=self.item),
        ]

    def _argued(self) -> list[fx.Output]:
        self.item = replace(self.item, arguments="".join(self._arguments))
        return [
            told.McpCallArgumentsDone(
                response_id=_response_id(self._slot),
                item_id=self.item.id,
                output_index=self._slot.index,
                arguments=self.item.arguments,
            )
        ]

    def _over(self, item: McpCall) -> list[fx.Output]:
        self.open = self.running = False
        self.item = item
        outcome = told.McpCallCompleted if item.error is None else told.McpCallFailed
        return [outcome(item_id=item.id, output_index=self._slot.index), *self._slot.close(item)]


class ApprovalOutput:
    """The request to approve a call: it exists from the moment on when it is known what shall be called with what."""

    def __init__(self, item: McpApprovalRequest) -> None:
        self.item = item

    def ask(self, slot: Slot) -> list[fx.Output]:
        """All of its events."""
        return [*slot.open(replace(self.item, status="in_progress")), *slot.close(self.item)]


def _response_id(slot: Slot | Outside) -> str:
    assert isinstance(slot, Slot), "arguments are only made in a response"
    return slot.response_id
