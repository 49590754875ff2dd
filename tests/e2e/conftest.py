"""One server for all tests of this folder: its own process, the default configuration, the real models."""

from __future__ import annotations

import os
from collections.abc import Iterator

import pytest

from vivavoce.commands.local_server import LocalServer, local_server
from vivavoce.models import cache_dir, catalogue, state


@pytest.fixture(scope="session")
def server() -> Iterator[LocalServer]:
    """Ready and warm; skips the test where a default model is not in the cache."""
    cache = cache_dir(os.environ)
    for asset in catalogue().assets:
        if asset.default and (found := state(asset, cache)) != "present":
            pytest.skip(f"the model {asset.name} is {found} in the cache: run `vivavoce models pull`")
    # Whatever else this machine is configured to do: these tests are about the defaults.
    environ = {name: value for name, value in os.environ.items() if not _configures(name)}
    with local_server(environ, None, lambda _: None) as running:
        yield running


def _configures(variable: str) -> bool:
    return variable.startswith("VIVAVOCE_") and variable != "VIVAVOCE_CACHE"
