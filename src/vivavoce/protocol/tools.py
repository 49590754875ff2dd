"""Tools (PROTOCOL.md 3.7): what a client defines, and how it says which may be called."""

from __future__ import annotations

from typing import Annotated, Literal

from msgspec import UNSET, Meta, Struct, UnsetType
from msgspec.structs import replace

JsonObject = dict[str, object]
ToolName = Annotated[str, Meta(pattern="^[A-Za-z0-9_.-]+$", min_length=1, max_length=128)]
Label = Annotated[str, Meta(pattern="^[A-Za-z0-9_-]+$", min_length=1, max_length=64)]


class FunctionTool(Struct, frozen=True, forbid_unknown_fields=True, tag_field="type", tag="function"):
    """A function of the client's own; `parameters` is the JSON schema of its arguments, absent: it takes none."""

    name: ToolName
    description: str | UnsetType = UNSET
    parameters: JsonObject | UnsetType = UNSET


class ToolFilter(Struct, frozen=True, forbid_unknown_fields=True):
    """Some tools of a server: by name, or by what the server says of them. Both given: both must fit."""

    tool_names: list[str] | UnsetType = UNSET
    read_only: bool | UnsetType = UNSET


class Approvals(Struct, frozen=True, forbid_unknown_fields=True):
    """Which tools need the client's approval; what neither names needs it."""

    always: ToolFilter | UnsetType = UNSET
    never: ToolFilter | UnsetType = UNSET


class McpTool(Struct, frozen=True, forbid_unknown_fields=True, tag_field="type", tag="mcp"):
    """An MCP server whose tools we list and call. A later mention of the same label may bring nothing else."""

    server_label: Label
    server_url: str | UnsetType = UNSET
    connector_id: str | UnsetType = UNSET
    tunnel_id: str | UnsetType = UNSET
    server_description: str | UnsetType | None = UNSET
    authorization: str | UnsetType | None = UNSET
    headers: dict[str, str] | UnsetType | None = UNSET
    allowed_tools: list[str] | ToolFilter | UnsetType | None = UNSET
    require_approval: Literal["always", "never"] | Approvals | UnsetType | None = UNSET
    allowed_callers: list[Literal["direct", "programmatic"]] | UnsetType | None = UNSET
    defer_loading: bool | UnsetType | None = UNSET


Tool = FunctionTool | McpTool


def public(tool: Tool) -> Tool:
    """The tool as anybody may see it: without the credentials of a server."""
    return tool if isinstance(tool, FunctionTool) else replace(tool, authorization=UNSET, headers=UNSET)


class FunctionChoice(Struct, frozen=True, forbid_unknown_fields=True, tag_field="type", tag="function"):
    """This function must be called."""

    name: str


class McpChoice(Struct, frozen=True, forbid_unknown_fields=True, tag_field="type", tag="mcp"):
    """A tool of this server must be called: the named one, or any."""

    server_label: str
    name: str | UnsetType | None = UNSET


ToolChoice = Literal["none", "auto", "required"] | FunctionChoice | McpChoice
