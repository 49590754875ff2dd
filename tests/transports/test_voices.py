"""`GET /v1/voices` and samples, for whoever may open sessions."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

import pytest
from starlette.applications import Starlette
from starlette.testclient import TestClient

from vivavoce.audio.wav import read_wav
from vivavoce.core.capabilities import Capabilities
from vivavoce.engines.cascade import Cascade
from vivavoce.engines.instant import InstantLlm, InstantTts
from vivavoce.runtime.voices import Voices
from vivavoce.testing.fakes import ScriptedResponder
from vivavoce.transports.auth import Auth
from vivavoce.transports.voices import routes

KEY = "sk-abcdefghijklmnopqrstuvwxyz"
CAN = Capabilities(models=("m",), voices=("alloy",), transcription_models=("a",))


def instant() -> Voices:
    tts = InstantTts()
    return Voices(Cascade(InstantLlm(), tts), tts, "marin")


@dataclass
class Host:
    auth: Auth = field(default_factory=Auth)
    can: Capabilities | None = CAN
    voices: Voices = field(default_factory=instant)


@contextmanager
def client_of(host: Host) -> Iterator[TestClient]:
    with TestClient(Starlette(routes=routes(host))) as client:
        yield client


def test_voices_are_listed_and_heard() -> None:
    with client_of(Host()) as client:
        listed = client.get("/v1/voices").json()
        assert listed["object"] == "list"
        entry = listed["data"][-1]
        assert (entry["id"], entry["object"], entry["default"]) == ("cedar", "voice", False)
        sample = client.get(entry["sample"])
    assert sample.headers["content-type"] == "audio/wav"
    assert read_wav(sample.content).ms > 1000


def test_an_unknown_voice_is_not_found() -> None:
    with client_of(Host()) as client:
        answer = client.get("/v1/voices/shimer/sample")
    assert answer.status_code == 404
    error = answer.json()["error"]
    assert (error["code"], error["param"], error["type"]) == ("voice_not_found", "voice", "invalid_request_error")
    assert "Did you mean 'shimmer'?" in error["message"]


def test_voices_without_samples_say_so() -> None:
    with client_of(Host(voices=Voices(ScriptedResponder(), None, "marin"))) as client:
        assert client.get("/v1/voices").json()["data"][0]["sample"] is None
        answer = client.get("/v1/voices/alloy/sample")
    assert (answer.status_code, answer.json()["error"]["code"]) == (400, "unsupported_value")


@pytest.mark.parametrize("path", ["/v1/voices", "/v1/voices/alloy/sample"])
def test_they_are_for_those_who_may_open_sessions(path: str) -> None:
    with client_of(Host(auth=Auth([KEY]))) as client:
        assert client.get(path).status_code == 401
        assert client.get(path, headers={"Authorization": "Bearer sk-wrong-wrong-wrong"}).status_code == 401
        assert client.get(path, headers={"Authorization": f"Bearer {KEY}"}).status_code == 200


def test_nothing_is_said_before_the_engines_are_warm() -> None:
    with client_of(Host(can=None)) as client:
        answer = client.get("/v1/voices")
    assert (answer.status_code, answer.json()["error"]["code"]) == (503, "server_starting")
