"""The stock `openai` SDK takes telephone calls: its webhook, and everything that it can do with a call."""

from __future__ import annotations

import asyncio
import http.server
import threading
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from typing import Any

import pytest
from openai import APIStatusError, AsyncOpenAI, ConflictError, NotFoundError
from openai.resources.realtime.realtime import AsyncRealtimeConnection
from openai.types.webhooks import RealtimeCallIncomingWebhookEvent
from tests.clients.sdk import Caller, run
from tests.live import Live, live, spoken
from tests.transports.calling import emptied
from tests.transports.sip.handset import HOST
from tests.transports.sip.phone import Phone, phone
from websockets.exceptions import ConnectionClosed

from vivavoce.config import Config
from vivavoce.config.phone import Outbound, Rule, Webhook
from vivavoce.config.sip import Sip
from vivavoce.config.tree import Server
from vivavoce.transports.sip import actions as sip

SECRET = "whsec_c2VjcmV0IG9mIHRoZSBob29r"
KEY = "sk-right"


class Application:
    """What somebody would write: a webhook endpoint that verifies what it gets, and a client."""

    def __init__(self, client: AsyncOpenAI, url: str, told: asyncio.Queue[tuple[bytes, dict[str, str]]]) -> None:
        self.client = client
        self.url = url
        self._told = told

    async def incoming(self) -> RealtimeCallIncomingWebhookEvent:
        """The next call that rings."""
        body, headers = await asyncio.wait_for(self._told.get(), 10)
        event = self.client.webhooks.unwrap(body, headers)
        assert isinstance(event, RealtimeCallIncomingWebhookEvent)
        return event


