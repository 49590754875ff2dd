"""An address is kept registered (RFC 3261, 10.2; RFC 5626)."""

from __future__ import annotations

from dataclasses import replace

from tests.transports.sip.scene import PHONE, Scene, answer, invite, requests, show, told

from vivavoce.transports.sip.actions import Flow, Headers, Login, Registered, RegistrationFailed, Send, Unregistered
from vivavoce.transports.sip.message import Request
from vivavoce.transports.sip.registration import Account

ACCOUNT = Account(
    name="carrier", registrar="sip:example.com", address="sip:4930@example.com", login=Login("4930", "secret")
)
MINE = "<sip:4930@192.0.2.1:5060>"


def registering(flow: Flow = PHONE, **options: object) -> tuple[Scene, Request]:
    scene = Scene(**({"everybody": False} | options))
    (sent,) = requests(scene.agent.register(ACCOUNT, flow, scene.now))
    return scene, sent


def granted(seconds: int) -> Headers:
    return (("Contact", f"<sip:other@192.0.2.77>;expires=7, nobody, {MINE};expires={seconds}"),)


def test_it_registers_proves_itself_and_does_it_again_in_time() -> None:
    scene, first = registering()
    assert (first.method, first.uri, first.get("contact"), first.get("expires")) == (
        *("REGISTER", "sip:example.com", MINE, "600"),
    )
    assert (first.from_.uri, first.to.uri) == (ACCOUNT.address, ACCOUNT.address)
    asked = (("WWW-Authenticate", 'Digest realm="r", nonce="n", qop="auth"'),)
    (second,) = requests(scene.hear(answer(first, 401, headers=asked)))
    assert second.get("authorization") is not None
    assert (second.call_id, second.cseq) == (first.call_id, (2, "REGISTER"))
    assert scene.hear(answer(second, 100)) == []
    assert scene.hear(answer(second, 200, headers=granted(300))) == [Registered("carrier", scene.now + 300)]
    waited = scene.wait(269)
    assert set(show(waited)) == {"keepalive"}
    assert len(waited) == 10
    assert show(scene.wait(1)) == ["REGISTER"]


def test_calls_of_the_registrar_are_taken_while_it_is_registered() -> None:
    scene, first = registering()
    assert show(scene.hear(invite())) == ["403"]
    scene.hear(answer(first, 200))
    assert show(scene.hear(invite())) == ["100", "Invited"]


def test_the_time_is_the_responses_or_what_was_asked_for() -> None:
    scene, first = registering()
    assert told(scene.hear(answer(first, 200, headers=(("Expires", "120"),))), Registered).until == scene.now + 120
    scene, first = registering()
    assert told(scene.hear(answer(first, 200)), Registered).until == scene.now + 600


def test_a_registrar_that_grants_no_time_is_not_asked_all_the_time() -> None:
    scene, first = registering()
    scene.hear(answer(first, 200, headers=granted(0)))
    assert scene.wait(7.9) == []


def test_it_asks_for_longer_where_it_must() -> None:
    scene, first = registering()
    (again,) = requests(scene.hear(answer(first, 423, headers=(("Min-Expires", "3600"),))))
    assert again.get("expires") == "3600"
    assert show(scene.hear(answer(again, 423, headers=(("Min-Expires", "60"),)))) == ["RegistrationFailed"]


def test_it_tries_again_later_and_later() -> None:
    scene, sent = registering()
    pauses = []
    for _ in range(12):
        failed = told(scene.hear(answer(sent, 503)), RegistrationFailed)
        pauses.append(failed.again - scene.now)
        (sent,) = requests(scene.wait(pauses[-1]))
    assert all(5 * 2**number / 2 <= pauses[number] <= 5 * 2**number for number in range(6))
    assert max(pauses) <= 600
    scene.hear(answer(sent, 200))
    assert show(scene.wait(560)) == ["keepalive"] * 22


def test_a_registrar_that_is_silent_has_failed() -> None:
    scene, _ = registering()
    assert told(scene.wait(33), RegistrationFailed).status == 408


