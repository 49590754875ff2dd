"""A call that rings: who decides about it, and what comes of each decision."""

from __future__ import annotations

import asyncio

import msgspec
import pytest
from msgspec.structs import replace
from tests.runtime.hosting import SETTINGS
from tests.transports.sip.exchange import HEADERS, PROJECT, Exchange, Taker, exchange, settled

from vivavoce.protocol.errors import ProtocolError
from vivavoce.testing.clock import run_virtual
from vivavoce.testing.connection import MemoryConnection
from vivavoce.testing.fakes import ScriptedResponder, answers
from vivavoce.transports.sip import actions as sip
from vivavoce.transports.sip.roster import CallError
from vivavoce.transports.sip.rules import Rule
from vivavoce.transports.sip.telephone import Policy

ACCEPT = Policy(rules=(Rule("accept"),))


def refused(error: pytest.ExceptionInfo[CallError]) -> tuple[int, str]:
    return error.value.status, error.value.code


# --- who is asked ---


def test_a_call_that_nobody_waits_for_is_not_available() -> None:
    async def main() -> None:
        async with exchange() as calls:
            await calls.invited()
            assert calls.switch.told == ["ring in", "reject in 480"]
            assert calls.empty

    run_virtual(main())


def test_a_rule_accepts_with_its_session() -> None:
    async def main() -> None:
        session = replace(SETTINGS, instructions="Take orders.")
        policy = Policy(rules=(Rule("reject", called="200"), Rule("accept", called="100", session=session)))
        async with exchange(policy) as calls:
            await calls.invited()
            assert calls.switch.told == ["ring in", "answer in answer to sdp"]
            assert calls.host.brought == [session]
            assert calls.media.told == ["start"]

    run_virtual(main())


def test_a_rule_that_greets_begins_with_an_answer() -> None:
    async def main() -> None:
        responder = ScriptedResponder(answers("Hello.", 500))
        async with exchange(Policy(rules=(Rule("accept", greet=True),)), responder=responder) as calls:
            await calls.invited()
            assert calls.media.line.queued
            assert calls.switch.told[-1].startswith("answer")

    run_virtual(main())


def test_a_rule_rejects_with_its_status() -> None:
    async def main() -> None:
        async with exchange(Policy(rules=(Rule("reject", status=486),)), Taker()) as calls:
            await calls.invited()
            assert calls.switch.told == ["ring in", "reject in 486"]
            assert calls.empty

    run_virtual(main())


def test_an_application_is_told_what_it_needs_and_answers() -> None:
    async def main() -> None:
        hook = Taker()
        async with exchange(Policy(rules=(Rule("webhook"),)), hook) as calls:
            await calls.invited(offer="secure")
            body = msgspec.json.decode(hook.bodies[0])
            assert (body["object"], body["type"]) == ("event", "realtime.call.incoming")
            assert body["id"].startswith("evt_")
            assert body["data"]["call_id"].startswith("rtc_")
            assert body["data"]["sip_headers"] == [{"name": name, "value": value} for name, value in HEADERS]
            assert body["data"]["sip_media_security"] == "srtp"
            await calls.desk.accept(hook.call_id, None, SETTINGS)
            assert calls.switch.told == ["ring in", "answer in answer to secure"]

    run_virtual(main())


def test_a_call_belongs_to_the_project_that_is_called_or_that_the_rule_names() -> None:
    async def main() -> None:
        rules = (Rule("webhook", called="300", project=PROJECT),)
        hook = Taker()
        async with exchange(Policy(rules, frozenset({PROJECT})), hook, project=PROJECT) as calls:
            await calls.invited("one", called=f"sip:{PROJECT}@example.com")
            await calls.invited("two", called="sip:300@example.com")
            await calls.invited("three")
            assert len(hook.bodies) == 2
            assert calls.switch.told[-1] == "reject three 480"
            with pytest.raises(CallError) as error:
                await calls.desk.accept(hook.call_id, None, SETTINGS)
            assert refused(error) == (404, "invalid_call_id")
            await calls.desk.accept(hook.call_id, PROJECT, SETTINGS)
            assert calls.switch.told[-1] == "answer two answer to sdp"

    run_virtual(main())


def test_a_call_about_which_nobody_decides_is_not_available() -> None:
    async def main() -> None:
        hook = Taker()
        async with exchange(Policy(answer_within_s=20.0), hook) as calls:
            await calls.invited()
            await asyncio.sleep(19.9)
            assert calls.switch.told == ["ring in"]
            await asyncio.sleep(0.2)
            assert calls.switch.told[-1] == "reject in 480"
            assert calls.empty
            with pytest.raises(CallError) as error:
                await calls.desk.accept(hook.call_id, None, SETTINGS)
            assert refused(error) == (404, "invalid_call_id")

    run_virtual(main())


