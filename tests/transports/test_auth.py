"""Keys arrive in a header or in a subprotocol, and are compared with the server's."""

from __future__ import annotations

import pytest

from vivavoce.transports.auth import MISSING, Allowed, Auth, Denied

KEY = "sk-abcdefghijklmnopqrstuvwxyz"
AUTH = Auth(["sk-other", KEY])


def bearer(key: str) -> dict[str, str]:
    return {"authorization": f"Bearer {key}"}


@pytest.mark.parametrize("header", [f"Bearer {KEY}", f"bearer  {KEY} "])
def test_a_key_in_the_header(header: str) -> None:
    assert AUTH.check({"authorization": header}) == Allowed()


def test_a_key_in_a_subprotocol() -> None:
    offered = ["realtime", f"openai-insecure-api-key.{KEY}", "openai-project.proj_1", "openai-agents-sdk.0.20.0"]
    assert AUTH.check({}, offered) == Allowed("proj_1")


def test_the_project_may_be_a_header() -> None:
    assert AUTH.check({**bearer(KEY), "openai-project": "proj_2"}) == Allowed("proj_2")


@pytest.mark.parametrize("header", ["", "Bearer", "Bearer ", "Basic abc", KEY])
def test_no_key_is_missing(header: str) -> None:
    assert AUTH.check({"authorization": header}) == MISSING
    assert AUTH.check({}, ["realtime", "openai-insecure-api-key."]) == MISSING


def test_a_wrong_key_is_not_repeated_in_full() -> None:
    wrong = "sk-zyxwvutsrqponmlkjihgfedcba"
    assert AUTH.check(bearer(wrong)) == Denied("invalid_api_key", "Incorrect API key provided: sk-zy***ba.")
    assert AUTH.check({}, [f"openai-insecure-api-key.{wrong}"]) == AUTH.check(bearer(wrong))


@pytest.mark.parametrize("wrong", [KEY + "x", KEY[:-1], "\xe9", "\udcff"])
def test_only_the_very_key_will_do(wrong: str) -> None:
    assert isinstance(AUTH.check(bearer(wrong)), Denied)


def test_a_server_without_keys_asks_for_none() -> None:
    assert Auth().check({}) == Allowed()
    assert Auth().check(bearer("anything")) == Allowed()
