"""A trace of a session with MCP servers runs again, and holds nothing that lets anybody in there."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path

from msgspec.structs import replace
from tests.observe.test_trace import begun
from tests.runtime.hosting import CAN, engines, hosted
from tests.runtime.test_tools import Shop

from vivavoce.core.session import Session
from vivavoce.observe.trace import TraceWriter, first_difference
from vivavoce.ports import Finished
from vivavoce.protocol.tools import McpTool
from vivavoce.runtime.ids import RandomIds
from vivavoce.testing.clock import START, run_virtual
from vivavoce.testing.fakes import ScriptedResponder, calls, says

SECRETS = ("token-one", "token-two", "header-one", "header-two")
URL = "https://shop.example/mcp"


def server(label: str, token: str, **headers: str) -> dict[str, object]:
    given = {"authorization": token, "headers": headers, "require_approval": "never"}
    return {"type": "mcp", "server_label": label, "server_url": URL, **given}


def record(path: Path) -> list[str]:
    """What the servers were let in with."""
    shop = Shop()

    async def main() -> None:
        ids = RandomIds("a seed")
        can = replace(CAN, tools=True, mcp=())
        settings = replace(begun(ids), tools=(McpTool("zero", server_url=URL, headers={"X-Key": "header-one"}),))
        core = Session(settings, can, ids, START, 3600.0)
        responder = ScriptedResponder([*calls("sell"), Finished()], says("Sold."), says("Well."), features=("tools",))
        with TraceWriter(path, seed=ids.seed, settings=settings, can=can, now=START, expires_in=3600.0) as recorder:
            equipped = dataclasses.replace(engines(responder=responder), tools=shop)
            async with hosted(equipped, core, recorder=recorder) as live:
                await live.client.expect("mcp_list_tools.completed")
                session = {"type": "realtime", "output_modalities": ["text"], "tools": [server("one", "token-one")]}
                live.client.say("session.update", session=session)
                await live.client.expect("mcp_list_tools.completed")
                live.client.say("response.create")
                await live.client.expect("response.mcp_call.completed")
                await live.client.expect("response.done")
                await live.client.expect("response.done")
                tools = [server("two", "token-two", **{"X-Key": "header-two"})]
                live.client.say("response.create", response={"tools": tools})
                await live.client.expect("response.done")

    run_virtual(main())
    return [value for asked, _, _ in shop.asked for value in asked.headers.values()]


def test_credentials_are_used_and_not_written_down(tmp_path: Path) -> None:
    path = tmp_path / "trace.jsonl"
    assert {value.removeprefix("Bearer ") for value in record(path)} >= set(SECRETS)
    text = path.read_text()
    assert not [secret for secret in SECRETS if secret in text]
    assert "hidden-" in json.loads(text.splitlines()[0])["settings"]["tools"][0]["headers"]["X-Key"]
    assert first_difference(path) is None