def test_what_cannot_be_served_bothers_nobody() -> None:
    async def main() -> None:
        hook = Taker()
        async with exchange(None, hook) as calls:
            await calls.invited("codec", offer="bad")
            calls.host.room = 0
            await calls.invited("full")
            assert calls.switch.told == ["reject codec 488", "reject full 503 Retry-After: 30"]
            assert hook.bodies == []
            assert calls.empty

    run_virtual(main())


# --- what is decided ---


@pytest.mark.parametrize("status", [486, 603])
def test_an_application_rejects(status: int) -> None:
    async def main() -> None:
        hook = Taker()
        async with exchange(None, hook) as calls:
            await calls.invited()
            calls.desk.reject(hook.call_id, None, status)
            await settled()
            assert calls.switch.told[-1] == f"reject in {status}"
            assert calls.empty

    run_virtual(main())


def test_the_second_decision_comes_too_late() -> None:
    async def main() -> None:
        hook = Taker()
        async with exchange(None, hook) as calls:
            await calls.invited()
            calls.studio.door.clear()
            first = asyncio.create_task(calls.desk.accept(hook.call_id, None, SETTINGS))
            await settled()
            for _ in range(2):
                with pytest.raises(CallError) as error:
                    await calls.desk.accept(hook.call_id, None, SETTINGS)
                assert refused(error) == (409, "decision_already_made")
                with pytest.raises(CallError) as error:
                    calls.desk.reject(hook.call_id, None, 603)
                assert refused(error) == (409, "decision_already_made")
                with pytest.raises(CallError) as error:
                    calls.desk.check(hook.call_id, None)
                assert refused(error) == (409, "decision_already_made")
                calls.studio.door.set()
                await first
            assert calls.switch.told == ["ring in", "answer in answer to sdp"]

    run_virtual(main())


def test_a_caller_who_gives_up_cannot_be_accepted_any_more() -> None:
    async def main() -> None:
        hook = Taker()
        async with exchange(None, hook) as calls:
            await calls.invited()
            await calls.news(sip.Cancelled("in"))
            assert calls.empty
            with pytest.raises(CallError) as error:
                await calls.desk.accept(hook.call_id, None, SETTINGS)
            assert refused(error) == (404, "invalid_call_id")
            assert calls.switch.told == ["ring in"]

    run_virtual(main())


def test_a_caller_who_gives_up_while_the_call_is_put_through() -> None:
    async def main() -> None:
        hook = Taker()
        async with exchange(None, hook) as calls:
            await calls.invited()
            calls.studio.door.clear()
            accepting = asyncio.create_task(calls.desk.accept(hook.call_id, None, SETTINGS))
            await settled()
            await calls.news(sip.Cancelled("in"))
            calls.studio.door.set()
            with pytest.raises(CallError) as error:
                await accepting
            assert refused(error) == (404, "invalid_call_id")
            await settled()
            assert calls.empty

    run_virtual(main())


def test_a_caller_who_gives_up_in_the_last_moment() -> None:
    async def main() -> None:
        hook = Taker()
        async with exchange(None, hook) as calls:
            await calls.invited()
            calls.switch.gone.add("in")  # it is on its way here
            with pytest.raises(CallError) as error:
                await calls.desk.accept(hook.call_id, None, SETTINGS)
            assert refused(error) == (404, "invalid_call_id")
            await settled()
            assert calls.empty

    run_virtual(main())


def test_an_offer_that_turns_out_worse_is_refused_on_both_sides() -> None:
    async def main() -> None:
        hook = Taker()
        async with exchange(None, hook) as calls:
            await calls.invited(offer="worse")
            with pytest.raises(CallError) as error:
                await calls.desk.accept(hook.call_id, None, SETTINGS)
            assert refused(error) == (400, "invalid_offer")
            await settled()
            assert calls.switch.told[-1] == "reject in 488"
            assert calls.empty

    run_virtual(main())


def test_without_a_free_port_there_is_no_call() -> None:
    async def main() -> None:
        hook = Taker()
        async with exchange(None, hook) as calls:
            calls.studio.full = True
            await calls.invited()
            with pytest.raises(CallError) as error:
                await calls.desk.accept(hook.call_id, None, SETTINGS)
            assert refused(error) == (503, "call_failed")
            await settled()
            assert calls.switch.told[-1] == "reject in 503"
            assert calls.empty

    run_virtual(main())


