"""The stock `openai` SDK takes telephone calls: its webhook, and everything that it can do with a call."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from openai import APIStatusError, ConflictError, NotFoundError
from tests.clients.application import Application, closed, office, port
from tests.clients.sdk import Caller
from tests.live import Live, spoken
from tests.patience import PATIENCE_S, run
from tests.transports.sip.phone import Phone, phone

from vivavoce.config.phone import Outbound, Rule
from vivavoce.transports.sip import actions as sip


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
    async with asyncio.timeout(PATIENCE_S):
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
