"""A call comes (RFC 3261, 8.2, 13.3): it rings, is answered or refused, cancelled, forgotten."""

from __future__ import annotations

from dataclasses import replace
from typing import Literal

import pytest
from tests.transports.sip.scene import (
    ANSWER,
    OFFER,
    PHONE,
    STRANGER,
    Scene,
    answer,
    invite,
    request,
    requests,
    responses,
    show,
    told,
)

from vivavoce.transports.sip.actions import Confirmed, Ended, Invited, NoSuchCall, Send


def test_it_is_told_with_its_headers_in_order_and_no_password_among_them() -> None:
    scene = Scene()
    more = (("X-Queue", "a, b"), ("Authorization", "Digest x"), ("Proxy-Authorization", "Digest y"), ("x-queue", "c"))
    actions = scene.hear(invite(headers=more))
    assert show(actions) == ["100", "Invited"]
    invited = told(actions, Invited)
    assert [name for name, _ in invited.headers] == [
        *("Via", "From", "To", "Call-ID", "CSeq", "Max-Forwards", "Contact", "X-Queue", "x-queue", "Content-Type")
    ]
    assert [value for name, value in invited.headers if name.lower() == "x-queue"] == ["a, b", "c"]
    assert (invited.offer, invited.from_uri, invited.to_uri) == (OFFER, "sip:ann@192.0.2.9", "sip:bot@192.0.2.1")
    assert (invited.dialog, invited.flow, invited.user) == ("id-1", PHONE, None)


def test_it_rings_is_answered_and_acknowledged() -> None:
    scene = Scene()
    scene.hear(invite(headers=(("Record-Route", "<sip:proxy.example;lr>"),)))
    (ringing,) = responses(scene.agent.ring("id-1", scene.now))
    assert (ringing.status, ringing.to.tag) == (180, "id-1")
    (accepted,) = responses(scene.agent.answer("id-1", ANSWER, scene.now))
    assert (accepted.status, accepted.sdp, accepted.to.tag) == (200, ANSWER, "id-1")
    assert accepted.get("contact") == "<sip:vivavoce@192.0.2.1:5060>"
    assert accepted.every("record-route") == ["<sip:proxy.example;lr>"]
    assert scene.hear(request("ACK", branch="z9hG4bK-ack", to="id-1")) == [Confirmed("id-1", None)]
    assert scene.wait(60) == []
    assert show(scene.within("BYE")) == ["200", "Ended"]
    scene.wait(40)
    assert len(scene.agent) == 0


@pytest.mark.parametrize(
    ("transport", "contact"),
    [("tcp", "<sip:vivavoce@192.0.2.1:5060;transport=tcp>"), ("tls", "<sip:vivavoce@192.0.2.1:5060;transport=tls>")],
)
def test_the_contact_names_the_transport_on_which_the_peer_is_to_come_back(
    transport: Literal["tcp", "tls"], contact: str
) -> None:
    scene, flow = Scene(), replace(PHONE, transport=transport)
    scene.called(flow=flow)
    (accepted,) = responses(scene.agent.answer("id-1", ANSWER, scene.now))
    assert accepted.get("contact") == contact


def test_a_secure_call_stays_secure() -> None:
    scene = Scene()
    scene.hear(invite(uri="sips:bot@192.0.2.1"))
    (accepted,) = responses(scene.agent.answer("id-1", ANSWER, scene.now))
    assert accepted.get("contact") == "<sips:vivavoce@192.0.2.1:5060>"


def test_without_an_offer_this_side_makes_it_and_the_ack_answers() -> None:
    scene = Scene()
    assert told(scene.hear(invite(sdp=None)), Invited).offer is None
    scene.agent.answer("id-1", OFFER, scene.now)
    ack = request("ACK", branch="z9hG4bK-ack", to="id-1", sdp=ANSWER)
    assert scene.hear(ack) == [Confirmed("id-1", ANSWER)]
    assert scene.hear(ack) == []


def test_an_offer_that_nobody_answers_ends_the_call() -> None:
    scene = Scene()
    scene.hear(invite(sdp=None))
    scene.agent.answer("id-1", OFFER, scene.now)
    actions = scene.hear(request("ACK", branch="z9hG4bK-ack", to="id-1"))
    assert show(actions) == ["Ended", "BYE"]
    assert told(actions, Ended).reason == "no SDP"


def test_it_is_answered_over_and_over_until_somebody_hears() -> None:
    scene = Scene()
    scene.called()
    scene.agent.answer("id-1", ANSWER, scene.now)
    actions = scene.wait(33)
    # 0.5, 1, 2, 4 seconds, then every four
    assert show(actions)[:12] == [*["200"] * 10, "Ended", "BYE"]
    assert told(actions, Ended).reason == "no ACK"
    scene.hear(request("ACK", branch="z9hG4bK-late", to="id-1"))
    scene.wait(70)
    assert len(scene.agent) == 0


