"""PROTOCOL.md 5.3 from end to end: a long conversation stays within its limit, and the cache survives most turns."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Mapping
from itertools import pairwise
from pathlib import Path

import pytest
from tests.cli.helpers import vivavoce
from tests.live import live

from vivavoce.bench.context import Answer, run_report
from vivavoce.engines.openai.llm import OpenAiLlm
from vivavoce.testing.client import Client, at, connect
from vivavoce.testing.remote import RemoteServer


@pytest.mark.models
def test_200_items_under_a_ratio_of_one_half(model_dir: Callable[[str], Path], tmp_path: Path) -> None:
    model_dir("qwen2.5-coder-0.5b")
    figures = tmp_path / "figures.json"
    options: list[str | Path] = [
        "--context",
        "512",
        "--truncation",
        "0.5",
        "--answers",
        "9",
        "--tokens",
        "6",
        "--json",
        figures,
    ]
    result = vivavoce("bench", "context", "--model", "qwen2.5-coder-0.5b", *options)
    assert result.exit_code == 0, result.output
    (run,) = json.loads(figures.read_text())["runs"]
    answers = run["answers"]
    assert [answer["items"] for answer in answers] == list(range(183, 200, 2))
    assert all(0 < answer["input_tokens"] <= run["limit"] == 384 for answer in answers)
    assert run["cuts"] >= 1
    moved = 0
    for before, after in pairwise(answers):
        if after["kept"] == before["kept"] + 2:  # all that was computed before is there
            assert before["input_tokens"] <= after["cached_tokens"] < after["input_tokens"]
        else:  # what stands behind the instructions is new; the answer that was too much is part of it
            moved += 1
            assert after["cached_tokens"] < 60 < after["input_tokens"] <= 0.5 * run["limit"] + 60
    assert moved == run["cuts"]


def test_what_the_model_no_longer_sees_stays_in_the_conversation() -> None:
    async def scenario() -> list[Mapping[str, object]]:
        async with live() as server, connect(server.ws) as client:
            ratio = {"type": "retention_ratio", "retention_ratio": 0.5, "token_limits": {"post_instructions": 40}}
            await client.update({"output_modalities": ["text"], "instructions": "Be kind.", "truncation": ratio})
            done = []
            for number in range(5):
                before = len(client.arrivals)
                content = [{"type": "input_text", "text": "one two three four five six"}]
                item = {"id": f"item_{number}", "type": "message", "role": "user", "content": content}
                await client.send({"type": "conversation.item.create", "item": item})
                await client.send({"type": "response.create"})
                done.append((await client.expect("response.done", since=before)).event)
            await client.send({"type": "conversation.item.retrieve", "item_id": "item_0"})
            return [*done, (await client.expect("conversation.item.retrieved")).event]

    *done, retrieved = asyncio.run(scenario())
    assert at(retrieved, "item", "content") == [{"type": "input_text", "text": "one two three four five six"}]
    # The engine counts words: two of the instructions, six of each question, nine of each answer before it.
    assert [at(each, "response", "usage", "input_tokens") for each in done] == [8, 23, 38, 23, 38]


def test_what_a_window_is_too_small_for_fails_by_name() -> None:
    async def scenario() -> Mapping[str, object]:
        async with live() as server, connect(server.ws) as client:
            ratio = {"type": "retention_ratio", "retention_ratio": 1, "token_limits": {"post_instructions": 3}}
            await client.update({"output_modalities": ["text"], "truncation": ratio})
            content = [{"type": "input_text", "text": "one two three four"}]
            item = {"type": "message", "role": "user", "content": content}
            await client.send({"type": "conversation.item.create", "item": item})
            await client.send({"type": "response.create"})
            return (await client.expect("response.done")).event

    done = asyncio.run(scenario())
    assert at(done, "response", "status") == "failed"
    assert at(done, "response", "status_details", "error", "code") == "context_too_long"


def test_what_a_remote_model_does_not_know_is_refused_and_what_it_knows_reaches_it() -> None:
    ratio = {"type": "retention_ratio", "retention_ratio": 0.5}
    limited = {**ratio, "token_limits": {"post_instructions": 100}}
    asked = {"truncation": ratio, "reasoning": {"effort": "low"}, "parallel_tool_calls": False}

    async def refused(client: Client, **settings: object) -> bool:
        before = len(client.arrivals)
        await client.send({"type": "session.update", "session": {"type": "realtime", **settings}})
        reply = (await client.expect("error", "session.updated", since=before)).event
        (name,) = settings
        return (at(reply, "error", "code"), at(reply, "error", "param")) == ("unsupported_value", f"session.{name}")

    async def scenario(remote: RemoteServer) -> None:
        plain = OpenAiLlm(remote.base_url, "any", tools=False)
        async with live(llm=plain) as server, connect(server.ws) as client:
            assert [await refused(client, **{name: value}) for name, value in asked.items()] == [True] * 3
            await client.update({"truncation": limited})
        able = OpenAiLlm(remote.base_url, "any", context=4096, reasoning=True)
        async with live(llm=able) as server, connect(server.ws) as client:
            session = await client.update({**asked, "output_modalities": ["text"]})
            assert {name: session[name] for name in asked} == asked
            await client.send({"type": "response.create"})
            await client.expect("response.done")

    with RemoteServer() as remote:
        asyncio.run(scenario(remote))
        assert remote.received[-1].json["reasoning_effort"] == "low"


def answer(items: int, kept: int, tokens: int, cached: int, ms: float) -> Answer:
    return Answer(items=items, kept=kept, input_tokens=tokens, cached_tokens=cached, first_token_ms=ms)


def test_the_figures_of_a_conversation() -> None:
    answers = (answer(1, 1, 100, 0, 9.0), answer(3, 3, 200, 100, 2.0), answer(5, 3, 200, 20, 7.0))
    run = run_report("0.5", 150, answers)
    assert (run.over, run.cuts, run.cached_share) == (2, 1, 0.3)
    assert run.first_token is not None
    assert run.first_token_after_cut is not None
    assert (run.first_token.median, run.first_token_after_cut.median) == (2.0, 7.0)


@pytest.mark.parametrize(
    ("options", "problem"),
    [
        (["--truncation", "2"], "a number from 0 to 1, not '2'"),
        (["--truncation", "half"], "a number from 0 to 1, not 'half'"),
        (["--items", "9"], "even number"),
        (["--items", "8", "--answers", "5"], "twice --answers"),
        (["--model", "nothing"], "nothing"),
    ],
)
def test_what_cannot_be_measured_is_said(options: list[str], problem: str) -> None:
    result = vivavoce("bench", "context", *options)
    assert result.exit_code == 1
    assert problem in result.output
