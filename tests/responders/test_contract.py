"""The duplex model of these tests is one by the contract."""

from __future__ import annotations

from tests.live import tone
from tests.responders.duplex import ParrotDuplex

from vivavoce.testing.clock import run_virtual
from vivavoce.testing.conformance import Bounds, check_duplex


def test_the_parrot_keeps_it() -> None:
    bounds = Bounds(lag_ms=1000, stall_ms=10_000, stop_s=2, patience_s=30)
    run_virtual(check_duplex(ParrotDuplex(), tone(600), bounds=bounds))