def test_a_copy_of_the_invite_gets_the_last_answer_again_and_is_no_second_call() -> None:
    scene = Scene()
    scene.hear(invite())
    assert show(scene.hear(invite())) == ["100"]
    scene.agent.ring("id-1", scene.now)
    assert show(scene.hear(invite())) == ["180"]
    scene.agent.answer("id-1", ANSWER, scene.now)
    assert show(scene.hear(invite())) == ["200"]
    scene.hear(request("ACK", branch="z9hG4bK-ack", to="id-1"))
    assert scene.hear(invite()) == []


def test_the_same_invite_by_another_way_is_merged() -> None:
    scene = Scene()
    scene.hear(invite())
    assert show(scene.hear(invite(branch="z9hG4bK-other-way"))) == ["482"]


@pytest.mark.parametrize("status", [486, 603, 488, 302])
def test_it_is_refused_until_that_is_acknowledged(status: int) -> None:
    scene = Scene()
    scene.called()
    more = (("Contact", "<sip:elsewhere@example.com>"),)
    (refused,) = responses(scene.agent.reject("id-1", status, scene.now, "Not now", more))
    assert (refused.status, refused.reason, refused.get("contact")) == (status, "Not now", more[0][1])
    assert show(scene.wait(1.6)) == [str(status)] * 2
    assert scene.hear(request("ACK", to="id-1")) == []
    assert scene.hear(request("ACK", to="id-1")) == []
    assert scene.hear(invite()) == []
    assert scene.wait(60) == []
    assert len(scene.agent) == 0


def test_a_refusal_that_nobody_acknowledges_is_forgotten() -> None:
    scene = Scene()
    scene.called()
    scene.agent.reject("id-1", 486, scene.now)
    assert set(show(scene.wait(60))) == {"486"}
    assert len(scene.agent) == 0


@pytest.mark.parametrize(("status", "reason"), [(200, ""), (700, ""), (486, "Busy\r\nX: y")])
def test_what_is_no_refusal_is_a_mistake_of_the_caller(status: int, reason: str) -> None:
    scene = Scene()
    scene.called()
    with pytest.raises(ValueError, match="cannot be refused"):
        scene.agent.reject("id-1", status, scene.now, reason)


def test_it_is_cancelled() -> None:
    scene = Scene()
    scene.called()
    actions = scene.hear(request("CANCEL"))
    assert show(actions) == ["200", "487", "Cancelled"]
    assert scene.hear(request("ACK", to="id-1")) == []
    with pytest.raises(NoSuchCall):
        scene.agent.answer("id-1", ANSWER, scene.now)
    scene.wait(40)
    assert len(scene.agent) == 0


def test_a_cancel_that_comes_after_the_answer_changes_nothing() -> None:
    scene = Scene()
    scene.called()
    scene.agent.answer("id-1", ANSWER, scene.now)
    assert show(scene.hear(request("CANCEL"))) == ["200"]
    assert scene.hear(request("ACK", branch="z9hG4bK-ack", to="id-1")) == [Confirmed("id-1", None)]


def test_a_cancel_of_a_stranger_or_of_nothing_is_refused() -> None:
    scene = Scene()
    scene.called()
    assert show(scene.hear(request("CANCEL"), STRANGER)) == ["481"]
    assert show(scene.hear(request("CANCEL", branch="z9hG4bK-nothing"))) == ["481"]
    assert show(scene.agent.answer("id-1", ANSWER, scene.now)) == ["200"]


def test_the_caller_may_hang_up_while_it_rings() -> None:
    scene = Scene()
    scene.called()
    assert show(scene.within("BYE")) == ["200", "487", "Cancelled"]


def test_while_it_rings_little_else_is_possible() -> None:
    scene = Scene()
    scene.called()
    assert show(scene.within("OPTIONS", 2)) == ["200"]
    assert show(scene.within("INFO", 3)) == ["200"]
    (late,) = responses(scene.within("UPDATE", 4, sdp=OFFER))
    assert (late.status, late.get("retry-after")) == (500, "2")
    assert show(scene.within("NOTIFY", 5)) == ["481"]
    assert show(scene.within("INFO", 5, branch="z9hG4bK-old")) == ["500"]
    assert scene.within("ACK", 1) == []


