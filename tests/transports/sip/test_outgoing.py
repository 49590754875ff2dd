"""A call is made here (RFC 3261, 13.2): it rings, is answered, refused, cancelled, or nobody is there."""

from __future__ import annotations

from dataclasses import replace

import pytest
from aiosipua.headers import parse_auth
from tests.transports.sip.scene import ANSWER, OFFER, OTHER, PHONE, Scene, answer, request, requests, show, told

from vivavoce.transports.sip.actions import Answered, Flow, Headers, Login, NoSuchCall, Progress, Refused
from vivavoce.transports.sip.message import Request, Response

CONTACT: Headers = (("Contact", "<sip:bob@192.0.2.9:5080>"),)
LOGIN = Login("ann", "secret")


def calling(flow: Flow = PHONE, login: Login | None = None, **options: object) -> tuple[Scene, Request]:
    scene = Scene(**options)
    dialog, actions = scene.agent.invite(
        *("sip:bob@example.com", OFFER, flow, scene.now),
        from_uri="sip:bot@example.com",
        headers=(("X-Queue", "7"),),
        login=login,
    )
    assert dialog == "id-1"
    (sent,) = requests(actions)
    return scene, sent


def test_it_rings_and_is_answered() -> None:
    scene, invite = calling(session_expires_s=1800)
    assert (invite.uri, invite.sdp, invite.get("x-queue")) == ("sip:bob@example.com", OFFER, "7")
    assert (invite.from_.uri, invite.from_.tag, invite.to.uri) == ("sip:bot@example.com", "id-1", "sip:bob@example.com")
    assert (invite.get("session-expires"), invite.get("min-se")) == ("1800", "90")
    assert scene.hear(answer(invite, 100)) == []
    assert scene.hear(answer(invite, 180)) == [Progress("id-1", 180)]
    assert scene.wait(170) == []
    said = answer(invite, 200, headers=(*CONTACT, ("Session-Expires", "90;refresher=uas")), sdp=ANSWER)
    actions = scene.hear(said)
    assert show(actions) == ["ACK", "Answered"]
    assert told(actions, Answered) == Answered("id-1", ANSWER)
    (ack,) = requests(actions)
    assert (ack.uri, ack.cseq, ack.to.tag) == ("sip:bob@192.0.2.9:5080", (1, "ACK"), "peer")
    assert ack.vias[0].branch != invite.vias[0].branch
    assert show(scene.hear(said)) == ["ACK"]
    (bye,) = requests(scene.agent.bye("id-1", scene.now))
    assert bye.cseq == (2, "BYE")
    scene.hear(answer(bye, 200))
    scene.wait(40)
    assert len(scene.agent) == 0


def test_the_peer_hangs_up() -> None:
    scene, invite = calling()
    scene.hear(answer(invite, 200, headers=CONTACT, sdp=ANSWER))
    bye = request("BYE", to="id-1", tag="peer", call=invite.call_id, branch="z9hG4bK-bye")
    assert show(scene.hear(bye)) == ["200", "Ended"]


def test_the_routes_of_the_answer_are_taken_backwards() -> None:
    scene, invite = calling()
    routes = (("Record-Route", "<sip:192.0.2.9;lr>, <sip:192.0.2.8;lr>"),)
    (ack,) = requests(scene.hear(answer(invite, 200, headers=(*CONTACT, *routes), sdp=ANSWER)))
    assert ack.every("route") == ["<sip:192.0.2.8;lr>", "<sip:192.0.2.9;lr>"]


@pytest.mark.parametrize("status", [302, 404, 486, 500, 603])
def test_it_is_refused_and_that_is_acknowledged_each_time(status: int) -> None:
    scene, invite = calling()
    actions = scene.hear(answer(invite, status))
    assert show(actions) == ["ACK", "Refused"]
    assert told(actions, Refused) == Refused("id-1", status, "Whatever")
    (ack,) = requests(actions)
    assert (ack.vias[0].branch, ack.cseq, ack.to.tag) == (invite.vias[0].branch, (1, "ACK"), "peer")
    assert show(scene.hear(answer(invite, status))) == ["ACK"]
    assert scene.hear(answer(invite, 200, sdp=ANSWER)) == []
    scene.wait(40)
    assert len(scene.agent) == 0


def test_it_is_sent_seven_times_and_given_up() -> None:
    scene, _ = calling()
    assert show(scene.wait(33)) == ["INVITE"] * 6 + ["Refused"]
    assert len(scene.agent) == 0


def test_on_a_connection_it_is_sent_once_and_fails_with_it() -> None:
    tcp = replace(PHONE, transport="tcp")
    scene, _ = calling(tcp)
    assert scene.wait(20) == []
    assert scene.agent.lost(tcp, scene.now) == [Refused("id-1", 503, "Service Unavailable")]
    assert scene.agent.lost(tcp, scene.now) == []
    assert len(scene.agent) == 0


