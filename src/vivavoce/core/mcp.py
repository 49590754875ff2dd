"""The MCP servers of one session: what is defined, listed, offered to a model, waiting for an approval, or running.

PROTOCOL.md 3.7 and 4.7. The server lists tools and calls them itself, so all of it is told to the client as items.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping

from msgspec import Struct
from msgspec.structs import replace

from vivavoce.core import effects as fx
from vivavoce.core.conversation import Conversation
from vivavoce.core.ids import Ids
from vivavoce.core.mcp_calls import McpOutput, Outside
from vivavoce.core.mcp_definitions import access
from vivavoce.core.mcp_listing import Listings
from vivavoce.core.mcp_tools import Served, offered
from vivavoce.core.tools import functions
from vivavoce.protocol.errors import ProtocolError
from vivavoce.protocol.items import Item, McpApprovalRequest, McpApprovalResponse, McpCall
from vivavoce.protocol.tools import McpTool, Tool


class Offer(Struct, frozen=True):
    """What one response may call."""

    tools: tuple[fx.CallableTool, ...]
    """All of it, the client's own functions first."""
    served: tuple[Served, ...]
    """What of it is a tool of an MCP server."""


class Mcp:
    """The MCP servers of one session."""

    def __init__(self, conversation: Conversation, ids: Ids) -> None:
        self._conversation = conversation
        self._ids = ids
        self._known: dict[str, McpTool] = {}
        self._listings = Listings(conversation, ids)
        self._requests: dict[str, Served] = {}
        """Requests for approval that wait, by item."""
        self._detached: dict[str, McpOutput] = {}
        """Calls that run and belong to no response, by item."""
        self._late: dict[str, str] = {}
        """Calls that ended after the conversation had gone on: the item that was the last one then."""

    # --- servers and their tools ----------------------------------------------------------------------------------

    @property
    def known(self) -> Mapping[str, McpTool]:
        """Every definition that came in this session, by label: a later mention may bring the label alone."""
        return self._known

    def come_into_force(self, tools: Iterable[Tool], before: Iterable[Tool] = ()) -> list[fx.Output]:
        """These tools hold from now on, instead of those: list what is new among them."""
        servers = _servers(tools)
        self._known |= {server.server_label: server for server in servers}
        stay = [access(server) for server in servers]
        gone = [server for server in _servers(before) if access(server) not in stay]
        return [*self._listings.unwant(gone), *self._listings.want(servers)]

    def listed(self, event: fx.ToolsListed | fx.ToolsMissing) -> list[fx.Output]:
        """A server has told its tools, or has not."""
        return self._listings.listed(event) if isinstance(event, fx.ToolsListed) else self._listings.missing(event)

    def offer(self, tools: Iterable[Tool], may_ask: bool) -> Offer:
        """What of these tools can be called now. `may_ask`: the client can be asked to approve a call."""
        given = tuple(tools)
        own = functions(given)
        found, served = offered(self._listings.found(_servers(given)), [tool.name for tool in own])
        usable = [each for each in served if may_ask or not each.needs_approval]
        names = {each.alias for each in usable}
        return Offer((*own, *(tool for tool in found if tool.name in names)), tuple(usable))

    # --- calls outside of a response ------------------------------------------------------------------------------

    def ask(self, request_id: str, served: Served) -> None:
        """The client has been asked to approve a call."""
        self._requests[request_id] = served

    def check_approval(self, request_id: str) -> None:
        """Raises `ProtocolError` unless an approval of this request is waited for."""
        asked = self._conversation.get(request_id)
        if request_id in self._requests and isinstance(asked, McpApprovalRequest):
            return
        message = f"No approval is waited for with approval_request_id '{request_id}'."
        raise ProtocolError("invalid_value", message, param="item.approval_request_id")

    def decide(self, answer: McpApprovalResponse) -> list[fx.Output]:
        """The client has decided on a call: it is made, or it is not."""
        served = self._requests.pop(answer.approval_request_id)
        asked = self._conversation.get(answer.approval_request_id)
        if not answer.approve or not isinstance(asked, McpApprovalRequest):
            return []
        item = McpCall(
            id=self._ids("item"),
            status="in_progress",
            server_label=asked.server_label,
            name=asked.name,
            arguments=asked.arguments,
            approval_request_id=asked.id,
        )
        call = McpOutput(Outside(self._conversation), item, served)
        outputs = [*call.begin(), *call.run()]
        self.detach(call)
        return outputs

    def detach(self, call: McpOutput) -> None:
        """A call goes on without a response."""
        self._detached[call.item.id] = call

    @property
    def calling(self) -> bool:
        """A call runs that belongs to no response: its result will be answered."""
        return bool(self._detached)

    def returned(self, event: fx.ToolReturned | fx.ToolFailed) -> tuple[list[fx.Output], bool]:
        """A call outside of a response has ended. True: the conversation holds what came of it."""
        call = self._detached.pop(event.item_id, None)
        if call is None:
            return [], False
        outputs = call.returned(event)
        if call.conversation is None or self._conversation.get(call.item.id) != call.item:
            return outputs, False  # out-of-band, or deleted meanwhile
        last = self._conversation.tail
        if last is not None and last != call.item.id:
            self._late[call.item.id] = last
        return outputs, True

    def history(self) -> tuple[Item, ...]:
        """What a model may know of the conversation.

        A call that is running is in it; and one that ended late is in it twice: at its place, where it stays pending
        for ever, because models have been told so and their cache begins with it; and once more, whole, where its
        result came.
        """
        return tuple(self._told())

    def _told(self) -> Iterator[Item]:
        late = {call_id: last for call_id, last in self._late.items() if last in self._conversation}
        ends: dict[str, list[str]] = {}
        for call_id, last in late.items():
            ends.setdefault(last, []).append(call_id)
        for item in self._conversation:
            if isinstance(item, McpCall) and item.id in late:
                yield replace(item, status="in_progress", output=None, error=None)
            elif item.status != "in_progress" or (isinstance(item, McpCall) and item.arguments):
                yield item
            for call_id in ends.get(item.id, ()):
                call = self._conversation.get(call_id)
                if isinstance(call, McpCall):
                    yield call


def _servers(tools: Iterable[Tool]) -> list[McpTool]:
    return [tool for tool in tools if isinstance(tool, McpTool)]
