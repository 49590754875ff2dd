"""New media within a call (RFC 3261, 14; RFC 3311): hold, resume, a moved phone; and offers that cross."""

from __future__ import annotations

from dataclasses import replace
from ipaddress import ip_network

import pytest
from tests.transports.sip.scene import (
    ANSWER,
    OFFER,
    OTHER,
    PHONE,
    STRANGER,
    Scene,
    answer,
    request,
    requests,
    responses,
    show,
    told,
)

from vivavoce.transports.sip.actions import Confirmed, Ended, Offered, Send


def talking(**options: object) -> Scene:
    scene = Scene(**options)
    scene.talking()
    return scene


def test_a_reinvite_is_answered_and_acknowledged() -> None:
    scene = talking()
    assert scene.within("INVITE", sdp=OTHER) == [Offered("id-1", OTHER)]
    assert scene.within("INVITE", sdp=OTHER) == []
    (accepted,) = responses(scene.agent.answer_offer("id-1", ANSWER, scene.now))
    assert (accepted.status, accepted.sdp, accepted.to.tag) == (200, ANSWER, "id-1")
    assert accepted.get("contact") is not None
    assert show(scene.wait(0.6)) == ["200"]
    assert scene.within("ACK", 2) == []
    assert scene.wait(60) == []


def test_a_reinvite_is_refused_and_the_call_goes_on() -> None:
    scene = talking()
    scene.within("INVITE", sdp=OTHER)
    assert show(scene.agent.refuse_offer("id-1", 488, scene.now)) == ["488"]
    scene.hear(request("ACK", to="id-1", branch="z9hG4bK-INVITE-2", number=2))
    assert show(scene.within("BYE", 3)) == ["200", "Ended"]


def test_an_acknowledgement_that_is_missing_ends_the_call() -> None:
    scene = talking()
    scene.within("INVITE", sdp=OTHER)
    scene.agent.answer_offer("id-1", ANSWER, scene.now)
    assert told(scene.wait(40), Ended).reason == "no ACK"


def test_a_reinvite_without_an_offer_gets_one_and_the_ack_answers() -> None:
    scene = talking()
    assert scene.within("INVITE") == [Offered("id-1", None)]
    scene.agent.answer_offer("id-1", OFFER, scene.now)
    assert scene.within("ACK", 2, sdp=OTHER) == [Confirmed("id-1", OTHER)]


def test_an_update_is_answered_and_wants_no_ack() -> None:
    scene = talking()
    assert scene.within("UPDATE", sdp=OTHER) == [Offered("id-1", OTHER)]
    (accepted,) = responses(scene.agent.answer_offer("id-1", ANSWER, scene.now))
    assert (accepted.status, accepted.sdp) == (200, ANSWER)
    assert scene.wait(60) == []


def test_an_update_without_an_offer_only_refreshes() -> None:
    scene = talking()
    (accepted,) = responses(scene.within("UPDATE", headers=(("Contact", "<sip:ann@192.0.2.10>"),)))
    assert (accepted.status, accepted.sdp) == (200, None)
    (bye,) = requests(scene.agent.bye("id-1", scene.now))
    assert bye.uri == "sip:ann@192.0.2.10"


def test_one_offer_at_a_time() -> None:
    scene = talking()
    scene.within("INVITE", sdp=OTHER)
    (refused,) = responses(scene.within("UPDATE", 3, sdp=OTHER))
    assert (refused.status, refused.get("retry-after")) == (500, "2")


def test_a_reinvite_is_cancelled() -> None:
    scene = talking()
    scene.within("INVITE", sdp=OTHER)
    assert show(scene.within("CANCEL", 2, branch="z9hG4bK-INVITE-2")) == ["200", "487"]
    assert scene.agent.answer_offer("id-1", ANSWER, scene.now) == []
    assert scene.agent.refuse_offer("id-1", 488, scene.now) == []
    assert scene.within("INVITE", 3, sdp=OTHER) == [Offered("id-1", OTHER)]
    assert show(scene.within("CANCEL", 2, branch="z9hG4bK-INVITE-2")) == ["200"]
    assert show(scene.agent.answer_offer("id-1", ANSWER, scene.now)) == ["200"]


