"""The HTTP of telephone calls (PROTOCOL.md 1.5): what is taken, and every way to be refused."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import httpx
import pytest
from starlette.applications import Starlette
from starlette.responses import PlainTextResponse
from starlette.routing import Route
from tests.runtime.hosting import SETTINGS
from tests.transports.sip.exchange import PROJECT, Exchange, Taker, exchange, settled

from vivavoce.testing.fakes import ScriptedResponder
from vivavoce.transports.auth import Auth
from vivavoce.transports.sip.calls import PATH, CallRoutes
from vivavoce.transports.sip.rules import Rule
from vivavoce.transports.sip.telephone import Policy

SESSION = {"type": "realtime", "model": "gpt-realtime", "instructions": "Be kind."}
PARAMETERS = {"type": "object", "properties": {"town": {"type": "string"}}}
CLOCK, WEATHER = ({"type": "function", "name": name, "parameters": PARAMETERS} for name in ("clock", "weather"))
POLICY = Policy((Rule("accept", called="100"),), frozenset({PROJECT}), may_call=("*@trunk.example",))


class Office:
    """A telephone and its HTTP."""

    def __init__(self, calls: Exchange, hook: Taker, client: httpx.AsyncClient) -> None:
        self.calls = calls
        self.hook = hook
        self._client = client

    async def post(self, path: str, body: object = None, key: str = "sk-one") -> httpx.Response:
        """With JSON, or bytes as they are."""
        content = {"content": body} if isinstance(body, bytes) else {"json": body}
        headers = {"authorization": f"Bearer {key}"} if key else {}
        request: Any = {**content, "headers": headers} if body is not None else {"headers": headers}
        return await self._client.post(f"{PATH}{path}", **request)

    async def ringing(self, called: str = "sip:200@example.com") -> str:
        """The id of a call that rings."""
        await self.calls.invited(called=called)
        return self.hook.call_id

    async def refused(self, path: str, body: object = None, key: str = "sk-one") -> tuple[int, str, str | None]:
        """Status, code and param of the error."""
        answer = await self.post(path, body, key)
        error = answer.json()["error"]
        assert set(error) == {"message", "type", "param", "code"}
        return answer.status_code, error["code"], error["param"]


@asynccontextmanager
async def office() -> AsyncIterator[Office]:
    """With a key of no project, one of a project, and a page of somebody else's at the path of calls.

    The model can call every tool but the weather.
    """
    hook, responder = Taker(), ScriptedResponder()
    responder.refusals = {"weather": "No grammar can say that."}
    async with exchange(POLICY, hook, responder=responder) as calls:
        calls.host.auth = Auth(["sk-one"], {PROJECT: ["sk-sales"]})
        other = Route(PATH, lambda _: PlainTextResponse("a browser's"), methods=["POST"])
        app = Starlette(routes=[*CallRoutes(calls.host, calls.desk).routes(), other])
        transport = httpx.ASGITransport(app)
        async with httpx.AsyncClient(transport=transport, base_url="http://server") as client:
            yield Office(calls, hook, client)


def test_accept() -> None:
    async def main() -> None:
        async with office() as http:
            call_id = await http.ringing()
            answer = await http.post(f"/{call_id}/accept", {**SESSION, "tools": [CLOCK]})
            assert (answer.status_code, answer.content) == (200, b"")
            (session,) = http.calls.host.brought
            assert session is not None
            assert (session.instructions, len(session.tools)) == ("Be kind.", 1)
            assert http.calls.switch.told[-1] == "answer in answer to sdp"

    asyncio.run(main())


@pytest.mark.parametrize(
    ("body", "refusal"),
    [
        (None, (400, "missing_required_parameter", "type")),
        ({}, (400, "missing_required_parameter", "type")),
        ({"type": "transcription"}, (400, "invalid_value", "type")),
        (b"{", (400, "invalid_json", None)),
        (b"[]", (400, "invalid_type", None)),
        ({**SESSION, "bogus": 1}, (400, "unknown_parameter", "bogus")),
        ({**SESSION, "audio": {"output": {"voice": "nobody"}}}, (400, "invalid_value", "audio.output.voice")),
        ({**SESSION, "tools": [CLOCK, WEATHER]}, (400, "unsupported_value", "tools[1].parameters")),
    ],
)
def test_a_session_that_is_refused_lets_the_call_ring_on(body: object, refusal: tuple[int, str, str]) -> None:
    async def main() -> None:
        async with office() as http:
            call_id = await http.ringing()
            assert await http.refused(f"/{call_id}/accept", body) == refusal
            assert (await http.post(f"/{call_id}/accept", SESSION)).status_code == 200

    asyncio.run(main())


def test_reject() -> None:
    async def main() -> None:
        async with office() as http:
            for body, status in ((None, 603), ({}, 603), ({"status_code": None}, 603), ({"status_code": 486}, 486)):
                call_id = await http.ringing()
                answer = await http.post(f"/{call_id}/reject", body)
                assert (answer.status_code, answer.content) == (200, b"")
                assert http.calls.switch.told[-1] == f"reject in {status}"
                http.calls.switch.gone.clear()
                await settled()

    asyncio.run(main())


@pytest.mark.parametrize(
    ("body", "code"),
    [
        ({"status_code": 299}, "integer_below_min_value"),
        ({"status_code": 700}, "integer_above_max_value"),
        ({"status_code": "486"}, "invalid_type"),
        ({"status": 486}, "unknown_parameter"),
    ],
)
def test_a_status_that_rejects_nothing_is_refused(body: object, code: str) -> None:
    async def main() -> None:
        async with office() as http:
            call_id = await http.ringing()
            status, found, _ = await http.refused(f"/{call_id}/reject", body)
            assert (status, found) == (400, code)
            assert http.calls.switch.told == ["ring in"]

    asyncio.run(main())


@pytest.mark.parametrize("target", ["tel:+14155550123", "sip:agent@example.com", "sips:agent@[2001:db8::1]:5061"])
def test_refer(target: str) -> None:
    async def main() -> None:
        async with office() as http:
            call_id = await http.ringing()
            await http.post(f"/{call_id}/accept", SESSION)
            answer = await http.post(f"/{call_id}/refer", {"target_uri": target})
            assert (answer.status_code, answer.content) == (200, b"")
            assert http.calls.switch.told[-1] == f"refer in {target}"

    asyncio.run(main())


@pytest.mark.parametrize(
    "target", ["", "+4930123", "http://example.com", "sip:a@b>\r\nX: y", 'sip:"a"@b', "tel:+49 30", "sip:ü@b", "sip:"]
)
def test_what_is_no_target_is_refused(target: str) -> None:
    async def main() -> None:
        async with office() as http:
            call_id = await http.ringing()
            await http.post(f"/{call_id}/accept", SESSION)
            status, _, param = await http.refused(f"/{call_id}/refer", {"target_uri": target})
            assert (status, param) == (400, "target_uri")
            assert await http.refused(f"/{call_id}/refer") == (400, "missing_required_parameter", "target_uri")

    asyncio.run(main())


def test_what_comes_too_late_or_was_never_there() -> None:
    async def main() -> None:
        async with office() as http:
            call_id = await http.ringing()
            await http.post(f"/{call_id}/accept", SESSION)
            twice = 409, "decision_already_made", "call_id"
            assert await http.refused(f"/{call_id}/accept", SESSION) == twice
            assert await http.refused(f"/{call_id}/reject") == twice
            unknown = 404, "invalid_call_id", "call_id"
            for verb, body in (("accept", SESSION), ("reject", None), ("refer", {"target_uri": "tel:+4930"})):
                assert await http.refused(f"/rtc_none/{verb}", body) == unknown

    asyncio.run(main())


def test_who_may_decide() -> None:
    async def main() -> None:
        async with office() as http:
            call_id = await http.ringing()
            secret, _ = http.calls.host.auth.secrets.create(SETTINGS, 60)
            for key, code in (("", None), ("sk-wrong", "invalid_api_key"), (secret, "invalid_api_key")):
                for path in (f"/{call_id}/accept", ""):
                    assert (await http.refused(path, SESSION, key))[:2] == (401, code)
            assert (await http.refused(f"/{call_id}/accept", SESSION, "sk-sales"))[:2] == (404, "invalid_call_id")
            assert http.calls.switch.told == ["ring in"]

    asyncio.run(main())


def test_a_call_is_made() -> None:
    async def main() -> None:
        async with office() as http:
            body = {"uri": "sip:+4930@trunk.example", "session": SESSION, "headers": {"X-Order": "7"}}
            answer = await http.post("", body)
            assert answer.status_code == 201
            call_id = answer.json()["id"]
            assert answer.headers["location"] == f"/v1/realtime/calls/{call_id}"
            assert list(http.calls.host.sessions) == [call_id]
            assert http.calls.switch.told == ["invite sip:+4930@trunk.example offer X-Order: 7"]

    asyncio.run(main())


@pytest.mark.parametrize(
    ("changed", "refusal"),
    [
        ({"uri": "sip:+4930@elsewhere.example"}, (403, "call_not_allowed", "uri")),
        ({"uri": "tel:+4930"}, (400, "invalid_value", "uri")),
        ({"session": {}}, (400, "missing_required_parameter", "session.type")),
        ({"session": {**SESSION, "model": "other"}}, (400, "invalid_value", "session.model")),
        (
            {"session": {**SESSION, "tools": [CLOCK, WEATHER]}},
            (400, "unsupported_value", "session.tools[1].parameters"),
        ),
        ({"headers": {"From": "me"}}, (400, "invalid_value", "headers.From")),
        ({"headers": {"X-A": "b\r\nC: d"}}, (400, "invalid_value", "headers.X-A")),
        ({"from": "sip:me@here"}, (400, "unknown_parameter", "from")),
    ],
)
def test_what_is_not_called(changed: dict[str, object], refusal: tuple[int, str, str]) -> None:
    async def main() -> None:
        async with office() as http:
            body = {"uri": "sip:+4930@trunk.example", "session": SESSION, **changed}
            assert await http.refused("", body) == refusal
            assert http.calls.switch.told == []

    asyncio.run(main())


def test_offers_of_browsers_go_their_own_way() -> None:
    async def main() -> None:
        async with office() as http:
            assert (await http.post("", b"v=0")).text == "a browser's"

    asyncio.run(main())
