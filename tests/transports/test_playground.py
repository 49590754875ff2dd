"""The playground's files and what its page is told of the server; the page itself is tested in tests/browser."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from importlib.resources import files

import httpx
import pytest
from starlette.applications import Starlette
from starlette.testclient import TestClient
from tests.live import live

from vivavoce.config import Config, tree
from vivavoce.core.capabilities import Capabilities
from vivavoce.transports import playground
from vivavoce.transports.auth import Auth

CAN = Capabilities(models=("vivavoce", "gpt-realtime"), voices=("alloy",), transcription_models=("whisper-1",))


@dataclass
class Offered:
    """A server, as far as the page asks of it."""

    version: str = "1.2.3"
    currency: str | None = "EUR"
    auth: Auth = field(default_factory=Auth)
    can: Capabilities | None = CAN


def client_of(server: Offered) -> TestClient:
    return TestClient(Starlette(routes=playground.routes(server)))


def test_the_page_comes_with_everything_that_it_names_and_nothing_from_elsewhere() -> None:
    client = client_of(Offered())
    page = client.get("/")
    assert page.headers["content-type"] == "text/html; charset=utf-8"
    assert "http://" not in page.text
    assert "https://" not in page.text
    for name in ("app.js", "theme.js", "worklet.js", "style.css", "icon.svg"):
        assert client.get(f"/playground/{name}").status_code == 200
    assert client.get("/playground/app.js").headers["content-type"] == "text/javascript; charset=utf-8"
    assert client.get("/playground/style.css").headers["content-type"] == "text/css; charset=utf-8"
    assert client.get("/playground/icon.svg").headers["content-type"] == "image/svg+xml"


def test_only_its_own_files_are_shown() -> None:
    client = client_of(Offered())
    assert (files(playground.PACKAGE) / "__init__.py").is_file()
    for path in ("/playground/__init__.py", "/playground/index.html", "/playground/..%2Fapp.py", "/playground/"):
        assert client.get(path).status_code == 404


def test_nothing_but_the_server_s_own_scripts_may_run_in_it() -> None:
    policy = client_of(Offered()).get("/").headers["content-security-policy"]
    assert "default-src 'none'" in policy
    assert "script-src 'self';" in policy
    assert "frame-ancestors 'none'" in policy
    assert "img-src 'self' data:;" in policy  # pictures that the user shows, and nobody else's
    assert "unsafe" not in policy


def test_a_file_that_the_browser_has_is_not_sent_again() -> None:
    client = client_of(Offered())
    first = client.get("/playground/app.js")
    assert first.headers["cache-control"] == "no-cache"
    again = client.get("/playground/app.js", headers={"If-None-Match": f'"other", W/{first.headers["etag"]}'})
    assert (again.status_code, again.content) == (304, b"")
    assert again.headers["etag"] == first.headers["etag"]
    assert client.get("/playground/app.js", headers={"If-None-Match": '"other"'}).content == first.content


def test_the_page_is_told_what_there_is_to_choose_from() -> None:
    answer = client_of(Offered()).get("/playground/settings.json")
    assert answer.headers["cache-control"] == "no-store"
    assert answer.json() == {
        "status": "ok",
        "version": "1.2.3",
        "model": "vivavoce",
        "speed": [1.0, 1.0],
        "semantic_vad": False,
        "noise_reduction": False,
        "tools": False,
        "mcp": None,
        "images": False,
        "transcription": {"model": "whisper-1", "features": ["prompt"], "languages": []},
        "currency": "EUR",
    }


def test_a_server_that_still_loads_says_so() -> None:
    answer = client_of(Offered(can=None)).get("/playground/settings.json")
    assert answer.json() == {"status": "starting", "version": "1.2.3"}


def test_without_a_key_the_page_learns_only_that_it_needs_one() -> None:
    client = client_of(Offered(auth=Auth(["sk-right"])))
    missing = client.get("/playground/settings.json")
    assert missing.json() == {"status": "key_required", "version": "1.2.3"}
    wrong = client.get("/playground/settings.json", headers={"Authorization": "Bearer sk-wrong"})
    assert (wrong.status_code, wrong.json()["error"]["code"]) == (401, "invalid_api_key")
    right = client.get("/playground/settings.json", headers={"Authorization": "Bearer sk-right"})
    assert right.json()["status"] == "ok"


@pytest.mark.parametrize(("on", "status"), [(True, 200), (False, 404)])
def test_it_can_be_left_out(on: bool, status: int) -> None:
    async def scenario() -> list[int]:
        async with live(Config(server=tree.Server(playground=on))) as server, httpx.AsyncClient() as client:
            root = server.http.removesuffix("/v1")
            paths = ("/", "/playground/app.js", "/playground/settings.json")
            return [(await client.get(root + path)).status_code for path in paths]

    assert asyncio.run(scenario()) == [status] * 3