def test_an_invite_that_overtakes_the_ack_harms_no_call() -> None:
    scene = Scene()
    scene.called()
    scene.agent.answer("id-1", ANSWER, scene.now)
    assert scene.within("INVITE", sdp=OTHER) == [Confirmed("id-1", None), Offered("id-1", OTHER)]
    assert show(scene.agent.answer_offer("id-1", ANSWER, scene.now)) == ["200"]
    assert scene.within("INVITE", 3, sdp=OTHER) == [Offered("id-1", OTHER)]
    assert show(scene.agent.answer_offer("id-1", ANSWER, scene.now)) == ["200"]
    assert scene.within("ACK", 3) == []
    assert scene.within("ACK", 2) == []
    assert scene.within("ACK", 1) == []
    assert scene.wait(60) == []
    assert show(scene.within("BYE", 4)) == ["200", "Ended"]


@pytest.mark.parametrize("sdp", [OTHER, None])
@pytest.mark.parametrize("method", ["INVITE", "UPDATE"])
def test_no_other_offer_until_the_ack_has_answered_ours(method: str, sdp: str | None) -> None:
    scene = Scene()
    scene.called(None)
    scene.agent.answer("id-1", OFFER, scene.now)
    assert show(scene.within(method, sdp=sdp)) == ["491"]
    scene.within("ACK", 2, branch="z9hG4bK-INVITE-2")
    assert "200" in show(scene.wait(0.5))
    assert scene.within("ACK", 1, sdp=ANSWER) == [Confirmed("id-1", ANSWER)]
    assert scene.within("INVITE", 3, sdp=OTHER) == [Offered("id-1", OTHER)]


def test_hanging_up_refuses_what_is_offered() -> None:
    scene = talking()
    scene.within("INVITE", sdp=OTHER)
    assert show(scene.within("BYE", 3)) == ["200", "487", "Ended"]


def test_a_phone_that_moved_is_followed() -> None:
    scene = talking(everybody=False, allow=(ip_network("0.0.0.0/0"),))
    scene.within("INVITE", flow=STRANGER, sdp=OTHER, headers=(("Contact", "<sip:ann@203.0.113.66>"),))
    scene.agent.answer_offer("id-1", ANSWER, scene.now)
    scene.within("ACK", 2, flow=STRANGER)
    (action,) = scene.agent.bye("id-1", scene.now)
    assert isinstance(action, Send)
    assert action.flow == STRANGER


def test_nonsense_for_an_address_is_not_believed() -> None:
    scene = talking()
    scene.within("UPDATE", headers=(("Contact", "<tel:1>"),))
    (bye,) = requests(scene.agent.bye("id-1", scene.now))
    assert bye.uri == "sip:ann@192.0.2.9:5060"


@pytest.mark.parametrize("method", ["INVITE", "UPDATE"])
def test_offers_that_cross_are_both_refused_and_ours_is_made_again(method: str) -> None:
    allow = (("Allow", "UPDATE"),) if method == "UPDATE" else ()
    session = (("Session-Expires", "100;refresher=uas"), ("Supported", "timer"), *allow)
    scene = Scene()
    scene.called(headers=session)
    scene.agent.answer("id-1", ANSWER, scene.now)
    scene.within("ACK", 1)
    (refresh,) = requests(scene.wait(50))
    assert refresh.method == method
    assert show(scene.within("INVITE", sdp=OTHER)) == ["491"]
    scene.within("ACK", 2, branch="z9hG4bK-INVITE-2")
    acknowledged = ["ACK"] if method == "INVITE" else []
    assert show(scene.hear(answer(refresh, 491))) == acknowledged
    assert show(scene.wait(1.0)) == [method]


def test_the_connection_of_a_call_is_made_anew_when_it_is_gone() -> None:
    scene, flow = Scene(), replace(PHONE, transport="tcp", remote=("192.0.2.9", 33001))
    scene.talking(flow=flow)
    assert scene.agent.lost(replace(flow, remote=("192.0.2.9", 33002)), scene.now) == []
    assert scene.agent.lost(flow, scene.now) == []
    (action,) = scene.agent.bye("id-1", scene.now)
    assert isinstance(action, Send)
    assert action.flow == replace(PHONE, transport="tcp", remote=("192.0.2.9", 5060))
    scene.agent.lost(action.flow, scene.now)
    scene.wait(40)
    assert len(scene.agent) == 0


def test_a_connection_concerns_its_own_calls_alone() -> None:
    scene, flow = Scene(), replace(PHONE, transport="tcp", remote=("192.0.2.9", 33001))
    calling, _ = scene.agent.invite("sip:bob@x", OFFER, PHONE, scene.now, from_uri="sip:bot@x")
    assert scene.agent.lost(flow, scene.now) == []
    assert show(scene.agent.cancel(calling, scene.now)) == []
