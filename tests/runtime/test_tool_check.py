"""A tool that the model cannot be held to is refused where it is defined (PROTOCOL.md 3.7)."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from msgspec.structs import replace
from tests.runtime.hosting import CAN, SETTINGS, engines, hosted

from vivavoce.core.ids import CountingIds
from vivavoce.core.session import Session
from vivavoce.testing.clock import run_virtual
from vivavoce.testing.fakes import ScriptedResponder

PARAMETERS = {"type": "object", "properties": {"town": {"type": "string"}}}
TOOLS: list[dict[str, Any]] = [
    {"type": "function", "name": "clock"},
    {"type": "mcp", "server_label": "shop", "server_url": "https://shop.example/mcp"},
    {"type": "function", "name": "weather", "parameters": PARAMETERS},
]


def refusal(type_: str, **fields: object) -> tuple[str, str, str, str | None]:
    responder = ScriptedResponder()
    responder.refusals = {"weather": "No grammar can say that."}

    async def scenario() -> dict[str, Any]:
        can = replace(CAN, tools=True, mcp=())
        core = Session(SETTINGS, can, CountingIds(), asyncio.get_running_loop().time(), None)
        async with hosted(engines(responder=responder), core) as live:
            live.client.say(type_, event_id="mine", **fields)
            return (await live.client.expect("error"))["error"]  # type: ignore[no-any-return]

    error = run_virtual(scenario())
    return error["code"], error["param"], error["message"], error["event_id"]


@pytest.mark.parametrize("place", ["session", "response"])
def test_it_is_named_with_what_is_wrong(place: str) -> None:
    given: dict[str, Any] = {"tools": TOOLS}
    if place == "session":
        found = refusal("session.update", session={"type": "realtime", **given})
    else:
        found = refusal("response.create", response=given)
    assert found == ("unsupported_value", f"{place}.tools[2].parameters", "No grammar can say that.", "mine")
