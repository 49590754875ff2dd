"""Which tools a model may call, and what of a client's tools is refused by name (PROTOCOL.md 3.7)."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Literal

from msgspec import UNSET, Struct

from vivavoce.core.capabilities import Capabilities
from vivavoce.core.effects import CallableTool
from vivavoce.core.mcp_tools import Served
from vivavoce.protocol.errors import ProtocolError, invalid_value, unsupported
from vivavoce.protocol.tools import FunctionChoice, FunctionTool, JsonObject, McpChoice, Tool, ToolChoice

MOST_TOOLS = 128
"""In one session or response: more would not fit into any prompt."""
_NO_TOOLS = "The configured language model cannot call tools."
_NO_ARGUMENTS: JsonObject = {"type": "object", "properties": {}}


class Choice(Struct, frozen=True, kw_only=True):
    """A tool choice as an engine is told it."""

    mode: Literal["none", "auto", "required"] = "auto"
    callable: tuple[str, ...] | None = None
    """Names that may be called; None: all."""


def check_tools(tools: Sequence[Tool], can: Capabilities, where: str) -> None:
    """Raises `ProtocolError` for tools that cannot be served; `where` is the list's place on the wire."""
    if tools and not can.tools:
        raise unsupported(where, _NO_TOOLS)
    if len(tools) > MOST_TOOLS:
        message = f"Invalid '{where}': expected at most {MOST_TOOLS} tools, but got {len(tools)}."
        raise ProtocolError("invalid_value", message, param=where)
    names: set[str] = set()
    for index, tool in enumerate(tools):
        if isinstance(tool, FunctionTool):
            _check_function(tool, f"{where}[{index}]")
            if tool.name in names:
                message = f"There are two functions of the name '{tool.name}'."
                raise ProtocolError("invalid_value", message, param=f"{where}[{index}].name")
            names.add(tool.name)


def functions(tools: Iterable[Tool]) -> tuple[CallableTool, ...]:
    """The client's own functions as a model sees them."""
    return tuple(
        CallableTool(
            name=tool.name,
            description=tool.description or "",
            parameters=tool.parameters or _NO_ARGUMENTS,
        )
        for tool in tools
        if isinstance(tool, FunctionTool)
    )


def check_choice(choice: ToolChoice, tools: Sequence[Tool], can: Capabilities, where: str) -> None:
    """Raises `ProtocolError` for a choice of something that is not among the tools."""
    if not can.tools and choice not in ("none", "auto"):
        raise unsupported(where, _NO_TOOLS)
    match choice:
        case FunctionChoice(name=name):
            known = tuple(tool.name for tool in tools if isinstance(tool, FunctionTool))
            if name not in known:
                raise invalid_value(f"{where}.name", name, known) if known else _nothing(where)
        case McpChoice(server_label=label):
            labels = tuple(tool.server_label for tool in tools if not isinstance(tool, FunctionTool))
            if label not in labels:
                raise invalid_value(f"{where}.server_label", label, labels) if labels else _nothing(where)
        case _:
            pass  # a mode, which names nothing


def chosen(choice: ToolChoice, available: Sequence[CallableTool], served: Sequence[Served], where: str) -> Choice:
    """What an engine is told. Raises `ProtocolError` when something must be called and there is nothing to call.

    `served`: what of the available tools is one of an MCP server.
    """
    match choice:
        case FunctionChoice(name=name):
            return Choice(mode="required", callable=(name,))
        case "required" if not available:
            raise _nothing(where)
        case McpChoice(server_label=label, name=name):
            names = tuple(
                each.alias for each in served if each.server.server_label == label and (not name or each.name == name)
            )
            if not names:
                raise _nothing(where)
            return Choice(mode="required", callable=names)
        case _:
            return Choice(mode=choice)


def _check_function(tool: FunctionTool, where: str) -> None:
    if tool.parameters is UNSET:
        return
    kind = tool.parameters.get("type", "object")
    if kind != "object":
        raise invalid_value(f"{where}.parameters.type", str(kind), ("object",))


def _nothing(where: str) -> ProtocolError:
    return ProtocolError("invalid_value", f"'{where}' asks for a tool, but there is none to call.", param=where)
