"""The doors to MCP servers, and to what is on a picture."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal, Protocol

from vivavoce.ports.engine import Engine


@dataclass(frozen=True, slots=True)
class ToolServer:
    """Where an MCP server is, and how it lets us in."""

    url: str | None
    """None: `label` names a server of the configuration."""
    label: str
    headers: Mapping[str, str] = field(default_factory=dict)
    """Sent with every request, `Authorization` included."""


@dataclass(frozen=True, slots=True)
class ServedTool:
    """A tool as its server describes it."""

    name: str
    description: str
    parameters: Mapping[str, object]
    annotations: Mapping[str, object] = field(default_factory=dict)


class ToolError(Exception):
    """A listing or a call failed: `http`, the server was not reached or answered with the status `code`; `protocol`,
    it refused with the JSON-RPC `code`, or broke the protocol; `execution`, the tool itself failed."""

    def __init__(self, kind: Literal["http", "protocol", "execution"], message: str, code: int = 0) -> None:
        super().__init__(message)
        self.kind = kind
        self.message = message
        self.code = code


class ToolServers(Engine, Protocol):
    """The way to MCP servers."""

    @property
    def labels(self) -> tuple[str, ...]:
        """Servers of the configuration, which need no address."""

    async def list_tools(self, server: ToolServer) -> tuple[ServedTool, ...]:
        """What the server has. Listings are kept for each server and credential. Raises `ToolError`."""

    async def call(self, server: ToolServer, name: str, arguments: Mapping[str, object]) -> str:
        """The result as text. Cancelling it cancels the call at the server. Raises `ToolError`."""


class ImageReader(Engine, Protocol):
    """What is on a picture, for a model that cannot see."""

    async def describe(self, image: bytes, detail: Literal["auto", "low", "high"]) -> str:
        """The text on it with positions, and measured facts; what it does not know it says. Raises `EngineError`."""


class ImageFetcher(Engine, Protocol):
    """The way to pictures that are elsewhere."""

    async def fetch(self, url: str, most: int) -> bytes:
        """What an https address has, at most `most` bytes. Raises `EngineError`."""
