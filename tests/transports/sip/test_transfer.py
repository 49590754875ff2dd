"""A call is handed on: REFER, and what its NOTIFYs say (RFC 3515, RFC 4488)."""

from __future__ import annotations

import pytest
from tests.transports.sip.scene import Scene, answer, requests, responses, show

from vivavoce.transports.sip.actions import Headers, NoSuchCall, Transfer
from vivavoce.transports.sip.message import Request

TARGET = "sip:+4930123@carrier.example;user=phone"


def referred() -> tuple[Scene, Request]:
    scene = Scene()
    scene.talking()
    (refer,) = requests(scene.agent.refer("id-1", TARGET, scene.now))
    return scene, refer


def notify(scene: Scene, body: str, state: str = "active", number: int = 2, event: str = "refer") -> list[str]:
    headers: Headers = (("Event", event), ("Subscription-State", state), ("Content-Type", "message/sipfrag"))
    (said, *news) = scene.within("NOTIFY", number, headers=headers, sdp=body)
    return [str(responses([said])[0].status), *(repr(each) for each in news)]


def test_it_is_asked_for_and_followed_to_the_end() -> None:
    scene, refer = referred()
    assert refer.get("refer-to") == f"<{TARGET}>"
    assert scene.hear(answer(refer, 100)) == []
    assert scene.hear(answer(refer, 202)) == [Transfer("id-1", 202, False)]
    assert notify(scene, "SIP/2.0 100 Trying\r\n") == ["200", repr(Transfer("id-1", 100, False))]
    assert notify(scene, "SIP/2.0 180 Ringing\r\n", number=3)[1:] == [repr(Transfer("id-1", 180, False))]
    done = notify(scene, "SIP/2.0 200 OK\r\n", "terminated;reason=noresource", number=4)
    assert done == ["200", repr(Transfer("id-1", 200, True))]
    assert notify(scene, "SIP/2.0 200 OK\r\n", number=5) == ["481"]
    assert scene.wait(400) == []
    assert show(scene.within("BYE", 6)) == ["200", "Ended"]


@pytest.mark.parametrize("status", [403, 603])
def test_it_is_refused(status: int) -> None:
    scene, refer = referred()
    assert scene.hear(answer(refer, status)) == [Transfer("id-1", status, True)]
    assert show(scene.agent.refer("id-1", "tel:+4930123", scene.now)) == ["REFER"]


def test_a_notify_may_overtake_the_answer() -> None:
    scene, refer = referred()
    notify(scene, "SIP/2.0 503 Unavailable", "terminated")
    assert scene.hear(answer(refer, 202)) == []


def test_a_peer_that_says_it_will_tell_nothing() -> None:
    scene, refer = referred()
    assert scene.hear(answer(refer, 202, headers=(("Refer-Sub", "false"),))) == [Transfer("id-1", 202, True)]


def test_a_peer_that_tells_nothing_though_it_should() -> None:
    scene, refer = referred()
    scene.hear(answer(refer, 202))
    assert scene.wait(179) == []
    assert scene.wait(1) == [Transfer("id-1", 408, True)]


def test_a_peer_that_stops_telling_before_anything_has_come_of_it() -> None:
    scene, refer = referred()
    scene.hear(answer(refer, 202))
    assert notify(scene, "SIP/2.0 100 Trying", "terminated;reason=timeout")[1] == repr(Transfer("id-1", 408, True))


def test_nobody_answers() -> None:
    scene, _ = referred()
    assert scene.wait(33)[-1] == Transfer("id-1", 408, True)


def test_other_news_and_nonsense() -> None:
    scene, _ = referred()
    assert notify(scene, "x", event="presence") == ["489"]
    assert notify(scene, "nonsense", number=3) == ["400"]


def test_one_at_a_time_and_to_a_uri() -> None:
    scene, _ = referred()
    with pytest.raises(NoSuchCall, match="already"):
        scene.agent.refer("id-1", TARGET, scene.now)
    for target in ("+4930123", "sip:a@b\r\nX: y", "sip:a@b>;x=<sip:c@d", "http://a"):
        with pytest.raises(ValueError, match="no sip: or tel: URI"):
            scene.agent.refer("id-1", target, scene.now)


def test_the_end_of_the_call_is_the_end_of_it() -> None:
    scene, refer = referred()
    scene.hear(answer(refer, 202))
    assert show(scene.within("BYE", 5)) == ["200", "Ended"]
    scene.wait(40)
    assert scene.agent.deadline() is None
