"""Applications are told of a call: signed, again and again while it rings, and each for itself."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from itertools import pairwise

import pytest
from openai import OpenAI
from openai.types.webhooks import RealtimeCallIncomingWebhookEvent

from vivavoce.testing.clock import run_virtual
from vivavoce.transports.sip.webhooks import Hook, PostError, Webhooks, incoming, key_of, signature

SECRET = "whsec_c2VjcmV0IG9mIHRoZSBob29r"
NOW = 1_800_000_000
HEADERS = (("From", '"Alice" <sip:alice@example.com>;tag=1'), ("X-A", "1"), ("X-A", "2"))
BODY = incoming("evt_1", "rtc_1", HEADERS, "srtp", NOW)


@dataclass
class Endpoint:
    """Answers as scripted: a status, or what keeps it from answering; the last one again and again."""

    script: list[int | float | str]
    tries: list[tuple[float, dict[str, str], bytes]] = field(default_factory=list)
    closed: bool = False

    async def send(self, headers: Mapping[str, str], body: bytes) -> int:
        self.tries.append((asyncio.get_running_loop().time(), dict(headers), body))
        step = self.script.pop(0) if len(self.script) > 1 else self.script[0]
        if isinstance(step, float):
            await asyncio.sleep(step)
            raise PostError("too slow")
        if isinstance(step, str):
            raise PostError(step)
        return step

    async def aclose(self) -> None:
        self.closed = True


def told(*endpoints: tuple[Endpoint, str | None], project: str | None = None, within: float = 20.0) -> None:
    """Tell of one call for so long, on virtual time."""

    async def main() -> None:
        posts = {f"https://{index}.example/hook": each for index, (each, _) in enumerate(endpoints)}
        hooks = [Hook(url, key_of(SECRET), owner) for url, (_, owner) in zip(posts, endpoints, strict=True)]
        clock = asyncio.get_running_loop().time
        webhooks = Webhooks(hooks, lambda hook: posts[hook.url], lambda: NOW + clock(), lambda: 0.5)
        try:
            async with asyncio.timeout(within):
                await webhooks.tell(project, "wh_1", BODY)
        except TimeoutError:
            pass
        await webhooks.aclose()
        assert all(each.closed for each in posts.values())

    run_virtual(main())


def test_the_stock_sdk_verifies_it_and_finds_the_call() -> None:
    timestamp = int(time.time())
    headers = {
        "webhook-id": "wh_1",
        "webhook-timestamp": str(timestamp),
        "webhook-signature": signature(key_of(SECRET), "wh_1", timestamp, BODY),
    }
    client = OpenAI(api_key="any", webhook_secret=SECRET)
    event = client.webhooks.unwrap(BODY, headers)
    assert isinstance(event, RealtimeCallIncomingWebhookEvent)
    assert RealtimeCallIncomingWebhookEvent.model_validate_json(BODY, strict=True) == event
    assert (event.id, event.object, event.created_at) == ("evt_1", "event", NOW)
    assert event.data.call_id == "rtc_1"
    assert [(each.name, each.value) for each in event.data.sip_headers] == list(HEADERS)
    assert event.data.sip_media_security == "srtp"
    with pytest.raises(Exception, match="signature"):
        client.webhooks.unwrap(BODY + b" ", headers)


def test_a_plain_secret_is_its_own_key() -> None:
    assert key_of("plain") == b"plain"
    assert key_of("whsec_cGxhaW4=") == b"plain"
    with pytest.raises(ValueError, match="base64"):
        key_of("whsec_%")


def test_before_there_is_an_offer_its_security_is_not_known() -> None:
    assert b"sip_media_security" not in incoming("evt_1", "rtc_1", (), None, NOW)


def test_whoever_takes_it_is_told_once() -> None:
    endpoint = Endpoint([204])
    told((endpoint, None))
    ((_, headers, body),) = endpoint.tries
    assert body == BODY
    assert headers["content-type"] == "application/json"
    assert headers["webhook-id"] == "wh_1"


def test_it_is_tried_again_with_longer_and_longer_pauses_and_a_fresh_signature() -> None:
    endpoint = Endpoint([500, "connection refused", 302, 404, 200])
    told((endpoint, None))
    times = [at for at, _, _ in endpoint.tries]
    assert [later - before for before, later in pairwise(times)] == [0.5, 1.0, 2.0, 4.0]
    ids = {headers["webhook-id"] for _, headers, _ in endpoint.tries}
    assert ids == {"wh_1"}  # the same event, so that who has had it already can tell
    stamps = [headers["webhook-timestamp"] for _, headers, _ in endpoint.tries]
    assert stamps[0] != stamps[-1]
    assert endpoint.tries[0][1]["webhook-signature"] != endpoint.tries[-1][1]["webhook-signature"]


def test_the_pauses_do_not_grow_for_ever() -> None:
    endpoint = Endpoint([500])
    told((endpoint, None), within=100.0)
    times = [at for at, _, _ in endpoint.tries]
    assert times[-1] - times[-2] == 15.0


def test_an_endpoint_that_is_down_or_slow_keeps_nobody_else_waiting() -> None:
    slow, down, good = Endpoint([60.0]), Endpoint(["no route"]), Endpoint([200])
    told((slow, None), (down, None), (good, None))
    assert len(good.tries) == 1
    assert good.tries[0][0] == slow.tries[0][0]


def test_only_endpoints_of_the_project_are_told() -> None:
    ours, theirs, nobodys = Endpoint([200]), Endpoint([200]), Endpoint([200])
    told((ours, "sales"), (theirs, "support"), (nobodys, None), project="sales")
    assert [len(each.tries) for each in (ours, theirs, nobodys)] == [1, 0, 0]


def test_what_goes_wrong_is_logged_without_the_address_s_secrets(caplog: pytest.LogCaptureFixture) -> None:
    async def main() -> None:
        hook = Hook("https://user:password@one.example/token-in-the-path", b"key")
        webhooks = Webhooks([hook], lambda _: Endpoint([503]))
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.1):
                await webhooks.tell(None, "wh_1", BODY)

    with caplog.at_level(logging.WARNING):
        run_virtual(main())
    assert "one.example: it answered 503" in caplog.text
    assert "password" not in caplog.text
    assert "token" not in caplog.text