def test_it_is_cancelled_while_it_rings() -> None:
    scene, invite = calling()
    scene.hear(answer(invite, 180))
    (cancel,) = requests(scene.agent.cancel("id-1", scene.now))
    assert (cancel.method, cancel.vias[0].branch, cancel.cseq) == ("CANCEL", invite.vias[0].branch, (1, "CANCEL"))
    assert scene.agent.cancel("id-1", scene.now) == []
    assert scene.hear(answer(invite, 180)) == []
    assert scene.hear(answer(cancel, 200)) == []
    assert show(scene.hear(answer(invite, 487))) == ["ACK", "Refused"]
    with pytest.raises(NoSuchCall):
        scene.agent.cancel("id-1", scene.now)


def test_a_cancel_waits_for_the_first_sign_of_life() -> None:
    scene, invite = calling()
    assert scene.agent.cancel("id-1", scene.now) == []
    assert show(scene.hear(answer(invite, 100))) == ["CANCEL"]


def test_a_peer_that_answers_the_cancel_alone_is_not_waited_for() -> None:
    scene, invite = calling()
    scene.hear(answer(invite, 180))
    (cancel,) = requests(scene.agent.cancel("id-1", scene.now))
    scene.hear(answer(cancel, 200))
    assert scene.wait(32) == [Refused("id-1", 408, "Request Timeout")]


def test_a_cancel_that_nobody_answers() -> None:
    scene, invite = calling()
    scene.hear(answer(invite, 180))
    scene.agent.cancel("id-1", scene.now)
    assert set(show(scene.wait(70))) == {"CANCEL", "Refused"}
    assert len(scene.agent) == 0


@pytest.mark.parametrize("status", [100, 180, 183])
def test_it_rings_for_so_long_and_is_given_up(status: int) -> None:
    scene, invite = calling(ring_s=60.0)
    scene.hear(answer(invite, status))
    scene.wait(50)
    scene.hear(answer(invite, 180))  # what reminds of itself is not waited for any longer
    assert scene.wait(9.9) == []
    (cancel,) = requests(scene.wait(0.1))
    assert (cancel.method, cancel.vias[0].branch) == ("CANCEL", invite.vias[0].branch)
    scene.hear(answer(cancel, 200))
    refused = told(scene.hear(answer(invite, 487)), Refused)
    assert refused == Refused("id-1", 408, "Nobody answered within 60 s")
    scene.wait(40)
    assert len(scene.agent) == 0
    assert scene.agent.deadline() is None


def test_one_that_rings_for_so_long_and_hears_no_cancel_is_over_too() -> None:
    scene, invite = calling(ring_s=60.0)
    scene.hear(answer(invite, 180))
    assert told(scene.wait(92), Refused) == Refused("id-1", 408, "Nobody answered within 60 s")


def test_one_that_was_answered_in_time_goes_on() -> None:
    scene, invite = calling(ring_s=60.0)
    scene.hear(answer(invite, 180))
    scene.wait(10)
    assert show(scene.hear(answer(invite, 200, headers=CONTACT, sdp=ANSWER))) == ["ACK", "Answered"]
    scene.wait(40)
    assert scene.agent.deadline() is None


def test_one_that_asks_for_a_password_after_it_was_given_up_gets_none() -> None:
    scene, invite = calling(login=LOGIN)
    scene.agent.cancel("id-1", scene.now)
    asked = (("WWW-Authenticate", challenge()),)
    assert show(scene.hear(answer(invite, 401, headers=asked))) == ["ACK", "Refused"]


def test_an_answer_that_crosses_the_cancel_is_hung_up_on() -> None:
    scene, invite = calling()
    scene.hear(answer(invite, 180))
    scene.agent.cancel("id-1", scene.now)
    actions = scene.hear(answer(invite, 200, headers=CONTACT, sdp=ANSWER))
    assert show(actions) == ["ACK", "BYE", "Refused"]
    assert told(actions, Refused).status == 487


def test_of_two_phones_the_second_is_hung_up_on() -> None:
    scene, invite = calling()
    scene.hear(answer(invite, 200, headers=CONTACT, sdp=ANSWER))
    actions = scene.hear(answer(invite, 200, "second", headers=CONTACT, sdp=OTHER))
    assert show(actions) == ["ACK", "BYE"]
    assert {each.to.tag for each in requests(actions)} == {"second"}
    assert show(scene.agent.bye("id-1", scene.now)) == ["BYE"]


def test_an_answer_without_a_description_is_none() -> None:
    scene, invite = calling()
    actions = scene.hear(answer(invite, 200, headers=CONTACT))
    assert show(actions) == ["ACK", "BYE", "Refused"]
    assert told(actions, Refused).status == 488


@pytest.mark.parametrize(
    "nonsense", [(("Contact", "<mailto:x>"),), (*CONTACT, ("Record-Route", "<tel:1;lr>, <sip:192.0.2.8;lr>"))]
)
def test_an_answer_that_makes_no_sense_is_none(nonsense: Headers) -> None:
    scene, invite = calling()
    assert show(scene.hear(answer(invite, 200, headers=nonsense, sdp=ANSWER))) == ["Refused"]
    assert scene.hear(answer(invite, 200, headers=nonsense, sdp=ANSWER)) == []


