"""Sessions expire unless somebody refreshes them (RFC 4028)."""

from __future__ import annotations

import pytest
from tests.transports.sip.scene import (
    ANSWER,
    OFFER,
    OTHER,
    PHONE,
    Scene,
    answer,
    invite,
    requests,
    responses,
    show,
    told,
)

from vivavoce.transports.sip.actions import Answered, Ended, Headers, Login

TIMER: Headers = (("Supported", "timer"),)


def accepted(headers: Headers, **options: object) -> tuple[Scene, str | None, str | None]:
    """A call with these header fields is answered: what is said about the session, and what is required."""
    scene = Scene(**options)
    scene.called(headers=headers)
    (said,) = responses(scene.agent.answer("id-1", ANSWER, scene.now))
    scene.within("ACK", 1)
    return scene, said.get("session-expires"), said.get("require")


@pytest.mark.parametrize(
    ("headers", "ours", "expires", "require"),
    [
        ((), 0, None, None),
        ((), 1800, "1800;refresher=uas", None),
        (TIMER, 1800, "1800;refresher=uac", "timer"),
        (TIMER, 0, None, None),
        ((*TIMER, ("Session-Expires", "600")), 0, "600;refresher=uac", "timer"),
        ((*TIMER, ("Session-Expires", "600")), 1800, "600;refresher=uac", "timer"),
        ((*TIMER, ("Session-Expires", "3600;refresher=uas")), 1800, "1800;refresher=uas", None),
        ((*TIMER, ("x", "3600; Refresher = UAC")), 1800, "1800;refresher=uac", "timer"),
        ((*TIMER, ("Session-Expires", "3600"), ("Min-SE", "2400")), 1800, "2400;refresher=uac", "timer"),
        ((("Session-Expires", "600;refresher=uac"),), 0, "600;refresher=uas", None),
        ((*TIMER, ("Session-Expires", "soon")), 0, None, None),
    ],
)
def test_what_is_agreed(headers: Headers, ours: int, expires: str | None, require: str | None) -> None:
    assert accepted(headers, session_expires_s=ours)[1:] == (expires, require)


def test_a_peer_that_was_to_refresh_and_did_not_is_gone() -> None:
    scene, *_ = accepted((*TIMER, ("Session-Expires", "90;refresher=uac")))
    assert scene.wait(59) == []
    actions = scene.wait(1)
    assert show(actions) == ["Ended", "BYE"]
    assert told(actions, Ended).reason == "session expired"


def test_a_refresh_of_the_peer_begins_it_anew() -> None:
    scene, *_ = accepted((*TIMER, ("Session-Expires", "90;refresher=uac")))
    scene.wait(50)
    assert show(scene.within("UPDATE", 2, headers=(*TIMER, ("Session-Expires", "90;refresher=uac")))) == ["200"]
    assert scene.wait(59) == []
    scene.within("INVITE", 3, sdp=OTHER, headers=(*TIMER, ("Session-Expires", "120;refresher=uac")))
    (said,) = responses(scene.agent.answer_offer("id-1", ANSWER, scene.now))
    assert said.get("session-expires") == "120;refresher=uac"
    scene.within("ACK", 3)
    assert scene.wait(80 - 0.5) == []
    assert "Ended" in show(scene.wait(10))


def test_too_short_an_interval_is_refused_within_the_call_too() -> None:
    scene, *_ = accepted(TIMER)
    (refused,) = responses(scene.within("UPDATE", headers=(("Session-Expires", "30"),)))
    assert (refused.status, refused.get("min-se")) == (422, "90")


OURS: Headers = (*TIMER, ("Session-Expires", "100;refresher=uas"))
UPDATES: Headers = (*OURS, ("Allow", "INVITE, UPDATE"))


def test_this_side_refreshes_with_an_update_where_the_peer_takes_it() -> None:
    scene, *_ = accepted(UPDATES)
    (update,) = requests(scene.wait(50))
    assert (update.method, update.sdp, update.get("session-expires")) == ("UPDATE", None, "100;refresher=uac")
    scene.hear(answer(update, 200, headers=(("Session-Expires", "100;refresher=uac"), ("Allow", "UPDATE"))))
    assert show(scene.wait(49)) == []
    assert show(scene.wait(1)) == ["UPDATE"]


def test_this_side_refreshes_with_an_invite_that_changes_nothing() -> None:
    scene, *_ = accepted(OURS)
    (again,) = requests(scene.wait(50))
    assert (again.method, again.sdp) == ("INVITE", ANSWER)
    reply = answer(again, 200, sdp=OTHER, headers=(("Session-Expires", "100;refresher=uac"),))
    actions = scene.hear(reply)
    assert show(actions) == ["ACK", "Answered"]
    assert told(actions, Answered).sdp == OTHER
    (ack,) = requests(actions)
    assert ack.cseq == (again.cseq[0], "ACK")
    assert show(scene.hear(reply)) == ["ACK"]
    (third,) = requests(scene.wait(50))
    assert show(scene.hear(answer(third, 200, sdp=OTHER))) == ["ACK"]
    # The peer has let the interval go.
    assert scene.wait(3600) == []


