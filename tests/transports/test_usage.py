"""`GET /v1/usage` of a live server: who sees what, and what is refused."""

from __future__ import annotations

import asyncio
from typing import Any

import httpx
import pytest
from tests.live import Live, live
from tests.patience import run
from tests.transports.calling import bearer, call, emptied, minted, receive, send

from vivavoce.config import Config
from vivavoce.config.prices import Prices
from vivavoce.config.tree import Limits, Project, Server
from vivavoce.engines.instant import LLM_TEXT

MODEL = "?model=gpt-realtime"
KEYS = Config(
    server=Server(keys=("sk-main",)),
    projects={"shop": Project(keys=("sk-shop",)), "bank": Project(keys=("sk-bank",))},
    prices=Prices(currency="USD", connected_minute=6),
    limits=Limits(max_sessions=8),
)


async def get(server: Live, path: str, key: str = "") -> httpx.Response:
    headers = bearer(key) if key else {}
    async with httpx.AsyncClient(trust_env=False) as http:
        return await http.get(f"{server.http}{path}", headers=headers)


async def report(server: Live, path: str, key: str = "") -> dict[str, Any]:
    answer = await get(server, path, key)
    assert answer.status_code == 200, answer.text
    assert answer.headers["cache-control"] == "no-store"
    body: dict[str, Any] = answer.json()
    return body


async def error(server: Live, path: str, key: str = "") -> tuple[int, str | None, str | None]:
    answer = await get(server, path, key)
    body = answer.json()["error"]
    return answer.status_code, body["code"], body["param"]


async def answered(server: Live, key: str = "") -> tuple[str, dict[str, Any]]:
    """A session with one typed turn: its id, and the usage that `response.done` told."""
    async with call(server, MODEL, key) as (client, created):
        content = [{"type": "input_text", "text": "Hello!"}]
        await send(client, "conversation.item.create", item={"type": "message", "role": "user", "content": content})
        await send(client, "response.create")
        done = await receive(client, "response.done")
    await emptied(server)
    return created["session"]["id"], done["response"]["usage"]


def test_a_session_used_what_its_responses_told() -> None:
    async def scenario() -> None:
        async with live() as server:
            session_id, told = await answered(server)
            used = await report(server, f"/usage/{session_id}")
            given, made = told["input_token_details"], told["output_token_details"]
            assert used["tokens"]["input"]["text"] == given["text_tokens"]
            assert used["tokens"]["output"] == {"text": made["text_tokens"], "audio": made["audio_tokens"]}
            assert used["audio"]["made_seconds"] * 1000 == pytest.approx(made["audio_tokens"] * 50, abs=50)
            assert used["responses"] == 1
            assert used["engines"]["tts"]["characters"] == len(LLM_TEXT) - 1  # two clauses, without the blank between
            assert used["engines"]["llm"] == {"name": "instant", "requests": 1, "cpu_seconds": None}
            assert used["money"] is None  # nobody said what anything costs

    run(scenario)


def test_each_key_sees_its_own_project() -> None:
    async def scenario() -> None:
        async with live(KEYS) as server:
            ids = {key: (await answered(server, key))[0] for key in ("sk-main", "sk-shop", "sk-bank")}
            for key, project in (("sk-main", None), ("sk-shop", "shop"), ("sk-bank", "bank")):
                seen = await report(server, "/usage", key)
                assert [each["id"] for each in seen["data"]] == [ids[key]]
                assert (seen["project"], seen["total"]["sessions"]) == (project, 1)
                assert [each["sessions"] for each in seen["days"]] == [1]
                for other in ids:
                    status = (await get(server, f"/usage/{ids[other]}", key)).status_code
                    assert status == (200 if other == key else 404)
            assert await error(server, "/usage") == (401, None, None)
            assert await error(server, f"/usage/{ids['sk-shop']}", "sk-wrong") == (401, "invalid_api_key", None)

    run(scenario)


def test_a_client_secret_sees_nothing() -> None:
    async def scenario() -> None:
        async with live(KEYS) as server:
            secret = await minted(server, key="sk-shop")
            assert (await error(server, "/usage", secret))[0] == 401
            assert (await error(server, "/usage/sess_1", secret))[0] == 401

    run(scenario)


def test_money_comes_from_the_price_list() -> None:
    async def scenario() -> None:
        async with live(KEYS) as server:
            session_id, _ = await answered(server, "sk-main")
            used = await report(server, f"/usage/{session_id}", "sk-main")
            (line,) = used["money"]["lines"]
            # 6 a minute is 0.1 a second: the price of a second, ten times, is the time.
            assert float(line["amount"]) * 10 == pytest.approx(used["connected_seconds"], abs=1e-5)
            assert used["money"]["total"] == line["amount"]
            assert used["money"]["unpriced"] == ["llm", "tts"]

    run(scenario)


def test_a_session_is_counted_while_it_goes_on() -> None:
    async def scenario() -> None:
        async with live() as server, call(server, MODEL) as (_, created):
            session_id = created["session"]["id"]
            first = await report(server, f"/usage/{session_id}")
            await asyncio.sleep(0)
            again = await report(server, "/usage")
            assert first["ended_at"] is None
            assert again["total"]["sessions"] == 1
            assert again["data"][0]["connected_seconds"] >= first["connected_seconds"]

    run(scenario)


def test_what_is_asked_for_narrows_the_report() -> None:
    async def scenario() -> None:
        async with live() as server:
            (first, _), (second, _) = await answered(server), await answered(server)
            newest = await report(server, "/usage?limit=1")
            assert ([each["id"] for each in newest["data"]], newest["has_more"]) == ([second], True)
            assert newest["total"]["sessions"] == 2
            day = newest["days"][0]["day"]
            of_day = await report(server, f"/usage?day={day}&model=gpt-realtime")
            assert [each["id"] for each in of_day["data"]] == [second, first]
            assert of_day["total"]["sessions"] == 2
            for query in ("day=2020-02-29", "model=vivavoce"):
                nothing = await report(server, f"/usage?{query}")
                assert (nothing["data"], nothing["days"], nothing["total"]["sessions"]) == ([], [], 0)

    run(scenario)


@pytest.mark.parametrize(
    ("query", "code", "param"),
    [
        ("project=shop", "unknown_parameter", "project"),
        ("limit=5&call=1", "unknown_parameter", "call"),
        ("model=gpt-9", "invalid_value", "model"),
        ("day=yesterday", "invalid_value", "day"),
        ("day=20260131", "invalid_value", "day"),
        ("limit=0", "invalid_value", "limit"),
        ("limit=201", "invalid_value", "limit"),
        ("limit=many", "invalid_value", "limit"),
        ("limit=0000000010000000", "invalid_value", "limit"),
        ("limit=000000001" + "0" * 5000, "invalid_value", "limit"),
    ],
)
def test_what_cannot_be_asked_for_is_refused_by_name(query: str, code: str, param: str) -> None:
    async def scenario() -> None:
        async with live() as server:
            assert await error(server, f"/usage?{query}") == (400, code, param)

    run(scenario)


def test_an_unknown_session_is_not_found() -> None:
    async def scenario() -> None:
        async with live() as server:
            assert await error(server, "/usage/sess_unknown") == (404, "session_not_found", "id")

    run(scenario)
