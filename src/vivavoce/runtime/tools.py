"""The MCP servers of one session: their tools are listed and called, each in a task of its own."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Sequence

import msgspec
from msgspec import UNSET

from vivavoce.core import effects as fx
from vivavoce.ports import ServedTool, Tool, ToolError, ToolServer, ToolServers
from vivavoce.protocol.items import ExecutionFault, HttpFault, ListedTool, McpFault, ProtocolFault
from vivavoce.protocol.tools import JsonObject, McpTool
from vivavoce.runtime.tool_check import Refused, reasons

INVALID_PARAMS = -32602
INTERNAL_ERROR = -32603
"""Codes of JSON-RPC 2.0, section 5.1."""

_log = logging.getLogger(__name__)


class Tools:
    """A session's listings and calls in progress. When it ends, they are cancelled."""

    def __init__(
        self,
        servers: ToolServers | None,
        refused: Refused,
        group: asyncio.TaskGroup,
        tell: Callable[[fx.ToolEvent], object],
    ) -> None:
        """`refused`: of tools that the model cannot call."""
        self._servers = servers
        self._refused = refused
        self._group = group
        self._tell = tell
        self._tasks: dict[str, asyncio.Task[None]] = {}

    def perform(self, command: fx.ListTools | fx.CallTool | fx.CancelTool) -> None:
        """Begin, or stop, what the command names."""
        if isinstance(command, fx.CancelTool):
            if task := self._tasks.pop(command.item_id, None):
                task.cancel()
            return
        self._tasks[command.item_id] = self._group.create_task(self._report(command))

    async def _report(self, command: fx.ListTools | fx.CallTool) -> None:
        event = await (self._list(command) if isinstance(command, fx.ListTools) else self._call(command))
        self._tasks.pop(command.item_id, None)
        self._tell(event)

    async def _list(self, command: fx.ListTools) -> fx.ToolsListed | fx.ToolsMissing:
        try:
            found = await self._reach().list_tools(_server(command.server))
            usable = await self._usable(command.server.server_label, found)
            return fx.ToolsListed(item_id=command.item_id, tools=tuple(_listed(tool) for tool in usable))
        except Exception as error:
            return fx.ToolsMissing(item_id=command.item_id, message=_known(error).message)

    async def _usable(self, label: str, found: Sequence[ServedTool]) -> list[ServedTool]:
        """A tool that the model cannot call is left out: offered, it would fail every answer."""
        tools = [Tool(each.name, each.description, each.parameters) for each in found]
        usable: list[ServedTool] = []
        for each, why in zip(found, await reasons(tools, self._refused), strict=True):
            if why is None:
                usable.append(each)
            else:
                _log.warning("the MCP server %s has a tool that is left out: %s", label, why)
        return usable

    async def _call(self, command: fx.CallTool) -> fx.ToolReturned | fx.ToolFailed:
        try:
            arguments = _arguments(command.arguments)
            output = await self._reach().call(_server(command.server), command.name, arguments)
            return fx.ToolReturned(item_id=command.item_id, output=output)
        except Exception as error:
            return fx.ToolFailed(item_id=command.item_id, fault=_fault(_known(error)))

    def _reach(self) -> ToolServers:
        if self._servers is None:
            raise ToolError("protocol", "This server reaches no MCP servers.", INTERNAL_ERROR)
        return self._servers


def _known(error: Exception) -> ToolError:
    """What adapters raise on purpose; anything else is a bug of theirs, and ends as a failed call all the same."""
    if isinstance(error, ToolError):
        return error
    _log.exception("the way to MCP servers raised", exc_info=error)
    return ToolError("protocol", "The MCP server could not be talked to.", INTERNAL_ERROR)


def _fault(error: ToolError) -> McpFault:
    match error.kind:
        case "http":
            return HttpFault(code=error.code, message=error.message)
        case "protocol":
            return ProtocolFault(code=error.code, message=error.message)
        case "execution":
            return ExecutionFault(message=error.message)


def _server(tool: McpTool) -> ToolServer:
    """With the OAuth token as a bearer's (PROTOCOL.md 3.7, RFC 6750)."""
    headers = dict(tool.headers or {})
    if tool.authorization:
        headers["Authorization"] = f"Bearer {tool.authorization}"
    return ToolServer(tool.server_url or None, tool.server_label, headers)


def _listed(tool: ServedTool) -> ListedTool:
    return ListedTool(
        name=tool.name,
        description=tool.description,
        input_schema=dict(tool.parameters),
        annotations=dict(tool.annotations) or UNSET,
    )


def _arguments(text: str) -> JsonObject:
    try:
        return msgspec.json.decode(text, type=JsonObject)
    except msgspec.DecodeError as error:
        raise ToolError("protocol", "The arguments are not a JSON object.", INVALID_PARAMS) from error
