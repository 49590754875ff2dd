"""What the core hears of MCP servers, and what it asks of them."""

from __future__ import annotations

from msgspec import Struct

from vivavoce.protocol.items import ListedTool, McpFault
from vivavoce.protocol.tools import McpTool


class ToolsListed(Struct, frozen=True, kw_only=True, tag="tools_listed"):
    """An MCP server has told its tools; `item_id` is that of `ListTools`."""

    item_id: str
    tools: tuple[ListedTool, ...]


class ToolsMissing(Struct, frozen=True, kw_only=True, tag="tools_missing"):
    """An MCP server has not told its tools."""

    item_id: str
    message: str


class ToolReturned(Struct, frozen=True, kw_only=True, tag="tool_returned"):
    """An MCP tool has returned; `item_id` is that of `CallTool`."""

    item_id: str
    output: str


class ToolFailed(Struct, frozen=True, kw_only=True, tag="tool_failed"):
    """An MCP tool has not returned."""

    item_id: str
    fault: McpFault


class ListTools(Struct, frozen=True, kw_only=True, tag="list_tools"):
    """Ask an MCP server for its tools."""

    item_id: str
    server: McpTool


class CallTool(Struct, frozen=True, kw_only=True, tag="call_tool"):
    """Call a tool of an MCP server; `arguments` is a JSON object as text."""

    item_id: str
    server: McpTool
    name: str
    arguments: str


class CancelTool(Struct, frozen=True, kw_only=True, tag="cancel_tool"):
    """Nobody waits for a listing or a call any more."""

    item_id: str
