"""What servers have told not long ago."""

from __future__ import annotations

import asyncio
import hashlib
from collections import OrderedDict
from dataclasses import dataclass

from mcp_types import DiscoverResult

from vivavoce.ports import ServedTool, ToolServer

MOST_BYTES = 8 << 20
"""Of all listings that are kept, as they came."""

Key = bytes


@dataclass(frozen=True, slots=True)
class Known:
    """A listing, and how the server was spoken to."""

    tools: tuple[ServedTool, ...]
    bytes: int
    """How long it was."""
    discovered: DiscoverResult | None
    """What a server of version 2026-07-28 says of itself; None: it is an older one."""
    sse: bool
    """It only knows the transport of 2024-11-05."""


class Listings:
    """Kept for each server and credential: one caller's tools are not another's."""

    def __init__(self, age: float) -> None:
        """`age`: seconds for which a listing is believed."""
        self._age = age
        self._kept: OrderedDict[Key, tuple[Known, float]] = OrderedDict()
        self.pending: dict[Key, asyncio.Future[Known]] = {}
        """Listings on their way."""

    @staticmethod
    def key(server: ToolServer) -> Key:
        """A digest, so that no credential is kept."""
        headers = sorted((name.lower(), value) for name, value in server.headers.items())
        return hashlib.sha256(repr((server.url, server.url or server.label, headers)).encode()).digest()

    def get(self, key: Key) -> Known | None:
        """What is known, if it is not too old."""
        known, until = self._kept.get(key, (None, 0.0))
        if known is not None and asyncio.get_running_loop().time() >= until:
            self.forget(key)
            return None
        return known

    def expect(self, key: Key, listing: asyncio.Future[Known]) -> None:
        """Keep what comes."""
        self.pending[key] = listing
        listing.add_done_callback(lambda done: self._arrived(key, done))

    def _arrived(self, key: Key, listing: asyncio.Future[Known]) -> None:
        del self.pending[key]
        if listing.cancelled() or listing.exception():
            return
        self._kept[key] = listing.result(), asyncio.get_running_loop().time() + self._age
        while sum(known.bytes for known, _ in self._kept.values()) > MOST_BYTES:
            self._kept.popitem(last=False)

    def forget(self, key: Key) -> None:
        """The next listing is a new one."""
        self._kept.pop(key, None)
