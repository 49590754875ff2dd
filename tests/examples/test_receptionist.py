"""The receptionist answers a telephone, greets, and puts the caller through."""

from __future__ import annotations

import asyncio
import http.client
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import ThreadingHTTPServer
from typing import Any

import pytest
from msgspec.structs import replace
from tests.examples.running import EXAMPLES
from tests.live import Live, live, spoken
from tests.transports.calling import emptied
from tests.transports.sip.handset import HOST
from tests.transports.sip.phone import Phone, phone

from vivavoce.config import Config, load
from vivavoce.ports import Finished
from vivavoce.testing.fakes import ScriptedLlm, calls, says
from vivavoce.transports.sip import actions as sip

SECRET = "whsec_c2VjcmV0IG9mIHRoZSBob29r"
TEXT = (EXAMPLES / "receptionist.py").read_text()


def settings(hook: str) -> Config:
    """The example's, on ports that are free."""
    config = load(EXAMPLES / "receptionist.toml", {"OPENAI_WEBHOOK_SECRET": SECRET})
    assert (config.sip.listen, config.sip.webhooks[0].url) == (("udp:127.0.0.1:5060",), "http://127.0.0.1:8900/")
    webhooks = (replace(config.sip.webhooks[0], url=hook),)
    return replace(config, sip=replace(config.sip, listen=(f"udp:{HOST}:0",), webhooks=webhooks))


@contextmanager
def receptionist() -> Iterator[tuple[str, dict[str, Any]]]:
    """The address of its webhook, and what the program has defined; it is told of the server's address later."""
    assert TEXT.count("http://127.0.0.1:8700/v1") == 1
    program: dict[str, Any] = {"__name__": "receptionist"}
    exec(compile(TEXT, "receptionist.py", "exec"), program)
    with ThreadingHTTPServer((HOST, 0), program["Hook"]) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        try:
            yield f"http://{HOST}:{server.server_port}/", program
        finally:
            server.shutdown()
            thread.join()


async def greeted(server: Live, caller: Phone) -> None:
    """The receptionist has answered, and says something."""
    assert server.server.telephone is not None
    await caller.dial(server.server.telephone.endpoint.places[0][2])
    await caller.answered()
    await caller.heard(100)


# The SDK's own use of the websockets package, which this project cannot change.
@pytest.mark.filterwarnings("ignore:connect\\(\\) must be used as a context manager:DeprecationWarning")
def test_it_greets_and_transfers(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_WEBHOOK_SECRET", SECRET)

    async def scenario() -> None:
        call = [*calls("transfer", to="sales"), Finished()]
        llm = ScriptedLlm(says("Hello, how can I help?"), call, features=("tools",))
        with receptionist() as (hook, program):
            async with live(settings(hook), llm=llm) as server, phone() as caller:
                program["client"].base_url = server.http
                caller.endpoint.status = 200
                await greeted(server, caller)
                caller.say(spoken())
                assert (await caller.until(sip.Ended)).reason == "bye"
                assert caller.endpoint.target == "<sip:201@pbx.example>"
                await emptied(server)
        llm.assert_finished()
        program["client"].close()

    asyncio.run(scenario())


def test_what_is_not_signed_is_turned_away(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_WEBHOOK_SECRET", SECRET)
    with receptionist() as (hook, program):
        connection = http.client.HTTPConnection(hook.split("/")[2])
        headers = {"webhook-id": "1", "webhook-timestamp": "1", "webhook-signature": "v1,forged"}
        for more in ({}, headers):
            connection.request("POST", "/", b"{}", more)
            assert connection.getresponse().status == 400
            connection.close()
        program["client"].close()
