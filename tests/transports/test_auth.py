"""Keys arrive in a header or in a subprotocol, and are compared with the server's."""

from __future__ import annotations

import pytest
from tests.runtime.hosting import SETTINGS

from vivavoce.runtime.secrets import Secrets
from vivavoce.transports.auth import KEY_ONLY, MISMATCHED, MISSING, Allowed, Auth, Denied

KEY = "sk-abcdefghijklmnopqrstuvwxyz"
AUTH = Auth(["sk-other", KEY])


def bearer(key: str) -> dict[str, str]:
    return {"authorization": f"Bearer {key}"}


@pytest.mark.parametrize("header", [f"Bearer {KEY}", f"bearer  {KEY} "])
def test_a_key_in_the_header(header: str) -> None:
    assert AUTH.check({"authorization": header}) == Allowed()


def test_a_key_in_a_subprotocol() -> None:
    offered = ["realtime", f"openai-insecure-api-key.{KEY}", "openai-project.proj_1", "openai-agents-sdk.0.20.0"]
    assert AUTH.check({}, offered) == Allowed()


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


# --- projects ---

APART = Auth(["sk-common"], {"shop": ["sk-shop", "sk-shop-too"], "desk": ["sk-desk"]})


@pytest.mark.parametrize(
    ("key", "project"), [("sk-common", None), ("sk-shop", "shop"), ("sk-shop-too", "shop"), ("sk-desk", "desk")]
)
def test_a_key_says_whose_it_is(key: str, project: str | None) -> None:
    assert APART.check(bearer(key)) == Allowed(project)


def test_no_key_speaks_for_another_project() -> None:
    assert APART.check({**bearer("sk-shop"), "openai-project": "shop"}) == Allowed("shop")
    assert APART.check({**bearer("sk-shop"), "openai-project": "desk"}) == MISMATCHED
    assert APART.check({**bearer("sk-common"), "openai-project": "shop"}) == MISMATCHED
    offered = ["realtime", "openai-insecure-api-key.sk-shop", "openai-project.desk"]
    assert APART.check({}, offered) == MISMATCHED


def test_where_there_are_no_projects_any_may_be_named() -> None:
    assert AUTH.check({**bearer(KEY), "openai-project": "proj_2"}) == Allowed()


def test_keys_of_projects_are_keys_enough() -> None:
    auth = Auth(projects={"shop": ["sk-shop"]})
    assert auth.check({}) == MISSING
    assert isinstance(auth.check(bearer("sk-other")), Denied)


# --- client secrets ---


def test_a_secret_is_of_the_project_that_made_it() -> None:
    value, secret = APART.secrets.create(SETTINGS, 600, project="shop")
    assert APART.check(bearer(value)) == Allowed("shop", secret)
    assert APART.check({}, ["realtime", f"openai-insecure-api-key.{value}"]) == Allowed("shop", secret)
    assert APART.check({**bearer(value), "openai-project": "desk"}) == MISMATCHED


@pytest.mark.parametrize("auth", [AUTH, Auth()], ids=["keys", "no keys"])
def test_a_secret_that_is_forged_or_has_expired_is_a_wrong_key(auth: Auth) -> None:
    value, _ = auth.secrets.create(SETTINGS, 0)
    for wrong in (value, "ek_0123456789abcdef0123456789abcdef"):
        denied = auth.check(bearer(wrong))
        assert isinstance(denied, Denied)
        assert denied.code == "invalid_api_key"
        assert wrong not in denied.message


def test_a_secret_is_no_key() -> None:
    auth = Auth([KEY], secrets=Secrets())
    value, _ = auth.secrets.create(SETTINGS, 600)
    assert auth.check_key(bearer(value)) == KEY_ONLY
    assert auth.check_key(bearer(KEY)) == Allowed()
    assert auth.check_key({}) == MISSING


def test_a_key_that_looks_like_a_secret_is_a_key() -> None:
    assert Auth(["ek_mine"]).check(bearer("ek_mine")) == Allowed()
