"""Calls that this server makes: on whose word, and what becomes of them."""

from __future__ import annotations

import asyncio

import pytest
from tests.runtime.hosting import SETTINGS
from tests.transports.sip.exchange import PROJECT, Exchange, exchange, settled

from vivavoce.protocol.errors import ProtocolError
from vivavoce.testing.clock import run_virtual
from vivavoce.testing.connection import MemoryConnection
from vivavoce.testing.fakes import ScriptedResponder, answers
from vivavoce.transports.sip import actions as sip
from vivavoce.transports.sip.roster import CallError
from vivavoce.transports.sip.telephone import Policy

BOB = "sip:bob@trunk.example"
MAY = Policy(may_call=("*@trunk.example",))


async def dialled(calls: Exchange) -> tuple[str, MemoryConnection]:
    """A call on its way, and a client that has joined it."""
    call_id = await calls.desk.dial(None, BOB, SETTINGS, (("X-Order", "7"),))
    client = MemoryConnection()
    asyncio.get_running_loop().create_task(calls.session(call_id).join(client))
    await client.expect("session.created")
    return call_id, client


def test_it_can_be_joined_while_it_rings_and_talks_once_it_is_answered() -> None:
    async def main() -> None:
        responder = ScriptedResponder(answers("Hello.", 500))
        async with exchange(MAY, responder=responder) as calls:
            _, client = await dialled(calls)
            assert calls.switch.told == [f"invite {BOB} offer X-Order: 7"]
            client.say("response.create")
            await client.expect("response.done")
            assert calls.media.told == []
            await calls.news(sip.Progress("out", 180))
            await calls.news(sip.Answered("out", "their answer"))
            assert calls.media.told == ["accept their answer", "start"]
            await calls.news(sip.Ended("out", "bye"))
            assert client.closed == (1000, "The caller has hung up.")
            assert calls.empty

    run_virtual(main())


def test_who_joined_learns_why_nobody_answered() -> None:
    async def main() -> None:
        async with exchange(MAY) as calls:
            _, client = await dialled(calls)
            await calls.news(sip.Refused("out", 486, "Busy Here"))
            assert client.closed == (1000, "Not answered: 486 Busy Here")
            assert calls.empty

    run_virtual(main())


def test_a_reason_longer_than_a_close_can_carry_is_cut() -> None:
    async def main() -> None:
        async with exchange(MAY) as calls:
            _, client = await dialled(calls)
            await calls.news(sip.Refused("out", 486, "ü" * 200))
            assert client.closed is not None
            assert len(client.closed[1].encode()) <= 123

    run_virtual(main())


def test_hanging_up_cancels_it() -> None:
    async def main() -> None:
        async with exchange(MAY) as calls:
            call_id, _ = await dialled(calls)
            assert calls.desk.hang_up(call_id, None)
            await settled()
            assert calls.switch.told[-1] == "cancel out"
            assert calls.empty

    run_virtual(main())


def test_an_answer_that_is_no_good_ends_it() -> None:
    async def main() -> None:
        async with exchange(MAY) as calls:
            _, client = await dialled(calls)
            await calls.news(sip.Answered("out", "bad"))
            assert calls.switch.told[-1] == "bye out"
            assert client.closed == (1000, "No media was agreed on.")
            assert calls.empty

    run_virtual(main())


@pytest.mark.parametrize(("policy", "uri"), [(Policy(), BOB), (MAY, "sip:bob@elsewhere.example")])
def test_only_who_is_allowed_is_called(policy: Policy, uri: str) -> None:
    async def main() -> None:
        async with exchange(policy) as calls:
            with pytest.raises(CallError) as error:
                await calls.desk.dial(PROJECT, uri, SETTINGS, ())
            assert (error.value.status, error.value.code, error.value.param) == (403, "call_not_allowed", "uri")
            assert calls.switch.told == []

    run_virtual(main())


def test_what_keeps_a_call_from_being_made() -> None:
    async def main() -> None:
        async with exchange(MAY) as calls:
            with pytest.raises(ProtocolError, match="no address"):
                await calls.desk.dial(None, "sip:a,b@trunk.example", SETTINGS, ())
            assert calls.media.told == ["close"]
            calls.studio.other_family = True
            with pytest.raises(CallError, match="IPv4"):
                await calls.desk.dial(None, BOB, SETTINGS, ())
            calls.studio.other_family = False
            calls.switch.down = True
            with pytest.raises(CallError, match="unreachable"):
                await calls.desk.dial(None, BOB, SETTINGS, ())
            calls.switch.down = False
            calls.studio.full = True
            with pytest.raises(CallError, match="No port"):
                await calls.desk.dial(None, BOB, SETTINGS, ())
            calls.host.room = 0
            with pytest.raises(ProtocolError, match="taken"):
                await calls.desk.dial(None, BOB, SETTINGS, ())
            assert calls.switch.told == []
            assert calls.empty

    run_virtual(main())
