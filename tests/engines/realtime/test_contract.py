"""The realtime engine keeps the contract of responders, with the fake server and with our own."""

from __future__ import annotations

import asyncio

from tests.engines.realtime.helpers import run
from tests.live import live, tone

from vivavoce.engines.realtime.responder import RealtimeResponder
from vivavoce.testing.conformance import Bounds, check_responder
from vivavoce.testing.remote_realtime import RemoteRealtime

SHARED = Bounds(lag_ms=1000.0, stall_ms=5000.0)
"""Of a loop that the server runs on too."""


def test_with_the_fake_server() -> None:
    async def main() -> None:
        async with RemoteRealtime() as server:
            await check_responder(RealtimeResponder(server.url, "any"), tone(600))
            assert server.errors == []

    run(main)


def test_with_our_own_server() -> None:
    async def main() -> None:
        async with live() as server:
            await check_responder(RealtimeResponder(server.ws, "vivavoce"), tone(600), bounds=SHARED)

    asyncio.run(main())