def test_it_is_called_again_with_the_interval_that_the_peer_wants() -> None:
    scene, invite = calling(session_expires_s=100)
    actions = scene.hear(answer(invite, 422, headers=(("Min-SE", "600"),)))
    assert show(actions) == ["ACK", "INVITE"]
    _, again = requests(actions)
    assert (again.get("session-expires"), again.cseq, again.call_id) == ("600", (2, "INVITE"), invite.call_id)
    assert show(scene.hear(answer(again, 422, headers=(("Min-SE", "600"),)))) == ["ACK", "Refused"]


def challenge(realm: str = "r", nonce: str = "n", algorithm: str = "MD5", more: str = "") -> str:
    return f'Digest realm="{realm}", nonce="{nonce}", qop="auth", algorithm={algorithm}{more}'


def test_it_says_who_it_is_when_it_is_asked() -> None:
    scene, invite = calling(login=LOGIN)
    asked = (("WWW-Authenticate", challenge()), ("WWW-Authenticate", challenge(algorithm="SHA-256")))
    ack, again = requests(scene.hear(answer(invite, 401, headers=asked)))
    assert ack.method == "ACK"
    given = parse_auth(again.get("authorization") or "", credentials=True)
    assert (given.params["username"], given.params["algorithm"]) == ("ann", "SHA-256")
    assert again.cseq == (2, "INVITE")
    _, third = requests(scene.hear(answer(again, 407, headers=(("Proxy-Authenticate", challenge("proxy")),))))
    assert third.get("authorization") is not None
    assert third.get("proxy-authorization") is not None
    assert show(scene.hear(answer(third, 401, headers=asked))) == ["ACK", "Refused"]


def test_a_question_that_was_too_old_is_answered_again() -> None:
    scene, invite = calling(login=LOGIN)
    _, again = requests(scene.hear(answer(invite, 401, headers=(("WWW-Authenticate", challenge()),))))
    stale = (("WWW-Authenticate", challenge(nonce="m", more=", stale=TRUE")),)
    for _ in range(2):
        _, again = requests(scene.hear(answer(again, 401, headers=stale)))
    assert show(scene.hear(answer(again, 401, headers=stale))) == ["ACK", "Refused"]


@pytest.mark.parametrize(
    "asked",
    [challenge(algorithm="SHA-512"), 'Basic realm="r"', 'Digest realm="r"', challenge().replace("auth", "auth-int")],
)
def test_a_question_that_cannot_be_answered_is_a_refusal(asked: str) -> None:
    scene, invite = calling(login=LOGIN)
    assert show(scene.hear(answer(invite, 401, headers=(("WWW-Authenticate", asked),)))) == ["ACK", "Refused"]


def test_without_a_login_nothing_is_said() -> None:
    scene, invite = calling()
    assert show(scene.hear(answer(invite, 401, headers=(("WWW-Authenticate", challenge()),)))) == ["ACK", "Refused"]


def test_a_bye_is_asked_too() -> None:
    scene, invite = calling(login=LOGIN)
    scene.hear(answer(invite, 200, headers=CONTACT, sdp=ANSWER))
    (bye,) = requests(scene.agent.bye("id-1", scene.now))
    (again,) = requests(scene.hear(answer(bye, 407, headers=(("Proxy-Authenticate", challenge()),))))
    assert (again.method, again.cseq) == ("BYE", (3, "BYE"))


def test_answers_to_nothing_are_dropped() -> None:
    scene, invite = calling()
    good = answer(invite, 180)
    assert scene.hear(good.replace(b"Call-ID: ", b"Call-ID: x")) == []
    assert scene.hear(good.replace(b"z9hG4bK", b"z9hG4bKx")) == []
    assert scene.hear(good.replace(b"From:", b"Via: SIP/2.0/UDP 1.2.3.4;branch=x\r\nFrom:")) == []
    assert scene.hear(good) == [Progress("id-1", 180)]
    assert scene.hear(bytes(Response((), b"", 200, "OK"))) == []


@pytest.mark.parametrize(
    ("to", "headers"),
    [("bob", ()), ("sip:bob@x>", ()), ("sip:bob@x\r\nA: b", ()), ("sip:bob@x", (("A", "b\r\nC: d"),))],
)
def test_what_cannot_be_called(to: str, headers: Headers) -> None:
    scene = Scene()
    with pytest.raises(ValueError, match="cannot be called"):
        scene.agent.invite(to, OFFER, PHONE, scene.now, from_uri="sip:bot@example.com", headers=headers)


def test_nobody_speaks_for_a_call_that_nobody_has_answered() -> None:
    scene, invite = calling()
    assert show(scene.hear(request("BYE", to="id-1", tag="peer", call=invite.call_id))) == ["481"]
    assert scene.hear(request("ACK", to="id-1", tag="peer", call=invite.call_id)) == []


def test_a_login_hides_its_password() -> None:
    assert repr(LOGIN) == "Login('ann', '***')"
