"""What a transport must offer to carry a session."""

from __future__ import annotations

from typing import Protocol


class Connection(Protocol):
    """One client's wire. Implementations raise nothing: a client that is gone reads as None and takes no frames."""

    async def receive(self) -> str | bytes | None:
        """The next frame, text or binary; None when the client is gone."""

    async def send(self, frame: str) -> None:
        """Send a text frame; returns once the wire has room for the next one."""

    async def close(self, code: int, reason: str) -> None:
        """End the connection (RFC 6455 section 7.4)."""
