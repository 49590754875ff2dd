"""What sessions let themselves in with at MCP servers is not written down.

In its place stands a name for it, so that a replay still sees which credentials are the same. The names mean nothing to
anybody else: their key is drawn anew by each process, and kept nowhere.
"""

from __future__ import annotations

import hmac
import re
import secrets
from collections.abc import Iterable

from msgspec import UNSET
from msgspec.structs import replace

from vivavoce.core import effects as fx
from vivavoce.protocol.client import ResponseCreate, SessionUpdate
from vivavoce.protocol.session import SessionObject, SessionPatch
from vivavoce.protocol.tools import McpTool, Tool

_KEY = secrets.token_bytes(16)
_NAME = re.compile("hidden-[0-9a-f]{12}")


def event_without_credentials(event: fx.AnyInput) -> fx.AnyInput:
    """As it is written down."""
    match event:
        case SessionUpdate(session=SessionPatch() as patch) if patch.tools is not UNSET:
            return replace(event, session=replace(patch, tools=_hidden(patch.tools)))
        case ResponseCreate(response=params) if params is not None and params.tools:
            return replace(event, response=replace(params, tools=_hidden(params.tools)))
    return event


def output_without_credentials(output: fx.AnyOutput) -> fx.AnyOutput:
    """The same in a replay, whose input was written down so."""
    if isinstance(output, fx.ListTools | fx.CallTool):
        return replace(output, server=_without(output.server))
    return output


def settings_without_credentials(settings: SessionObject) -> SessionObject:
    """Of a session that was bound to a client secret."""
    return replace(settings, tools=tuple(_hidden(settings.tools)))


def _hidden(tools: Iterable[Tool]) -> list[Tool]:
    return [_without(tool) if isinstance(tool, McpTool) else tool for tool in tools]


def _without(tool: McpTool) -> McpTool:
    if tool.authorization:
        tool = replace(tool, authorization=_name(tool.authorization))
    if tool.headers:
        tool = replace(tool, headers={name: _name(value) for name, value in tool.headers.items()})
    return tool


def _name(secret: str) -> str:
    if _NAME.fullmatch(secret):
        return secret  # it comes from a trace
    return f"hidden-{hmac.digest(_KEY, secret.encode(), 'sha256').hex()[:12]}"
