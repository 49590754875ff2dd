"""Where the tests find the models, and what holds for all properties."""

import os

# As `vivavoce` does at its start: read when numpy is loaded. Two runs of tests at once would wait for each other.
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

from vivavoce.models import asset_dir, cache_dir, catalogue, state

# How fast a busy machine is says nothing about the code.
settings.register_profile("untimed", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("untimed")


@pytest.fixture(scope="session")
def model_dir() -> Callable[[str], Path]:
    """The folder of a complete model by its name in the catalogue; skips the test where it is not in the cache."""

    def find(name: str) -> Path:
        asset, cache = catalogue().asset(name), cache_dir(os.environ)
        if (found := state(asset, cache)) != "present":
            pytest.skip(f"the model {name} is {found} in the cache: run `vivavoce models pull`")
        return asset_dir(asset, cache)

    return find