@pytest.mark.parametrize("status", [481, 408])
def test_a_peer_that_knows_of_no_call_has_none(status: int) -> None:
    scene, *_ = accepted(UPDATES)
    (update,) = requests(scene.wait(50))
    actions = scene.hear(answer(update, status))
    assert show(actions) == ["Ended", "BYE"]
    assert told(actions, Ended).reason == "unreachable"


def test_a_peer_that_does_not_answer_is_gone() -> None:
    scene, *_ = accepted(UPDATES)
    actions = scene.wait(100)
    assert told(actions, Ended).reason in ("unreachable", "session expired")
    assert show(actions).count("UPDATE") > 5


def test_a_peer_that_refuses_to_refresh_is_left_alone_until_it_expires() -> None:
    scene, *_ = accepted(UPDATES)
    (update,) = requests(scene.wait(50))
    assert scene.hear(answer(update, 403)) == []
    assert scene.wait(17) == []
    assert told(scene.wait(2), Ended).reason == "session expired"


def test_a_longer_interval_is_taken_where_the_peer_wants_it() -> None:
    scene, *_ = accepted(UPDATES)
    (update,) = requests(scene.wait(50))
    assert scene.hear(answer(update, 422, headers=(("Min-SE", "300"),))) == []
    (again,) = requests(scene.wait(1))
    assert again.get("session-expires") == "300;refresher=uac"
    scene.hear(answer(again, 100))
    scene.hear(answer(again, 200, headers=(("Session-Expires", "300"),)))
    assert scene.wait(149) == []


def test_no_timer_outlives_the_call() -> None:
    scene, *_ = accepted(UPDATES)
    scene.within("BYE")
    scene.wait(40)
    assert scene.agent.deadline() is None


@pytest.mark.parametrize("ours", [True, False])
@pytest.mark.parametrize("status", [422, 491, 500, 503])
@pytest.mark.parametrize("headers", [OURS, UPDATES])
def test_a_refresh_that_fails_when_the_call_is_over_is_not_made_again(
    headers: Headers, status: int, ours: bool
) -> None:
    scene, *_ = accepted(headers)
    (refresh,) = requests(scene.wait(50))
    over(scene, ours)
    sent = scene.hear(answer(refresh, status)) + scene.wait(3600)
    assert show(sent) == (["ACK"] if refresh.method == "INVITE" else [])
    assert (len(scene.agent), scene.agent.deadline()) == (0, None)


@pytest.mark.parametrize("ours", [True, False])
def test_a_refresh_that_is_answered_when_the_call_is_over_is_acknowledged_and_no_more(ours: bool) -> None:
    scene, *_ = accepted(OURS)
    (refresh,) = requests(scene.wait(50))
    over(scene, ours)
    reply = answer(refresh, 200, sdp=OTHER, headers=(("Session-Expires", "100;refresher=uac"),))
    for _ in range(2):
        assert show(scene.hear(reply)) == ["ACK"]
    assert scene.wait(3600) == []
    assert (len(scene.agent), scene.agent.deadline()) == (0, None)


def test_no_password_is_told_when_the_call_is_over() -> None:
    scene = Scene(session_expires_s=100)
    login = Login("ann", "secret")
    _, actions = scene.agent.invite("sip:bob@x", OFFER, PHONE, scene.now, from_uri="sip:bot@x", login=login)
    (invite,) = requests(actions)
    expires = ("Session-Expires", "100;refresher=uac")
    scene.hear(answer(invite, 200, headers=(("Contact", "<sip:bob@192.0.2.9>"), expires), sdp=ANSWER))
    (refresh,) = requests(scene.wait(50))
    over(scene, True)
    asked = (("WWW-Authenticate", 'Digest realm="x", nonce="y"'),)
    assert show(scene.hear(answer(refresh, 401, headers=asked))) == ["ACK"]
    assert scene.wait(3600) == []


def over(scene: Scene, ours: bool) -> None:
    """The call is ended by this side or the other, and both know it."""
    if not ours:
        scene.within("BYE")
        return
    (bye,) = requests(scene.agent.bye("id-1", scene.now))
    scene.hear(answer(bye, 200))


def test_the_first_invite_is_refused_when_its_interval_is_too_short() -> None:
    assert show(Scene().hear(invite(headers=(("Session-Expires", "89"),)))) == ["422"]
