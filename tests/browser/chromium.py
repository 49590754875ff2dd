"""Chromium for tests. Where it is not installed they are skipped, which in CI is a failure."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from vivavoce.testing import chromium as driver
from vivavoce.testing.chromium import Chromium, NoChromium, Page, PageError

__all__ = ["Chromium", "Page", "PageError", "chromium"]


@contextmanager
def chromium(profile: Path, microphone: Path | None = None) -> Iterator[Chromium]:
    """As `vivavoce.testing.chromium.chromium`."""
    try:
        with driver.chromium(profile, microphone) as running:
            yield running
    except NoChromium as error:
        (pytest.fail if os.environ.get("CI") else pytest.skip)(f"{error} What needs a browser is not tested.")
