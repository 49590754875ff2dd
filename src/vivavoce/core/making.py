"""The items of one response, in order: which of them an engine is making, and what ends them (PROTOCOL.md 4.4, 4.7)."""

from __future__ import annotations

from collections.abc import Iterable

from vivavoce.core.conversation import Conversation
from vivavoce.core.effects import Output
from vivavoce.core.ids import Ids
from vivavoce.core.mcp_calls import ApprovalOutput, McpOutput
from vivavoce.core.mcp_tools import Served
from vivavoce.core.output_buffer import OutputBuffer
from vivavoce.core.outputs import FunctionOutput, MessageOutput, Slot
from vivavoce.core.spoken import Spoken
from vivavoce.protocol.items import FunctionCall, Item, ItemStatus, McpApprovalRequest, McpCall

AnyOutput = MessageOutput | FunctionOutput | McpOutput | ApprovalOutput


class Making:
    """The items of one response. `served`: which names of tools are those of MCP servers."""

    def __init__(
        self,
        response_id: str,
        ids: Ids,
        conversation: Conversation | None,
        served: Iterable[Served],
        output: OutputBuffer,
    ) -> None:
        self._response_id = response_id
        self._ids = ids
        self._conversation = conversation
        self._served = {each.alias: each for each in served}
        self._output = output
        self._made: list[AnyOutput] = []
        self._next_item = ids("item")
        self._asking: tuple[Served, list[str]] | None = None
        """A call that will need an approval, and its arguments so far."""

    @property
    def items(self) -> tuple[Item, ...]:
        """All of them, as they are now."""
        return tuple(each.item for each in self._made)

    @property
    def calls(self) -> list[McpOutput]:
        """Those that the server itself calls."""
        return [each for each in self._made if isinstance(each, McpOutput)]

    @property
    def running(self) -> dict[str, McpOutput]:
        """Those of them that the response waits for, by item."""
        return {call.item.id: call for call in self.calls if call.open and call.running}

    @property
    def follows_up(self) -> bool:
        """Calls of the server's own have ended, and the client owes no result: the server goes on by itself."""
        ended = any(not call.open and call.item.status == "completed" for call in self.calls)
        owed = any(isinstance(item, FunctionCall) and item.status == "completed" for item in self.items)
        return ended and not owed

    def message(self, written: bool, spoken: Spoken) -> tuple[MessageOutput, list[Output]]:
        """The one message of the answer, and the events that open it now if it was not open yet."""
        for each in self._made:
            if isinstance(each, MessageOutput):
                return each, []
        message = MessageOutput(self._slot(), self._item_id(), written, spoken, self._output)
        self._made.append(message)
        return message, message.begin()

    def call(self, name: str) -> list[Output]:
        """A tool is going to be called."""
        served = self._served.get(name)
        if served is None:
            return self._begin(FunctionOutput(self._slot(), self._item_id(), self._ids("call"), name))
        if served.needs_approval:
            self._asking = (served, [])
            return []
        item = McpCall(
            id=self._item_id(), status="in_progress", server_label=served.server.server_label, name=served.name
        )
        return self._begin(McpOutput(self._slot(), item, served))

    def arguments(self, delta: str) -> list[Output]:
        """More arguments of the latest call."""
        if self._asking is not None:
            self._asking[1].append(delta)
            return []
        call = self._arguing()
        return [] if call is None else call.arguments(delta)

    def called(self) -> tuple[list[Output], tuple[str, Served] | None]:
        """The latest call is whole; and, if it is the client who decides on it now, the request for that."""
        if self._asking is not None:
            (served, arguments), self._asking = self._asking, None
            item = McpApprovalRequest(
                id=self._item_id(),
                server_label=served.server.server_label,
                name=served.name,
                arguments="".join(arguments),
            )
            request = ApprovalOutput(item)
            outputs = request.ask(self._slot())
            self._made.append(request)
            return outputs, (item.id, served)
        call = self._arguing()
        if isinstance(call, McpOutput):
            return call.called(), None
        return ([] if call is None else call.end("completed")), None

    def finish(self, status: ItemStatus) -> list[Output]:
        """The engine is done: what it was making ends, and what the server is calling goes on."""
        self._asking = None
        outputs: list[Output] = []
        for each in self._made:
            if isinstance(each, ApprovalOutput) or not each.open or (isinstance(each, McpOutput) and each.running):
                continue
            # A call that is still open was never made, however the response ended.
            outputs += each.end(status if isinstance(each, MessageOutput) else "incomplete")
        return outputs

    def end(self) -> list[Output]:
        """The response is over: calls that are running are given up, or go on without it."""
        return [output for call in self.calls if call.open for output in call.end("incomplete")]

    # --- inside ---------------------------------------------------------------------------------------------------

    def _begin(self, call: FunctionOutput | McpOutput) -> list[Output]:
        self._made.append(call)
        return call.begin()

    def _arguing(self) -> FunctionOutput | McpOutput | None:
        """The latest call, while its arguments are coming."""
        calls = [each for each in self._made if isinstance(each, FunctionOutput | McpOutput)]
        if not calls or not calls[-1].open or (isinstance(calls[-1], McpOutput) and calls[-1].running):
            return None
        return calls[-1]

    def _slot(self) -> Slot:
        return Slot(self._response_id, len(self._made), self._conversation)

    def _item_id(self) -> str:
        return self._ids("item") if self._made else self._next_item
