"""The HTTP of calls: who may, in which forms, and every way to be refused (PROTOCOL.md 1.4)."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import httpx
import pytest
from tests.live import Live, live
from tests.patience import PATIENCE_S, run
from tests.transports.calling import bearer, emptied, minted, post
from tests.transports.webrtc.offers import BAD, GOOD

from vivavoce.config import Config
from vivavoce.config.tree import Limits, Project, Server
from vivavoce.config.webrtc import WebRtc

SDP = {"Content-Type": "application/sdp"}
KEYS = Config(server=Server(keys=("sk-one",)))
SESSION = {"type": "realtime", "instructions": "Be brief."}
Files = list[tuple[str, tuple[None, str] | tuple[None, str, str]]]


async def request(
    server: Live,
    path: str = "",
    *,
    key: str = "sk-one",
    method: str = "POST",
    headers: dict[str, str] | None = None,
    **body: Any,
) -> httpx.Response:
    async with httpx.AsyncClient(verify=False, timeout=PATIENCE_S) as client:
        url = f"{server.http}/realtime/calls{path}"
        return await client.request(method, url, headers={**(bearer(key) if key else {}), **(headers or {})}, **body)


def error_of(response: httpx.Response) -> tuple[int, str | None, str | None]:
    error = response.json()["error"]
    assert set(error) == {"message", "type", "param", "code"}
    return response.status_code, error["code"], error["param"]


async def hung_up(server: Live, response: httpx.Response) -> None:
    """The call of this answer is over."""
    assert response.status_code == 201, response.text
    assert (await request(server, f"/{response.headers['Location'].rpartition('/')[2]}/hangup")).status_code == 200


def form(sdp: str = GOOD, session: object = None, typed: bool = False) -> Files:
    """As browsers send it: plain fields, or with a type each."""
    parts: Files = [("sdp", (None, sdp, "application/sdp") if typed else (None, sdp))]
    if session is not None:
        text = session if isinstance(session, str) else json.dumps(session)
        parts.append(("session", (None, text, "application/json") if typed else (None, text)))
    return parts


def test_an_offer_is_answered_with_a_call_that_can_be_found() -> None:
    async def scenario() -> None:
        async with live(KEYS) as server:
            response = await request(server, "?model=gpt-realtime", content=GOOD, headers=SDP)
            assert response.status_code == 201
            assert response.headers["Content-Type"].startswith("application/sdp")
            assert response.headers["Location"].startswith("/v1/realtime/calls/rtc_")
            answer = response.text.split("\r\n")
            assert "a=rtpmap:111 opus/48000/2" in answer
            assert any(line.startswith("a=candidate:") for line in answer)
            assert "a=end-of-candidates" in answer
            assert server.server.sessions == 1
            await hung_up(server, response)

    run(scenario)


@pytest.mark.parametrize("typed", [False, True])
def test_a_form_may_bring_the_session(typed: bool) -> None:
    async def scenario() -> None:
        async with live(KEYS) as server:
            response = await request(server, files=form(session=SESSION, typed=typed))
            await hung_up(server, response)
            await hung_up(server, await request(server, files=form(typed=typed)))

    run(scenario)


def test_a_client_secret_is_enough() -> None:
    async def scenario() -> None:
        async with live(KEYS) as server:
            secret = await minted(server, {"session": SESSION}, "sk-one")
            await hung_up(server, await request(server, key=secret, content=GOOD, headers=SDP))

    run(scenario)


@pytest.mark.parametrize("key", ["", "sk-wrong", "ek_forged"])
def test_nobody_else_may_call(key: str) -> None:
    async def scenario() -> None:
        async with live(KEYS) as server:
            response = await request(server, key=key, content=GOOD, headers=SDP)
            assert response.status_code == 401
            assert response.headers["WWW-Authenticate"] == "Bearer"
            assert response.json()["error"]["code"] == ("invalid_api_key" if key else None)
            assert server.server.sessions == 0

    run(scenario)


def test_what_is_refused_and_how() -> None:
    async def scenario() -> None:
        async with live(KEYS) as server:
            secret = await minted(server, {"session": SESSION}, "sk-one")
            translation = {"session": {"model": "gpt-realtime-translate"}}
            path = "/realtime/translations/client_secrets"
            interpreter = await minted(server, translation, "sk-one", path=path)
            cases: list[tuple[tuple[int, str | None, str | None], dict[str, Any]]] = [
                ((415, "unsupported_content_type", None), {"content": GOOD}),
                ((415, "unsupported_content_type", None), {"json": {"sdp": GOOD}}),
                ((400, "invalid_offer", "sdp"), {"content": b"\xff\xfe", "headers": SDP}),
                ((400, "invalid_offer", "sdp"), {"content": b"", "headers": SDP}),
                ((400, "invalid_offer", "sdp"), {"files": form(sdp="hello")}),
                ((400, "missing_required_parameter", "sdp"), {"files": form(session=SESSION)[1:]}),
                (
                    (415, "unsupported_content_type", None),  # a form has a boundary
                    {"content": b"x", "headers": {"Content-Type": "multipart/form-data"}},
                ),
                ((400, "unknown_parameter", "sessions"), {"files": [*form(), ("sessions", (None, "{}"))]}),
                ((400, "invalid_json", None), {"files": form(session="{")}),
                ((400, "invalid_type", None), {"files": form(session="[]")}),
                ((400, "missing_required_parameter", "session.type"), {"files": form(session={})}),
                ((400, "unknown_parameter", "session.voice"), {"files": form(session={**SESSION, "voice": "alloy"})}),
                ((400, "invalid_value", "session.model"), {"files": form(session={**SESSION, "model": "no-such"})}),
                ((400, "invalid_value", "session"), {"files": form(session=SESSION), "key": secret}),
                ((400, "invalid_model", None), {"content": GOOD, "headers": SDP, "path": "?model=no-such"}),
                ((400, "invalid_value", None), {"content": GOOD, "headers": SDP, "key": interpreter}),
                ((413, None, None), {"content": b"v=0\n" * 300_000, "headers": SDP}),
                ((405, "method_not_supported", None), {"method": "GET"}),
            ]
            for expected, sent in cases:
                assert error_of(await request(server, **sent)) == expected, sent
            assert server.server.sessions == 0

    run(scenario)


def test_every_bad_offer_is_answered_in_json() -> None:
    async def scenario() -> None:
        async with live() as server:
            for wrong, (text, message) in BAD.items():
                response = await request(server, content=text, headers=SDP)
                assert error_of(response) == (400, "invalid_offer", "sdp"), wrong
                assert message in response.json()["error"]["message"]

    run(scenario)


def test_a_full_server_takes_no_calls() -> None:
    async def scenario() -> None:
        async with live(Config(limits=Limits(max_sessions=3))) as server:
            answers = await asyncio.gather(*(request(server, content=GOOD, headers=SDP) for _ in range(8)))
            taken = [each for each in answers if each.status_code == 201]
            assert len(taken) == 3
            assert {error_of(each) for each in answers if each not in taken} == {(503, "overloaded", None)}
            for each in taken:
                await hung_up(server, each)

    run(scenario)


def test_a_call_needs_a_free_port() -> None:
    async def scenario() -> None:
        async with live(Config(webrtc=WebRtc(udp_ports="45997-45997"))) as server:
            first = await request(server, content=GOOD, headers=SDP)
            ports = {line.split()[5] for line in first.text.split("\r\n") if line.startswith("a=candidate:")}
            assert ports == {"45997"}
            second = await request(server, content=GOOD, headers=SDP)
            assert error_of(second) == (503, "no_udp_port", None)
            assert "webrtc.udp_ports: 45997-45997" in second.json()["error"]["message"]
            await hung_up(server, first)

    run(scenario)


def test_a_call_belongs_to_its_project() -> None:
    async def scenario() -> None:
        projects = {"a": Project(keys=("sk-a",)), "b": Project(keys=("sk-b",))}
        async with live(Config(projects=projects)) as server:
            response = await request(server, key="sk-a", content=GOOD, headers=SDP)
            path = response.headers["Location"].removeprefix("/v1") + "/hangup"
            assert (await post(server, path, key="sk-b")).status_code == 404
            assert (await post(server, path, key="sk-a")).status_code == 200

    run(scenario)


@pytest.mark.parametrize("path", ["/realtime/calls", "/realtime/client_secrets"])
def test_pages_of_other_origins_may_call(path: str) -> None:
    async def scenario() -> None:
        async with live(KEYS) as server, httpx.AsyncClient(verify=False, timeout=PATIENCE_S) as client:
            asked = {
                "Origin": "https://app.example.com",
                "Access-Control-Request-Method": "POST",
                "Access-Control-Request-Headers": "authorization,content-type,x-openai-agents-sdk",
            }
            preflight = await client.options(f"{server.http}{path}", headers=asked)
            assert preflight.status_code == 200  # without a key: browsers send none here
            assert preflight.headers["Access-Control-Allow-Origin"] == "*"
            allowed = preflight.headers["Access-Control-Allow-Headers"].lower()
            assert all(name in allowed for name in ("authorization", "content-type", "x-openai-agents-sdk"))
            refusal = await client.post(f"{server.http}{path}", headers={"Origin": "https://app.example.com"})
            assert refusal.status_code == 401
            assert refusal.headers["Access-Control-Allow-Origin"] == "*"  # so that the page can read what was wrong
            assert refusal.headers["Access-Control-Expose-Headers"] == "Location"

    run(scenario)


@pytest.mark.parametrize("method", ["GET", "POST", "DELETE"])
def test_pages_of_other_origins_may_use_every_method_that_there_is(method: str) -> None:
    async def scenario() -> None:
        async with live(KEYS) as server, httpx.AsyncClient(verify=False, timeout=PATIENCE_S) as client:
            asked = {"Origin": "https://app.example.com", "Access-Control-Request-Method": method}
            preflight = await client.options(f"{server.http}/audio/voice_consents/cons_1", headers=asked)
            assert preflight.status_code == 200
            assert method in preflight.headers["Access-Control-Allow-Methods"].split(", ")

    run(scenario)


def test_only_the_pages_that_are_named_may_call() -> None:
    async def scenario() -> None:
        config = Config(server=Server(cors_origins=("https://app.example.com",)))
        async with live(config) as server, httpx.AsyncClient(verify=False, timeout=PATIENCE_S) as client:
            for origin, allowed in (("https://app.example.com", True), ("https://evil.example.com", False)):
                asked = {"Origin": origin, "Access-Control-Request-Method": "POST"}
                preflight = await client.options(f"{server.http}/realtime/calls", headers=asked)
                assert (preflight.headers.get("Access-Control-Allow-Origin") == origin) == allowed

    run(scenario)


def test_a_stopping_server_leaves_no_call() -> None:
    async def scenario() -> None:
        before = asyncio.all_tasks()
        async with live() as server:
            assert (await request(server, content=GOOD, headers=SDP)).status_code == 201
        await emptied(server)
        left = {task for task in asyncio.all_tasks() - before if not task.done()}
        assert not left

    run(scenario)