@contextmanager
def endpoint(tell: Callable[[bytes, dict[str, str]], None]) -> Iterator[str]:
    """The address of a web server that takes webhooks."""

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            tell(self.rfile.read(int(self.headers["content-length"])), dict(self.headers))
            self.send_response(200)
            self.end_headers()

        def log_message(self, *_: object) -> None:
            """Nothing."""

    with http.server.ThreadingHTTPServer((HOST, 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        try:
            yield f"http://{HOST}:{server.server_port}/hook"
        finally:
            server.shutdown()
            thread.join()


@asynccontextmanager
async def office(*rules: Rule, outbound: Outbound | None = None) -> AsyncIterator[tuple[Live, Application]]:
    """A server with a telephone, and an application that is told of its calls."""
    told: asyncio.Queue[tuple[bytes, dict[str, str]]] = asyncio.Queue()
    loop = asyncio.get_running_loop()

    def tell(body: bytes, headers: dict[str, str]) -> None:
        loop.call_soon_threadsafe(told.put_nowait, (body, headers))

    with endpoint(tell) as url:
        sip_settings = Sip(
            listen=(f"udp:{HOST}:0",),
            webhooks=(Webhook(url=url, secret=SECRET),),
            rules=rules,
            outbound=outbound or Outbound(),
        )
        async with live(Config(server=Server(keys=(KEY,)), sip=sip_settings)) as server:
            client = AsyncOpenAI(base_url=server.http, api_key=KEY, webhook_secret=SECRET, max_retries=0)
            async with client:
                yield server, Application(client, url, told)
            await emptied(server)


def port(server: Live) -> int:
    """Where its telephone rings."""
    assert server.server.telephone is not None
    return server.server.telephone.endpoint.places[0][2]


async def closed(connection: AsyncRealtimeConnection) -> str:
    """The reason of the close that follows."""
    try:
        while True:
            await asyncio.wait_for(connection.recv_bytes(), 10)
    except ConnectionClosed as over:
        return over.rcvd.reason if over.rcvd else "gone"


async def accepted(server: Live, application: Application, caller: Phone) -> str:
    """A call that talks; its id."""
    await caller.dial(port(server))
    event = await application.incoming()
    await application.client.realtime.calls.accept(
        event.data.call_id, type="realtime", model="gpt-realtime", instructions="Be kind."
    )
    await caller.answered()
    return event.data.call_id


def test_a_call_is_announced_accepted_joined_and_hung_up() -> None:
    async def scenario() -> None:
        async with office() as (server, application), phone() as caller:
            await caller.dial(port(server), headers=(("X-Queue", "pizza"),))
            event = await application.incoming()
            headers = {each.name: each.value for each in event.data.sip_headers}
            assert headers["X-Queue"] == "pizza"
            assert "alice" in headers["From"]
            assert event.data.sip_media_security in ("rtp", "srtp")
            assert (await caller.until(sip.Progress)).status == 180
            calls = application.client.realtime.calls
            await calls.accept(event.data.call_id, type="realtime", model="gpt-realtime", instructions="Be kind.")
            await caller.answered()
            async with application.client.realtime.connect(call_id=event.data.call_id) as connection:
                sideband = Caller(connection)
                assert (await sideband.until("session.created")).session.instructions == "Be kind."
                await connection.response.create()
                await sideband.until("output_audio_buffer.started")
                await caller.heard(100)
                caller.say(spoken())
                await sideband.until("input_audio_buffer.speech_started")
                await sideband.until("response.done")
                await calls.hangup(event.data.call_id)
                assert await closed(connection) == "hangup"
            assert (await caller.until(sip.Ended)).reason == "bye"

    run(scenario)


def test_the_caller_hangs_up() -> None:
    async def scenario() -> None:
        async with office() as (server, application), phone() as caller:
            call_id = await accepted(server, application, caller)
            async with application.client.realtime.connect(call_id=call_id) as connection:
                caller.hang_up()
                assert await closed(connection) == "The caller has hung up."
            with pytest.raises(NotFoundError):
                await application.client.realtime.calls.hangup(call_id)

    run(scenario)


@pytest.mark.parametrize(("given", "status"), [({}, 603), ({"status_code": 486}, 486)])
def test_a_call_is_rejected(given: dict[str, Any], status: int) -> None:
    async def scenario() -> None:
        async with office() as (server, application), phone() as caller:
            await caller.dial(port(server))
            call_id = (await application.incoming()).data.call_id
            await application.client.realtime.calls.reject(call_id, **given)
            assert (await caller.until(sip.Refused)).status == status
            with pytest.raises(NotFoundError):
                await application.client.realtime.calls.reject(call_id)

    run(scenario)


def test_a_call_that_rings_is_declined_by_hanging_up() -> None:
    async def scenario() -> None:
        async with office() as (server, application), phone() as caller:
            await caller.dial(port(server))
            await application.client.realtime.calls.hangup((await application.incoming()).data.call_id)
            assert (await caller.until(sip.Refused)).status == 603

    run(scenario)


def test_the_second_decision_comes_too_late() -> None:
    async def scenario() -> None:
        async with office() as (server, application), phone() as caller:
            call_id = await accepted(server, application, caller)
            calls = application.client.realtime.calls
            for again in (calls.accept(call_id, type="realtime"), calls.reject(call_id)):
                with pytest.raises(ConflictError) as error:
                    await again
                assert error.value.code == "decision_already_made"
            caller.hang_up()

    run(scenario)


def test_a_caller_who_has_given_up_is_not_accepted() -> None:
    async def scenario() -> None:
        async with office() as (server, application), phone() as caller:
            await caller.dial(port(server))
            call_id = (await application.incoming()).data.call_id
            caller.cancel()
            assert (await caller.until(sip.Refused)).status == 487
            with pytest.raises(NotFoundError) as error:
                await application.client.realtime.calls.accept(call_id, type="realtime")
            assert error.value.code == "invalid_call_id"

    run(scenario)


def test_what_a_session_may_not_be_is_refused_and_the_call_rings_on() -> None:
    async def scenario() -> None:
        async with office() as (server, application), phone() as caller:
            await caller.dial(port(server))
            call_id = (await application.incoming()).data.call_id
            calls = application.client.realtime.calls
            with pytest.raises(APIStatusError) as error:
                await calls.accept(call_id, type="realtime", audio={"output": {"voice": "nobody"}})
            assert (error.value.status_code, error.value.param) == (400, "audio.output.voice")
            await calls.accept(call_id, type="realtime")
            await caller.answered()
            caller.hang_up()

    run(scenario)


def test_a_rule_takes_calls_without_any_application() -> None:
    async def scenario() -> None:
        rule = Rule(then="accept", called="100", greet=True, session={"instructions": "Greet."})
        async with office(rule) as (server, _), phone() as caller:
            await caller.dial(port(server))
            await caller.answered()
            await caller.heard(200)
            caller.hang_up()

    run(scenario)


def test_a_transfer_that_works_ends_the_call() -> None:
    async def scenario() -> None:
        async with office() as (server, application), phone() as caller:
            caller.endpoint.status = 200
            call_id = await accepted(server, application, caller)
            async with application.client.realtime.connect(call_id=call_id) as connection:
                await application.client.realtime.calls.refer(call_id, target_uri="tel:+14155550123")
                assert await closed(connection) == "The call was transferred."
            assert (await caller.until(sip.Ended)).reason == "bye"

    run(scenario)


def test_a_transfer_that_fails_leaves_the_call_as_it_was() -> None:
    async def scenario() -> None:
        async with office() as (server, application), phone() as caller:
            caller.endpoint.status = 486
            call_id = await accepted(server, application, caller)
            async with application.client.realtime.connect(call_id=call_id) as connection:
                await application.client.realtime.calls.refer(call_id, target_uri="tel:+14155550123")
                await until_transferable(application, call_id)
                await connection.response.create()
                await Caller(connection).until("response.done")
                await application.client.realtime.calls.hangup(call_id)

    run(scenario)


async def until_transferable(application: Application, call_id: str) -> None:
    """The transfer before has come to its end: another one is taken."""
    async with asyncio.timeout(10):
        while True:
            try:
                await application.client.realtime.calls.refer(call_id, target_uri="tel:+14155550124")
            except ConflictError as busy:
                assert busy.code == "transfer_in_progress"  # noqa: PT017  # it may come, or not
            else:
                return


def test_a_call_is_made_and_answered() -> None:
    async def scenario() -> None:
        async with office(outbound=Outbound(allow=("phone@*",))) as (_, application), phone() as callee:
            body = {"uri": callee.uri, "session": {"type": "realtime"}}
            made = await application.client.post("/realtime/calls", cast_to=object, body=body)
            assert isinstance(made, dict)
            async with application.client.realtime.connect(call_id=made["id"]) as connection:
                sideband = Caller(connection)
                await connection.response.create()
                await callee.pick_up()
                await sideband.until("output_audio_buffer.started")
                await callee.heard(100)
                callee.hang_up()
                assert await closed(connection) == "The caller has hung up."

    run(scenario)


def test_a_call_is_made_and_refused() -> None:
    async def scenario() -> None:
        async with office(outbound=Outbound(allow=("phone@*",))) as (_, application), phone() as callee:
            body = {"uri": callee.uri, "session": {"type": "realtime"}}
            made = await application.client.post("/realtime/calls", cast_to=object, body=body)
            assert isinstance(made, dict)
            async with application.client.realtime.connect(call_id=made["id"]) as connection:
                await callee.refuse(486)
                assert (await closed(connection)).startswith("Not answered: 486")

    run(scenario)
