"""All that an answer is made from, as the core knows it."""

from __future__ import annotations

from typing import Literal

from msgspec import Struct

from vivavoce.protocol.items import Item
from vivavoce.protocol.session import Effort, Modality, Truncation
from vivavoce.protocol.tools import JsonObject


class CallableTool(Struct, frozen=True, kw_only=True):
    """A tool as a model sees it: a function of the client's, or a tool of an MCP server. Names are unique."""

    name: str
    description: str
    parameters: JsonObject
    """The JSON schema of its arguments."""


class Context(Struct, frozen=True, kw_only=True, tag="context"):
    """What an answer is made from."""

    instructions: str
    items: tuple[Item, ...]
    modality: Modality
    voice: str
    speed: float
    max_output_tokens: int | None
    truncation: Truncation
    effort: Effort | None = None
    parallel_tool_calls: bool | None = None
    plain: bool = False
    """The instructions say everything: nothing is added about the manner of an answer."""
    tools: tuple[CallableTool, ...] = ()
    tool_choice: Literal["none", "auto", "required"] = "auto"
    callable: tuple[str, ...] | None = None
    """Names of the tools that may be called; None: all of them."""
    verbatim: str | None = None
    """Say exactly this, and ask no model."""
    language: str | None = None
    """ISO-639-1, of the answer; None: the caller's."""
    aside: bool = False
    """The items are not the conversation, or the answer will be no part of it."""
