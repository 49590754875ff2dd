"""The settings of MCP servers, whose tools models may call."""

from __future__ import annotations

from collections.abc import Mapping
from ipaddress import ip_network
from typing import Annotated

from msgspec import Meta, field
from msgspec.structs import asdict, replace

from vivavoce.config.section import Section, Variable

Seconds = Annotated[float, Meta(gt=0, le=3600)]
Label = Annotated[str, Meta(pattern="^[A-Za-z0-9_-]{1,64}$")]
Allowed = Annotated[str, Meta(pattern=r"^[A-Za-z0-9._:-]+(/[0-9]{1,3})?$")]


class McpServer(Section, frozen=True, kw_only=True):
    """A server that clients need only name: either at a URL, or a program that this server starts."""

    url: Annotated[
        Annotated[str, Meta(pattern="^https?://[^/]")] | None, Meta(description="As https://host/mcp. Any address.")
    ] = None
    headers: Annotated[dict[str, str], Meta(description="Sent with every request to the URL.")] = field(
        default_factory=dict
    )
    token_env: Annotated[
        Variable | None, Meta(description="Environment variable with a token; sent as Authorization: Bearer.")
    ] = None
    command: Annotated[
        Annotated[str, Meta(min_length=1)] | None, Meta(description="A program that speaks MCP on standard input.")
    ] = None
    args: Annotated[tuple[str, ...], Meta(description="Its arguments.")] = ()
    env: Annotated[dict[str, str], Meta(description="Its environment, beside PATH, HOME and the like.")] = field(
        default_factory=dict
    )
    pass_env: Annotated[tuple[Variable, ...], Meta(description="Variables that it gets from this server's own.")] = ()


class Mcp(Section, frozen=True, kw_only=True):
    """MCP servers, whose tools models may call: those that clients name by URL, and those of [mcp.servers]."""

    enabled: Annotated[bool, Meta(description="false: there are none, and clients that name one are refused.")] = True
    allow: Annotated[
        tuple[Allowed, ...],
        Meta(
            description="What clients may reach though it is not public: names, addresses, networks, as "
            '"tools.internal" or "10.1.0.0/16".'
        ),
    ] = ()
    connect_timeout_s: Annotated[Seconds, Meta(description="To open a connection.")] = 5.0
    list_timeout_s: Annotated[Seconds, Meta(description="To list a server's tools, connecting included.")] = 20.0
    call_timeout_s: Annotated[Seconds, Meta(description="To a tool's result, connecting included.")] = 60.0
    listing_age_s: Annotated[
        float, Meta(ge=0, le=86_400, description="How long a listing is used again, for each server and credential.")
    ] = 300.0
    max_answer_kib: Annotated[
        int, Meta(ge=1, le=65_536, description="What a server may send for one listing or call, in KiB.")
    ] = 1024
    servers: Annotated[dict[Label, McpServer], Meta(description="Servers by the label that clients name them by.")] = (
        field(default_factory=dict)
    )


def resolve_mcp(mcp: Mcp, environ: Mapping[str, str]) -> tuple[Mcp, list[str]]:
    """With what the environment holds filled in, and what is wrong."""
    problems = [f"mcp.allow: '{each}' is no network." for each in mcp.allow if not _is_allowed(each)]
    servers: dict[Label, McpServer] = {}
    for label, server in mcp.servers.items():
        servers[label], wrong = _resolve(f"mcp.servers.{label}", server, environ)
        problems += wrong
    return replace(mcp, servers=servers), problems


def mcp_options(mcp: Mcp) -> dict[str, object]:
    """What the adapter takes; each server is a table of its own."""
    taken = ("url", "headers", "command", "args", "env")
    servers = {label: {name: getattr(each, name) for name in taken} for label, each in mcp.servers.items()}
    options = {name: value for name, value in asdict(mcp).items() if name != "enabled"}
    return {**options, "servers": servers}


def _resolve(place: str, server: McpServer, environ: Mapping[str, str]) -> tuple[McpServer, list[str]]:
    problems: list[str] = []
    if (server.url is None) == (server.command is None):
        problems.append(f"{place}: it needs either url or command.")
    foreign = ("args", "env", "pass_env") if server.command is None else ("headers", "token_env")
    other = "command" if server.command is None else "url"
    problems += [
        f"{place}.{name}: it goes with {other}, which is not set." for name in foreign if getattr(server, name)
    ]
    for name, variables in (("token_env", (server.token_env or "",)), ("pass_env", server.pass_env)):
        missing = [each for each in variables if each and not environ.get(each, "").strip()]
        problems += [f"{place}.{name}: the environment variable {each} is not set." for each in missing]
    if server.token_env:
        if any(name.lower() == "authorization" for name in server.headers):
            problems.append(f"{place}.token_env: headers holds an Authorization too; keep one of them.")
        bearer = {"Authorization": f"Bearer {environ.get(server.token_env, '').strip()}"}
        server = replace(server, headers={**server.headers, **bearer})
    env = {name: environ.get(name, "") for name in server.pass_env} | server.env
    return replace(server, env=env), problems


def _is_allowed(text: str) -> bool:
    """A name may be anything; what looks like a network has to be one."""
    if "/" not in text:
        return True
    try:
        ip_network(text, strict=False)
    except ValueError:
        return False
    return True
