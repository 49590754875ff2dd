"""Server events about tools (PROTOCOL.md 2.2, 4.7)."""

from __future__ import annotations

from vivavoce.protocol.event import ServerEvent


class FunctionCallArgumentsDelta(ServerEvent, frozen=True, tag="response.function_call_arguments.delta"):
    """A piece of the arguments of a call."""

    response_id: str
    item_id: str
    output_index: int
    call_id: str
    delta: str


class FunctionCallArgumentsDone(ServerEvent, frozen=True, tag="response.function_call_arguments.done"):
    """The arguments of a call: exactly the deltas that were sent."""

    response_id: str
    item_id: str
    output_index: int
    call_id: str
    name: str
    arguments: str


class McpListToolsInProgress(ServerEvent, frozen=True, tag="mcp_list_tools.in_progress"):
    """A server is being asked for its tools."""

    item_id: str


class McpListToolsCompleted(ServerEvent, frozen=True, tag="mcp_list_tools.completed"):
    """A server has told its tools; they follow in `conversation.item.done`."""

    item_id: str


class McpListToolsFailed(ServerEvent, frozen=True, tag="mcp_list_tools.failed"):
    """A server has not told its tools; the item that follows says why."""

    item_id: str


class McpCallArgumentsDelta(ServerEvent, frozen=True, tag="response.mcp_call_arguments.delta"):
    """A piece of the arguments of a call. Stock clients drop the event without `obfuscation` (2.0)."""

    response_id: str
    item_id: str
    output_index: int
    delta: str
    obfuscation: str = ""


class McpCallArgumentsDone(ServerEvent, frozen=True, tag="response.mcp_call_arguments.done"):
    """The arguments of a call: exactly the deltas that were sent."""

    response_id: str
    item_id: str
    output_index: int
    arguments: str


class McpCallInProgress(ServerEvent, frozen=True, tag="response.mcp_call.in_progress"):
    """A tool is being called. The index is that in the response; 0 for a call that waited for its approval."""

    item_id: str
    output_index: int


class McpCallCompleted(ServerEvent, frozen=True, tag="response.mcp_call.completed"):
    """A tool has returned; the result follows in `conversation.item.done`."""

    item_id: str
    output_index: int


class McpCallFailed(ServerEvent, frozen=True, tag="response.mcp_call.failed"):
    """A call has failed; the item that follows says why."""

    item_id: str
    output_index: int


AnyToolEvent = (
    FunctionCallArgumentsDelta
    | FunctionCallArgumentsDone
    | McpListToolsInProgress
    | McpListToolsCompleted
    | McpListToolsFailed
    | McpCallArgumentsDelta
    | McpCallArgumentsDone
    | McpCallInProgress
    | McpCallCompleted
    | McpCallFailed
)
