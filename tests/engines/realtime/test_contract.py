"""The realtime engine keeps the contract of responders, with the fake server and with our own."""

from __future__ import annotations

import asyncio
from dataclasses import replace

from tests.engines.realtime.helpers import run
from tests.live import live, tone
from tests.patience import BUSY

from vivavoce.engines.realtime.responder import RealtimeResponder
from vivavoce.testing.conformance import check_responder
from vivavoce.testing.remote_realtime import RemoteRealtime

SHARED = replace(BUSY, lag_ms=1000)
"""Of a loop that the server runs on too."""
CROSSED = "Cancellation failed: no active response found"
"""The answer had ended before the server read that nobody wanted the rest."""


def test_with_the_fake_server() -> None:
    async def main() -> None:
        async with RemoteRealtime() as server:
            await check_responder(RealtimeResponder(server.url, "any"), tone(600), bounds=BUSY)
            assert set(server.errors) <= {CROSSED}

    run(main)


def test_with_our_own_server() -> None:
    async def main() -> None:
        async with live() as server:
            await check_responder(RealtimeResponder(server.ws, "vivavoce"), tone(600), bounds=SHARED)

    asyncio.run(main())