def test_a_full_server_lets_the_call_ring_on() -> None:
    async def main() -> None:
        hook = Taker()
        async with exchange(None, hook) as calls:
            await calls.invited()
            calls.host.room = 0
            with pytest.raises(ProtocolError, match="taken"):
                await calls.desk.accept(hook.call_id, None, SETTINGS)
            assert calls.switch.told == ["ring in"]
            calls.host.room = 1
            await calls.desk.accept(hook.call_id, None, SETTINGS)

    run_virtual(main())


def test_two_rules_may_not_share_the_last_room() -> None:
    async def main() -> None:
        async with exchange(ACCEPT) as calls:
            calls.host.room = 1
            calls.studio.door.clear()
            await calls.invited("one")
            await calls.invited("two")
            calls.studio.door.set()
            await settled()
            assert calls.switch.told == ["ring one", "ring two", "answer one answer to sdp", "reject two 480"]
            assert len(calls.host.sessions) == 1

    run_virtual(main())


def test_a_call_without_an_offer_is_answered_with_one() -> None:
    async def main() -> None:
        async with exchange(ACCEPT) as calls:
            await calls.invited(offer=None)
            assert calls.switch.told == ["ring in", "answer in offer"]
            assert calls.media.told == []
            await calls.news(sip.Confirmed("in", "their answer"))
            assert calls.media.told == ["accept their answer", "start"]

    run_virtual(main())


def test_a_call_whose_answer_is_no_good_ends() -> None:
    async def main() -> None:
        async with exchange(ACCEPT) as calls:
            await calls.invited(offer=None)
            await calls.news(sip.Confirmed("in", "bad"))
            assert calls.switch.told[-1] == "bye in"
            assert calls.empty

    run_virtual(main())


# --- a call that was answered ---


async def talking(calls: Exchange) -> tuple[str, MemoryConnection]:
    """A call, and a client that has joined it."""
    await calls.invited()
    (call_id,) = calls.host.sessions
    client = MemoryConnection()
    asyncio.get_running_loop().create_task(calls.session(call_id).join(client))
    await client.expect("session.created")
    return call_id, client


@pytest.mark.parametrize(
    ("reason", "why"),
    [("bye", "The caller has hung up."), ("no ACK", "The call broke off: no ACK.")],
)
def test_the_phone_ends_it_and_who_joined_learns_why(reason: str, why: str) -> None:
    async def main() -> None:
        async with exchange(ACCEPT) as calls:
            _, client = await talking(calls)
            ended = msgspec.convert({"dialog": "in", "reason": reason}, sip.Ended)
            await calls.news(ended)
            assert client.closed == (1000, why)
            assert calls.switch.told[-1].startswith("answer")
            assert calls.empty

    run_virtual(main())


def test_a_phone_that_vanishes_is_hung_up_on() -> None:
    async def main() -> None:
        async with exchange(ACCEPT) as calls:
            _, client = await talking(calls)
            calls.media.gone.set()
            await settled()
            assert client.closed == (1000, "Nothing came from the caller any more.")
            assert calls.switch.told[-1] == "bye in"
            assert calls.empty

    run_virtual(main())


def test_the_session_s_end_ends_the_call() -> None:
    async def main() -> None:
        async with exchange(ACCEPT) as calls:
            _, client = await talking(calls)
            await asyncio.sleep(3601)
            assert client.closed == (1000, "session_expired")
            assert calls.switch.told[-1] == "bye in"
            assert calls.empty

    run_virtual(main(), limit=7200)


def test_hanging_up() -> None:
    async def main() -> None:
        hook = Taker()
        async with exchange(Policy((Rule("accept", called="100"),)), hook) as calls:
            call_id, _ = await talking(calls)
            assert not calls.desk.hang_up(call_id, PROJECT)
            assert calls.desk.hang_up(call_id, None)
            await settled()
            assert calls.switch.told[-1] == "bye in"
            assert not calls.desk.hang_up(call_id, None)
            await calls.invited("ringing", called="sip:200@example.com")
            assert calls.desk.hang_up(hook.call_id, None)
            assert calls.switch.told[-1] == "reject ringing 603"
            await settled()
            assert calls.empty

    run_virtual(main())


def test_hold_and_resume_and_offers_that_are_no_good() -> None:
    async def main() -> None:
        async with exchange(ACCEPT) as calls:
            await calls.invited()
            await calls.news(sip.Offered("in", "hold"))
            await calls.news(sip.Offered("in", "bad"))
            await calls.news(sip.Offered("in", None))
            assert calls.switch.told[2:] == [
                "answer_offer in answer to hold",
                "refuse_offer in 488",
                "answer_offer in offer",
            ]
            await calls.news(sip.Confirmed("in", "new answer"))
            assert calls.media.told == ["start", "accept new answer", "start"]
            await calls.news(sip.Confirmed("in", None))
            assert len(calls.host.sessions) == 1

    run_virtual(main())


