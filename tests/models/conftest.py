"""What the tests of `models` share: a server, a resolver, and lines that a pull said."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.models.loopback import Shelf, Site, serving


@pytest.fixture
def site() -> Iterator[Site]:
    """A web server on the loopback address."""
    with serving() as running:
        yield running


@pytest.fixture
def shelf(site: Site) -> Shelf:
    """A package registry on that server."""
    return Shelf(site)


@pytest.fixture
def cache(tmp_path: Path) -> Path:
    """An empty cache folder that does not exist yet."""
    return tmp_path / "cache"