def test_it_is_reminded_of_and_given_up_when_its_time_is_over() -> None:
    scene = Scene()
    scene.called(headers=(("Expires", "150"),))
    scene.agent.ring("id-1", scene.now)
    assert show(scene.wait(149)) == ["180", "180"]
    assert show(scene.wait(1))[:2] == ["487", "Cancelled"]


def test_hanging_up_waits_until_the_caller_knows_that_it_was_answered() -> None:
    scene = Scene()
    scene.called()
    scene.agent.answer("id-1", ANSWER, scene.now)
    assert scene.agent.bye("id-1", scene.now) == []
    with pytest.raises(NoSuchCall):
        scene.agent.bye("id-1", scene.now)
    assert show(scene.hear(request("ACK", branch="z9hG4bK-ack", to="id-1"))) == ["BYE"]


def test_hanging_up_on_a_caller_that_never_hears_of_the_answer() -> None:
    scene = Scene()
    scene.called()
    scene.agent.answer("id-1", ANSWER, scene.now)
    scene.agent.bye("id-1", scene.now)
    actions = scene.wait(32)
    assert show(actions)[-1] == "BYE"
    assert not [each for each in actions if not isinstance(each, Send)]
    scene.wait(70)
    assert len(scene.agent) == 0


def test_the_caller_hangs_up_without_an_ack() -> None:
    scene = Scene()
    scene.called()
    scene.agent.answer("id-1", ANSWER, scene.now)
    assert show(scene.within("BYE")) == ["200", "Ended"]
    assert scene.wait(60) == []


def test_this_side_hangs_up_and_nothing_more_is_told() -> None:
    scene = Scene()
    scene.talking()
    actions = scene.agent.bye("id-1", scene.now)
    (bye,) = requests(actions)
    assert (bye.method, bye.uri) == ("BYE", "sip:ann@192.0.2.9:5060")
    assert (bye.from_.tag, bye.to.tag, bye.call_id) == ("id-1", "phone", "call-1")
    assert show(scene.within("INFO")) == ["481"]
    assert show(scene.within("BYE", 3)) == ["200"]
    assert scene.hear(answer(bye, 100)) == []
    scene.wait(40)
    assert len(scene.agent) == 0


def test_a_bye_that_nobody_answers_is_sent_eleven_times_and_forgotten() -> None:
    scene = Scene()
    scene.talking()
    actions = scene.agent.bye("id-1", scene.now) + scene.wait(60)
    assert show(actions) == ["BYE"] * 11
    assert len(scene.agent) == 0


def test_the_next_hop_is_the_first_route_and_the_target_stays_the_address() -> None:
    scene = Scene()
    routes = (("Record-Route", "<sip:192.0.2.50;lr>, <sip:192.0.2.51:5070;lr>"),)
    scene.talking(headers=routes)
    (action,) = scene.agent.bye("id-1", scene.now)
    assert isinstance(action, Send)
    (bye,) = requests([action])
    assert bye.uri == "sip:ann@192.0.2.9:5060"
    assert bye.every("route") == ["<sip:192.0.2.50;lr>", "<sip:192.0.2.51:5070;lr>"]
    assert action.flow.remote == ("192.0.2.50", 5060)


def test_a_strict_router_gets_its_own_address_as_the_request_uri() -> None:
    scene = Scene()
    scene.talking(headers=(("Record-Route", "<sip:192.0.2.50>, <sip:192.0.2.51;lr>"),))
    (bye,) = requests(scene.agent.bye("id-1", scene.now))
    assert bye.uri == "sip:192.0.2.50"
    assert bye.every("route") == ["<sip:192.0.2.51;lr>", "<sip:ann@192.0.2.9:5060>"]


def test_a_phone_behind_a_nat_is_reached_where_its_packets_come_from() -> None:
    scene, flow = Scene(), replace(PHONE, remote=("198.51.100.7", 33000))
    scene.talking(flow=flow)
    (action,) = scene.agent.bye("id-1", scene.now)
    assert isinstance(action, Send)
    assert action.flow == flow


def test_a_name_as_the_next_hop_is_where_its_packets_come_from() -> None:
    scene = Scene()
    scene.talking(headers=(("Record-Route", "<sip:proxy.example;lr>"),))
    (action,) = scene.agent.bye("id-1", scene.now)
    assert isinstance(action, Send)
    assert action.flow == PHONE


def test_on_a_connection_a_refusal_is_sent_once() -> None:
    scene, flow = Scene(), replace(PHONE, transport="tcp")
    scene.called(flow=flow)
    scene.agent.reject("id-1", 486, scene.now)
    assert scene.wait(20) == []
    assert scene.hear(request("ACK", to="id-1"), flow) == []
    scene.wait(0)
    assert len(scene.agent) == 0