def test_news_of_calls_that_are_over_is_of_no_interest() -> None:
    async def main() -> None:
        async with exchange(ACCEPT) as calls:
            await calls.invited()
            await calls.news(sip.Ended("in", "bye"))
            for news in (sip.Offered("in", "hold"), sip.Confirmed("in", "sdp"), sip.Transfer("in", 200, True)):
                await calls.news(news)
            assert calls.empty

    run_virtual(main())


def test_registrations_are_logged(caplog: pytest.LogCaptureFixture) -> None:
    async def main() -> None:
        async with exchange() as calls:
            await calls.news(sip.Registered("trunk", 1000.0))
            await calls.news(sip.RegistrationFailed("trunk", 403, 1000.0))
            await calls.news(sip.Unregistered("trunk"))

    with caplog.at_level("INFO"):
        run_virtual(main())
    assert "registered as trunk" in caplog.text
    assert "registration of trunk failed with 403" in caplog.text
    assert "no longer registered as trunk" in caplog.text


def test_a_server_that_stops_takes_leave_of_every_call() -> None:
    async def main() -> None:
        async with exchange(Policy((Rule("accept", called="100"),)), Taker()) as calls:
            await calls.invited("talks")
            await calls.invited("rings", called="sip:200@example.com")
        assert calls.switch.told[-2:] == ["bye talks", "reject rings 503"]

    run_virtual(main())


def test_what_hangs_when_the_server_stops_is_cut_off() -> None:
    async def main() -> None:
        async with exchange(ACCEPT) as calls:
            calls.studio.door.clear()
            await calls.invited()
        assert calls.switch.told == ["ring in", "reject in 480"]

    run_virtual(main())


def test_a_bug_in_one_call_is_logged_and_harms_no_other(caplog: pytest.LogCaptureFixture) -> None:
    async def main() -> None:
        async with exchange(ACCEPT) as calls:
            with caplog.at_level("ERROR"):
                await calls.invited("one", offer="bug")
            await calls.invited("two")
            assert len(calls.host.sessions) == 1

    run_virtual(main())
    assert "a telephone call failed" in caplog.text
    assert "RuntimeError: a bug" in caplog.text


def test_a_bug_at_the_end_of_a_call_leaves_nothing_of_it(caplog: pytest.LogCaptureFixture) -> None:
    async def main() -> None:
        async with exchange(ACCEPT) as calls:
            _, client = await talking(calls)
            calls.switch.broken = True
            with caplog.at_level("ERROR"):
                calls.media.gone.set()
                await settled()
            assert client.closed == (1000, "Nothing came from the caller any more.")
            assert calls.empty

    run_virtual(main())
    assert "RuntimeError: a bug" in caplog.text


# --- transfer ---


def test_a_transfer_that_works_ends_the_call() -> None:
    async def main() -> None:
        async with exchange(ACCEPT) as calls:
            call_id, client = await talking(calls)
            calls.desk.refer(call_id, None, "tel:+4930999")
            assert calls.switch.told[-1] == "refer in tel:+4930999"
            await calls.news(sip.Transfer("in", 180, False))
            assert len(calls.host.sessions) == 1
            await calls.news(sip.Transfer("in", 200, True))
            assert calls.switch.told[-1] == "bye in"
            assert client.closed == (1000, "The call was transferred.")
            assert calls.empty

    run_virtual(main())


def test_after_a_transfer_that_fails_the_call_goes_on_and_another_can_be_tried() -> None:
    async def main() -> None:
        async with exchange(ACCEPT) as calls:
            call_id, _ = await talking(calls)
            calls.desk.refer(call_id, None, "tel:+4930999")
            with pytest.raises(CallError) as error:
                calls.desk.refer(call_id, None, "tel:+4930998")
            assert refused(error) == (409, "transfer_in_progress")
            await calls.news(sip.Transfer("in", 486, True))
            assert len(calls.host.sessions) == 1
            calls.desk.refer(call_id, None, "tel:+4930998")
            assert calls.switch.told[-1] == "refer in tel:+4930998"

    run_virtual(main())


def test_what_cannot_be_transferred() -> None:
    async def main() -> None:
        hook = Taker()
        async with exchange(None, hook) as calls:
            await calls.invited()
            with pytest.raises(CallError) as error:
                calls.desk.refer(hook.call_id, None, "tel:+4930999")
            assert refused(error) == (409, "call_not_answered")
            await calls.desk.accept(hook.call_id, None, SETTINGS)
            calls.switch.gone.add("in")
            for call_id in (hook.call_id, "rtc_unknown"):
                with pytest.raises(CallError) as error:
                    calls.desk.refer(call_id, None, "tel:+4930999")
                assert refused(error) == (404, "invalid_call_id")

    run_virtual(main())
