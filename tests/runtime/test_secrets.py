"""Client secrets expire, are dropped then, and are bounded."""

from __future__ import annotations

import pytest
from tests.runtime.hosting import SETTINGS

from vivavoce.protocol.errors import ProtocolError
from vivavoce.runtime.secrets import Secrets


class Clock:
    """Unix seconds, set by hand."""

    def __init__(self) -> None:
        self.now = 1_700_000_000.5

    def __call__(self) -> float:
        return self.now


def test_a_secret_opens_sessions_until_it_expires() -> None:
    clock = Clock()
    secrets = Secrets(clock)
    value, made = secrets.create(SETTINGS, 10, project="shop", locks=frozenset({"tools"}))
    assert value.startswith("ek_")
    assert len(value) == 35
    assert (made.kind, made.project, made.expires_at) == ("realtime", "shop", 1_700_000_010)
    for _ in range(2):
        assert secrets.find(value) is made
    clock.now = 1_700_000_009.9
    assert secrets.find(value) is made
    clock.now = 1_700_000_010.0
    assert secrets.find(value) is None


def test_only_the_very_secret_will_do() -> None:
    secrets = Secrets()
    value, _ = secrets.create(SETTINGS, 600)
    other, _ = secrets.create(SETTINGS, 600)
    assert value != other
    for forged in (value + "0", value[:-1], "ek_", value.upper(), "\udcff"):
        assert secrets.find(forged) is None


def test_what_has_expired_is_dropped_without_being_asked_for() -> None:
    clock = Clock()
    secrets = Secrets(clock)
    for seconds in (30, 10, 20):
        secrets.create(SETTINGS, seconds)
    clock.now += 20
    secrets.create(SETTINGS, 10)
    assert len(secrets) == 2


def test_there_are_only_so_many_at_a_time() -> None:
    clock = Clock()
    secrets = Secrets(clock, most_bytes=20_000)
    secrets.create(SETTINGS, 10, size=5000)
    secrets.create(SETTINGS, 20, size=5000)
    with pytest.raises(ProtocolError) as caught:
        secrets.create(SETTINGS, 10)
    assert (caught.value.code, caught.value.kind) == ("rate_limit_exceeded", "rate_limit_error")
    clock.now += 10
    secrets.create(SETTINGS, 10, size=5000)
    assert len(secrets) == 2
