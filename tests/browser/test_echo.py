"""The bench's own call: what a page says comes back to it from a line that repeats what it hears."""

from __future__ import annotations

import asyncio

from tests.browser.chromium import Chromium

from vivavoce.bench.browser import Echoing, bursts, recorded
from vivavoce.bench.browser_report import echoes


def test_bursts_come_back(browser: Chromium) -> None:  # which skips where there is none
    found = echoes(asyncio.run(recorded(Echoing().app, bursts(3, seed=1))))
    assert found.sent == 3
    assert found.heard  # how many in time is what the bench is for
    assert min(found.ms) > 0