def test_a_lost_connection_is_a_registration_lost() -> None:
    flow = replace(PHONE, transport="tcp")
    scene, first = registering(flow)
    assert first.get("contact") == f"{MINE[:-1]};transport=tcp>"
    scene.hear(answer(first, 200), flow)
    assert scene.agent.lost(replace(flow, remote=("192.0.2.9", 1)), scene.now) == []
    assert told(scene.agent.lost(flow, scene.now), RegistrationFailed).status == 503
    assert show(scene.wait(5)) == ["REGISTER"]


def test_a_connection_that_is_lost_while_it_asks_is_one_failure() -> None:
    flow = replace(PHONE, transport="tcp")
    scene, _ = registering(flow)
    pauses = []
    for _ in range(6):
        failed = told(scene.agent.lost(flow, scene.now), RegistrationFailed)
        pauses.append(failed.again - scene.now)
        assert show(scene.wait(pauses[-1])) == ["REGISTER"]
    assert all(5 * 2**number / 2 <= pauses[number] <= 5 * 2**number for number in range(6))


def test_a_connection_that_is_lost_after_it_has_failed_is_no_second_failure() -> None:
    flow = replace(PHONE, transport="tcp")
    scene, first = registering(flow)
    failed = told(scene.hear(answer(first, 503), flow), RegistrationFailed)
    assert scene.agent.lost(flow, scene.now) == []
    assert show(scene.wait(failed.again - scene.now)) == ["REGISTER"]


def test_a_registrar_that_has_moved_is_asked_there_next_time() -> None:
    scene, first = registering()
    elsewhere = replace(PHONE, remote=("192.0.2.77", 5060))
    assert scene.agent.register(ACCOUNT, elsewhere, scene.now) == []
    assert {each.flow for each in scene.wait(3) if isinstance(each, Send)} == {PHONE}  # what is asked already goes on
    scene.hear(answer(first, 503))
    (again,) = [each for each in scene.wait(5) if isinstance(each, Send)][:1]
    assert again.flow == elsewhere
    (asked,) = requests([again])
    assert show(scene.hear(answer(asked, 200), elsewhere)) == ["Registered"]
    assert show(scene.hear(invite(), elsewhere)) == ["100", "Invited"]


def test_it_is_ended() -> None:
    scene, first = registering()
    scene.hear(answer(first, 200))
    over = replace(ACCOUNT, expires_s=0)
    (last,) = requests(scene.agent.register(over, PHONE, scene.now))
    assert (last.get("expires"), last.call_id) == ("0", first.call_id)
    assert scene.hear(answer(last, 200)) == [Unregistered("carrier")]
    assert show(scene.hear(invite())) == ["403"]
    scene.wait(700)
    assert len(scene.agent) == 0
    assert scene.agent.deadline() is None


def test_it_is_ended_though_nobody_answers() -> None:
    scene, first = registering()
    scene.hear(answer(first, 200))
    flow = replace(PHONE, transport="tcp")
    scene.agent.register(replace(ACCOUNT, expires_s=0), flow, scene.now)
    assert scene.agent.lost(flow, scene.now) == [Unregistered("carrier")]


def test_a_public_address_is_what_is_registered() -> None:
    _, first = registering(public_address="203.0.113.1")
    assert first.get("contact") == "<sip:4930@203.0.113.1:5060>"
    assert "203.0.113.1:5060" in (first.get("via") or "")
    six = replace(PHONE, local=("2001:db8::1", 5060), remote=("2001:db8::9", 5060))
    _, second = registering(six, public_address="203.0.113.1")
    assert second.get("contact") == "<sip:4930@[2001:db8::1]:5060>"
    assert second.vias[0].host == "2001:db8::1"
    home = replace(PHONE, local=("127.0.0.1", 5060), remote=("127.0.0.1", 5060))
    assert registering(home, public_address="203.0.113.1")[1].get("contact") == "<sip:4930@127.0.0.1:5060>"
