"""Which tools of an MCP server are offered to a model, by which name, and which of them need an approval (3.7)."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Sequence

from msgspec import Struct

from vivavoce.core.effects import CallableTool
from vivavoce.protocol.items import ListedTool
from vivavoce.protocol.tools import Approvals, McpTool, ToolFilter

_NOT_IN_A_NAME = re.compile(r"[^A-Za-z0-9_-]")
_LONGEST_NAME = 64
"""What every model takes for a name, remote ones included."""


class Served(Struct, frozen=True, kw_only=True):
    """A tool of an MCP server, as one response may call it."""

    alias: str
    """The model's name for it: unique."""
    server: McpTool
    name: str
    """The server's name for it."""
    needs_approval: bool
    cancellable: bool
    """Nothing is lost when a call of it is given up: it only reads, or may be made again."""


def allowed(server: McpTool, tools: Iterable[ListedTool]) -> tuple[ListedTool, ...]:
    """Those that the client wants of it."""
    wanted = server.allowed_tools
    if isinstance(wanted, list):
        return tuple(tool for tool in tools if tool.name in wanted)
    return tuple(tool for tool in tools if not isinstance(wanted, ToolFilter) or _fits(tool, wanted))


def needs_approval(server: McpTool, tool: ListedTool) -> bool:
    """Whether the client must be asked before each call; without a rule it must."""
    rule = server.require_approval
    if not isinstance(rule, Approvals):
        return rule != "never"
    if isinstance(rule.always, ToolFilter) and _fits(tool, rule.always):
        return True
    return not (isinstance(rule.never, ToolFilter) and _fits(tool, rule.never))


def offered(
    listings: Sequence[tuple[McpTool, Sequence[ListedTool]]], taken: Iterable[str]
) -> tuple[tuple[CallableTool, ...], tuple[Served, ...]]:
    """The tools of these servers, in order: as a model sees them, and what each name stands for.

    `taken`: names of the client's functions. A tool keeps its own name unless another has it too; then its server's
    label comes before it.
    """
    every = [(server, tool) for server, tools in listings for tool in tools]
    names = set(taken)
    often = Counter([*names, *(_name(tool.name) for _, tool in every)])
    callables: list[CallableTool] = []
    served: list[Served] = []
    for server, tool in every:
        bare = _name(tool.name)
        alias = _unique(bare if often[bare] == 1 else _name(f"{server.server_label}_{bare}"), names)
        names.add(alias)
        about = f"{server.server_label}: {server.server_description}" if server.server_description else ""
        callables.append(
            CallableTool(
                name=alias,
                description="\n".join(filter(None, (tool.description, about))),
                parameters=tool.input_schema,
            )
        )
        served.append(
            Served(
                alias=alias,
                server=server,
                name=tool.name,
                needs_approval=needs_approval(server, tool),
                cancellable=_hint(tool, "readOnlyHint") or _hint(tool, "idempotentHint"),
            )
        )
    return tuple(callables), tuple(served)


def _fits(tool: ListedTool, wanted: ToolFilter) -> bool:
    named = not isinstance(wanted.tool_names, list) or tool.name in wanted.tool_names
    return named and (not isinstance(wanted.read_only, bool) or _hint(tool, "readOnlyHint") == wanted.read_only)


def _hint(tool: ListedTool, name: str) -> bool:
    """What a server says of a tool; it is only a hint, and what is not said is not so."""
    return isinstance(tool.annotations, dict) and tool.annotations.get(name) is True


def _name(wanted: str) -> str:
    return _NOT_IN_A_NAME.sub("_", wanted)[:_LONGEST_NAME]


def _unique(wanted: str, taken: set[str]) -> str:
    name, number = wanted, 1
    while name in taken:
        number += 1
        name = f"{wanted[: _LONGEST_NAME - 4]}_{number}"
    return name
