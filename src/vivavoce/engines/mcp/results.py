"""What a tool has returned, as text for a language model; and tools as their server describes them."""

from __future__ import annotations

import json
from collections.abc import Iterable

import mcp_types as mcp

from vivavoce.ports import ServedTool


def text_of(result: mcp.CallToolResult) -> str:
    """All text; where there is none, the structured content as JSON. What is no text is named in brackets."""
    pieces = [_piece(block) for block in result.content]
    said = any(isinstance(block, mcp.TextContent | mcp.EmbeddedResource) for block in result.content)
    if not said and result.structured_content is not None:
        pieces.append(json.dumps(result.structured_content, ensure_ascii=False, separators=(",", ":")))
    return "\n".join(pieces)


def _piece(block: mcp.ContentBlock) -> str:
    match block:
        case mcp.TextContent():
            return block.text
        case mcp.ImageContent():
            return f"[image: {block.mime_type}]"
        case mcp.AudioContent():
            return f"[audio: {block.mime_type}]"
        case mcp.ResourceLink():
            return f"[resource: {block.title or block.name}, {block.uri}]"
        case mcp.EmbeddedResource():
            named = f"[resource: {block.resource.uri}]"
            held = block.resource
            return f"{named}\n{held.text}" if isinstance(held, mcp.TextResourceContents) else named


def served(tools: Iterable[mcp.Tool]) -> tuple[ServedTool, ...]:
    """The first of each name."""
    known: dict[str, ServedTool] = {}
    for tool in tools:
        annotations = tool.annotations.model_dump(by_alias=True, exclude_none=True) if tool.annotations else {}
        known.setdefault(tool.name, ServedTool(tool.name, tool.description or "", tool.input_schema, annotations))
    return tuple(known.values())
