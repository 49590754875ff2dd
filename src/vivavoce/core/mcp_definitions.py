"""MCP servers as clients define them: what is wrong with a definition, and what a bare label stands for (3.7)."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from urllib.parse import urlsplit

from msgspec import UNSET
from msgspec.structs import asdict, replace

from vivavoce.core.capabilities import Capabilities
from vivavoce.protocol.errors import ProtocolError, unsupported
from vivavoce.protocol.tools import FunctionTool, McpTool, Tool

MOST_SERVERS = 16
"""In one session or response; each may have many tools."""
_ADDRESSES = ("server_url", "connector_id", "tunnel_id")
_HEADER = re.compile(r"[A-Za-z0-9!#$%&'*+.^_`|~-]+")
_HEADER_VALUE = re.compile(r"[\t\x20-\x7e]*")
"""What any HTTP library sends as it is (RFC 9110 5.5)."""
_OURS = frozenset(
    {
        "accept",
        "connection",
        "content-length",
        "content-type",
        "host",
        "mcp-protocol-version",
        "mcp-session-id",
        "transfer-encoding",
    }
)
"""Headers that the protocol itself sets."""


def resolve(tools: Sequence[Tool], known: Mapping[str, McpTool], can: Capabilities, where: str) -> list[Tool]:
    """The list with every server whole. Raises `ProtocolError`.

    `known`: definitions that came earlier in the session, by label; `where`: the list's place on the wire.
    """
    labels: set[str] = set()
    resolved: list[Tool] = []
    for index, tool in enumerate(tools):
        if isinstance(tool, FunctionTool):
            resolved.append(tool)
            continue
        param = f"{where}[{index}]"
        if can.mcp is None:
            raise unsupported(f"{param}.type", "MCP servers are switched off on this server.")
        if tool.server_label in labels:
            raise _invalid(f"{param}.server_label", f"Duplicate server label: '{tool.server_label}'.")
        labels.add(tool.server_label)
        if len(labels) > MOST_SERVERS:
            raise _invalid(where, f"Invalid '{where}': expected at most {MOST_SERVERS} MCP servers.")
        resolved.append(_whole(tool, known.get(tool.server_label), can.mcp, param))
    return resolved


def access(server: McpTool) -> McpTool:
    """What decides which tools a server lists: where it is, and how it is entered."""
    return McpTool(
        server_label=server.server_label,
        server_url=server.server_url,
        authorization=server.authorization or UNSET,
        headers=server.headers or UNSET,
    )


def _whole(tool: McpTool, known: McpTool | None, configured: Sequence[str], param: str) -> McpTool:
    given = [name for name in _ADDRESSES if getattr(tool, name) is not UNSET]
    if len(given) > 1:
        raise _invalid(f"{param}.{given[1]}", f"Exactly one of {', '.join(_ADDRESSES)} may be given.")
    if tool.connector_id is not UNSET:
        raise unsupported(f"{param}.connector_id", "There are no connectors on this server: give a 'server_url'.")
    if tool.tunnel_id is not UNSET:
        raise unsupported(f"{param}.tunnel_id", "There are no tunnels on this server: give a 'server_url'.")
    if tool.server_url is UNSET:
        if known is not None:
            tool = replace(known, **{name: value for name, value in asdict(tool).items() if value is not UNSET})
        elif tool.server_label not in configured:
            message = f"Missing required parameter: '{param}.server_url'."
            raise ProtocolError("missing_required_parameter", message, param=f"{param}.server_url")
    _check_address(tool, param)
    _check_credentials(tool, param)
    if isinstance(tool.allowed_callers, list) and set(tool.allowed_callers) != {"direct"}:
        raise unsupported(f"{param}.allowed_callers", "Only the model itself calls tools: ['direct'].")
    if tool.defer_loading:
        raise unsupported(f"{param}.defer_loading", "Tools are always listed at once.")
    return tool


def _check_address(tool: McpTool, param: str) -> None:
    """Whether it may be reached is for who connects to it to say, once its name is resolved."""
    if tool.server_url is UNSET:
        for name in ("authorization", "headers"):
            if getattr(tool, name):
                message = f"'{tool.server_label}' is a server of the configuration, which has its credentials there."
                raise unsupported(f"{param}.{name}", message)
        return
    if not _is_web(tool.server_url):
        raise _invalid(f"{param}.server_url", f"Invalid '{param}.server_url': expected an http or https URL.")
    if "@" in urlsplit(tool.server_url).netloc:
        message = "A name and password in the URL would be shown: use 'authorization' or 'headers'."
        raise _invalid(f"{param}.server_url", message)


def _is_web(url: str) -> bool:
    try:
        parts = urlsplit(url)
        host = bool(parts.hostname) and parts.port != 0
    except ValueError:
        return False
    return parts.scheme in ("http", "https") and host and url.isprintable() and " " not in url


def _check_credentials(tool: McpTool, param: str) -> None:
    if tool.authorization and not _HEADER_VALUE.fullmatch(tool.authorization):
        raise _invalid(f"{param}.authorization", f"Invalid '{param}.authorization': it cannot be sent in a header.")
    for name, value in (tool.headers or {}).items():
        if tool.authorization and name.lower() == "authorization":
            message = "'authorization' and an Authorization header may not be given together."
            raise _invalid(f"{param}.headers", message)
        if name.lower() in _OURS:
            raise _invalid(f"{param}.headers", f"The header '{name}' is set by the protocol itself.")
        if not _HEADER.fullmatch(name) or not _HEADER_VALUE.fullmatch(value):
            raise _invalid(f"{param}.headers", f"Invalid '{param}.headers': a name or value cannot be sent.")


def _invalid(param: str, message: str) -> ProtocolError:
    return ProtocolError("invalid_value", message, param=param)
