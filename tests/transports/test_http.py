"""The plain HTTP of a server."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

import pytest
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route
from starlette.testclient import TestClient

from vivavoce.transports.auth import Auth
from vivavoce.transports.http import EXCEPTION_HANDLERS, Http

KEY = "sk-abcdefghijklmnopqrstuvwxyz"


@dataclass
class State:
    """A `ServerState` to set by hand."""

    ready: bool = True
    version: str = "1.2.3"
    started_at: int = 1_700_000_000
    sessions: int = 2
    unreachable: Mapping[str, str] = field(default_factory=dict)
    engines: Mapping[str, str] = field(default_factory=lambda: {"asr": "whisper", "llm": "llama"})
    models: Sequence[str] = ("vivavoce", "gpt-realtime", "team/model")

    def metrics(self) -> tuple[bytes, str]:
        return b"vivavoce_sessions 2.0\n", "text/plain; version=1.0.0; charset=utf-8"


async def broken(request: Request) -> Response:
    raise RuntimeError("a bug")


async def teapot(request: Request) -> Response:
    raise HTTPException(418, "Short and stout", {"X-Spout": "yes"})


def client_of(state: State, *keys: str) -> TestClient:
    routes = [*Http(state, Auth(keys)).routes(), Route("/broken", broken), Route("/teapot", teapot)]
    app = Starlette(routes=routes, exception_handlers=dict(EXCEPTION_HANDLERS))
    return TestClient(app, raise_server_exceptions=False)


@pytest.fixture
def client() -> Iterator[TestClient]:
    with client_of(State()) as client:
        yield client


def error_of(message: str, code: str | None, param: str | None = None) -> dict[str, object]:
    return {"error": {"message": message, "type": "invalid_request_error", "param": param, "code": code}}


def test_health_says_when_the_server_is_warm() -> None:
    state = State(ready=False)
    with client_of(state, KEY) as client:
        answer = client.get("/health")
        assert (answer.status_code, answer.json()["status"]) == (503, "starting")
        state.ready = True
        answer = client.get("/health")
    assert answer.status_code == 200
    assert answer.headers["cache-control"] == "no-store"
    engines = {"asr": "whisper", "llm": "llama"}
    assert answer.json() == {"status": "ok", "version": "1.2.3", "engines": engines, "sessions": 2}


def test_health_says_which_server_of_an_engine_has_not_come_up() -> None:
    why = "The language model (m at host:1) cannot be reached yet (ConnectError)."
    with client_of(State(ready=False, unreachable={"llm": why})) as client:
        answer = client.get("/health")
    assert answer.status_code == 503
    assert (answer.json()["status"], answer.json()["unreachable"]) == ("unreachable", {"llm": why})


def test_metrics_are_passed_on(client: TestClient) -> None:
    answer = client.get("/metrics")
    assert answer.content == b"vivavoce_sessions 2.0\n"
    assert answer.headers["content-type"] == "text/plain; version=1.0.0; charset=utf-8"


def test_the_model_and_its_aliases_are_listed(client: TestClient) -> None:
    common = {"object": "model", "created": 1_700_000_000, "owned_by": "vivavoce"}
    alias = {"id": "gpt-realtime", **common, "alias_of": "vivavoce"}
    listed = client.get("/v1/models").json()
    assert listed["object"] == "list"
    assert listed["data"][:2] == [{"id": "vivavoce", **common}, alias]
    assert client.get("/v1/models/gpt-realtime").json() == alias
    assert client.get("/v1/models/team/model").json()["id"] == "team/model"


def test_an_unknown_model_is_not_found(client: TestClient) -> None:
    answer = client.get("/v1/models/gpt-9")
    assert answer.status_code == 404
    assert answer.json() == error_of("The model 'gpt-9' does not exist", "model_not_found", "model")


@pytest.mark.parametrize("path", ["/v1/models", "/v1/models/gpt-realtime"])
def test_models_are_for_those_with_a_key(path: str) -> None:
    with client_of(State(), KEY) as client:
        assert client.get(path, headers={"Authorization": f"Bearer {KEY}"}).status_code == 200
        missing = client.get(path)
        wrong = client.get(path, headers={"Authorization": "Bearer sk-zyxwvutsrqponmlk"})
    assert (missing.status_code, wrong.status_code) == (401, 401)
    assert missing.headers["www-authenticate"] == "Bearer"
    assert missing.json() == error_of("Missing bearer or basic authentication in header", None)
    assert wrong.json() == error_of("Incorrect API key provided: sk-zy***lk.", "invalid_api_key")


def test_unknown_paths_and_methods_answer_in_json(client: TestClient) -> None:
    unknown = client.get("/v1/chat/completions")
    assert unknown.status_code == 404
    assert unknown.json() == error_of("Invalid URL (GET /v1/chat/completions)", None)
    not_allowed = client.post("/v1/models")
    assert not_allowed.status_code == 405
    assert "GET" in not_allowed.headers["allow"]
    assert not_allowed.json() == error_of("Not allowed to POST on /v1/models.", "method_not_supported")


def test_other_http_errors_keep_their_status_and_headers(client: TestClient) -> None:
    answer = client.get("/teapot")
    assert (answer.status_code, answer.headers["x-spout"]) == (418, "yes")
    assert answer.json() == error_of("Short and stout", None)


def test_a_bug_tells_nothing_of_itself(client: TestClient) -> None:
    answer = client.get("/broken")
    assert answer.status_code == 500
    assert answer.json()["error"]["type"] == "server_error"
    assert "bug" not in answer.text
