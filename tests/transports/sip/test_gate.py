"""Who may call: networks, passwords (RFC 7616, RFC 8760), and not too many at once."""

from __future__ import annotations

from dataclasses import replace
from ipaddress import ip_network
from itertools import count

import pytest
from aiosipua.auth import SipDigestAuth, build_credentials
from aiosipua.headers import AuthChallenge, parse_auth, stringify_auth
from tests.transports.sip.scene import ANSWER, PHONE, STRANGER, Scene, invite, request, responses, show, told

from vivavoce.transports.sip.actions import Action, Flow, Invited
from vivavoce.transports.sip.digest import Guard
from vivavoce.transports.sip.guesses import FORGET_S, MOST, Guesses, place
from vivavoce.transports.sip.message import Request, parse
from vivavoce.transports.sip.options import Options

USERS = {"ann": "secret"}


def guarded(**options: object) -> Scene:
    return Scene(**{"everybody": False, "users": USERS, "digests": ("SHA-256", "MD5")} | options)


def challenges(actions: list[Action]) -> list[AuthChallenge]:
    (asked,) = responses(actions)
    assert asked.status == 401
    return [parse_auth(value) for name, value in asked.headers if name == "WWW-Authenticate"]


def proof(challenge: AuthChallenge, password: str = "secret", count: int = 1, user: str = "ann") -> str:
    made = build_credentials(
        SipDigestAuth(user, password), challenge, "INVITE", "sip:bot@192.0.2.1", nonce_count=count, cnonce="c"
    )
    assert made is not None
    return stringify_auth(made)


def authorised(value: str, number: int = 2) -> bytes:
    return invite(headers=(("Authorization", value),), branch=f"z9hG4bK-{number}")


@pytest.mark.parametrize("index", [0, 1])
def test_a_password_lets_in_by_either_digest(index: int) -> None:
    scene = guarded()
    asked = challenges(scene.hear(invite()))
    assert [each.params["algorithm"] for each in asked] == ["SHA-256", "MD5"]
    assert {each.params["realm"] for each in asked} == {"vivavoce"}
    assert told(scene.hear(authorised(proof(asked[index]))), Invited).user == "ann"


def test_one_digest_alone_is_asked_for_since_phones_know_no_other() -> None:
    (asked,) = challenges(Scene(everybody=False, users=USERS).hear(invite()))
    assert asked.params["algorithm"] == "MD5"


@pytest.mark.parametrize(
    ("change", "by"),
    [
        ("", ""),
        ('username="ann"', 'username="bob"'),
        ("qop=auth", "qop=auth-int"),
        ("nc=00000001", "nc=1"),
        ('cnonce="c"', 'cnonce=""'),
        ("algorithm=SHA-256", "algorithm=SHA-512"),
        ('uri="sip:bot@192.0.2.1"', 'uri="sip:else@192.0.2.1"'),
    ],
)
def test_a_wrong_one_does_not(change: str, by: str) -> None:
    scene = guarded()
    (asked, _) = challenges(scene.hear(invite()))
    given = proof(asked, "wrong" if not change else "secret")
    assert change in given
    assert show(scene.hear(authorised(given.replace(change, by) if change else given))) == ["403"]
    assert len(scene.agent) == 0


@pytest.mark.parametrize("header", ["Basic YTpi", 'Digest realm="elsewhere", username="ann"', "Digest"])
def test_a_password_for_something_else_is_none(header: str) -> None:
    assert challenges(guarded().hear(authorised(header)))[0].params.get("stale") is None


def test_what_was_said_once_cannot_be_said_again() -> None:
    scene = guarded()
    (asked, _) = challenges(scene.hear(invite()))
    assert "Invited" in show(scene.hear(authorised(proof(asked, count=1))))
    again = challenges(scene.hear(authorised(proof(asked, count=1), 3)))
    assert again[0].params["stale"] == "true"
    more = invite(headers=(("Authorization", proof(asked, count=2)),), branch="z9hG4bK-4", call="call-2")
    assert "Invited" in show(scene.hear(more))


def test_of_very_many_questions_in_use_the_oldest_is_let_go() -> None:
    numbers = count()
    guard = Guard(Options(users=USERS, digests=("MD5",), secret=b"known"), lambda: str(next(numbers)), 3)

    def answered(now: float) -> Request:
        ((_, value),) = guard.challenges(False, b"here", now)
        message = parse(authorised(proof(parse_auth(value))))
        assert isinstance(message, Request)
        return message

    early, unused = answered(0.0), answered(0.5)
    said = [early, *(answered(now) for now in (1.0, 2.0, 3.0))]
    assert [guard.check(each, b"here", 3.0) for each in said] == [("right", "ann")] * 4
    # The first is let go of, and not taken again.
    assert [guard.check(each, b"here", 3.0)[0] for each in said] == ["stale"] * 4
    assert guard.check(unused, b"here", 3.0) == ("right", "ann")
    assert guard.check(answered(-1.0), b"here", 3.0)[0] == "stale"  # it may have been used: nobody knows any more
    assert guard.check(answered(4.0), b"here", 4.0) == ("right", "ann")


def test_an_old_question_is_asked_anew() -> None:
    scene = guarded(nonce_s=300.0)
    (asked, _) = challenges(scene.hear(invite()))
    scene.wait(301)
    (again, _) = challenges(scene.hear(authorised(proof(asked))))
    assert again.params["stale"] == "true"
    assert "Invited" in show(scene.hear(authorised(proof(again), 3)))


@pytest.mark.parametrize("nonce", ["", "17", "1000000.id-2.00000000000000000000000000000000", "x.y.z"])
def test_a_question_that_was_never_asked_is_asked(nonce: str) -> None:
    scene = guarded()
    (asked, _) = challenges(scene.hear(invite()))
    asked.params["nonce"] = nonce or "é"
    (again, _) = challenges(scene.hear(authorised(proof(asked))))
    assert again.params["stale"] == "true"


def test_what_was_asked_of_one_is_not_answered_by_another() -> None:
    scene = guarded()
    (asked, _) = challenges(scene.hear(invite()))
    (again, _) = challenges(scene.hear(authorised(proof(asked)), STRANGER))
    assert again.params["stale"] == "true"
    assert "Invited" in show(scene.hear(authorised(proof(again), 3), STRANGER))


def guess(scene: Scene, flow: Flow = PHONE, password: str = "wrong") -> str:
    """What comes of a password, tried with a new question if there is one."""
    (asked,) = responses(scene.hear(invite(), flow))
    if asked.status != 401:
        return str(asked.status)
    value = next(value for name, value in asked.headers if name == "WWW-Authenticate")
    return show(scene.hear(authorised(proof(parse_auth(value), password)), flow))[-1]


def test_passwords_cannot_be_tried_without_end_and_the_right_one_is_out_for_minutes_at_most() -> None:
    scene = guarded()
    began = scene.now
    for _ in range(MOST):
        assert guess(scene) == "403"
        scene.wait(1)
    assert guess(scene, password="secret") == "403"
    assert show(scene.hear(invite())) == ["403"]  # it is not even asked
    assert show(scene.hear(invite(), STRANGER)) == ["401"]  # others are
    while scene.now < began + FORGET_S:  # trying on makes it no longer
        assert guess(scene) == "403"
        scene.wait(10)
    assert scene.now == began + FORGET_S
    assert guess(scene, password="secret") == "Invited"


def test_a_few_wrong_ones_keep_nobody_out() -> None:
    scene = guarded()
    assert {guess(scene) for _ in range(MOST - 1)} == {"403"}
    assert guess(scene, password="secret") == "Invited"


def test_answers_that_prove_no_guess_do_not_count() -> None:
    """Who claims another's address never hears a question, and keeps nobody there out."""
    scene = guarded()
    (asked, _) = challenges(scene.hear(invite(), STRANGER))
    for number in range(2 * MOST):
        (again, _) = challenges(scene.hear(authorised(proof(asked, "wrong"), number)))
        assert again.params["stale"] == "true"
    assert guess(scene, password="secret") == "Invited"


def test_an_ipv6_network_of_one_host_is_one_place() -> None:
    scene = guarded()

    def at(host: str) -> Flow:
        return replace(PHONE, local=("2001:db8::1", 5060), remote=(host, 5060))

    for number in range(MOST):
        assert guess(scene, at(f"2001:db8:0:1:{number:x}::1")) == "403"
    assert guess(scene, at("2001:db8:0:1::abcd"), "secret") == "403"
    assert guess(scene, at("2001:db8:0:2::1"), "secret") == "Invited"


def test_only_so_many_places_are_remembered_and_none_for_long() -> None:
    guesses = Guesses(remembered=3)
    places = [place(f"192.0.2.{number}") for number in range(5)]
    for _ in range(MOST):
        for here in places[:3]:
            guesses.wrong(here, 0.0)
    assert [guesses.too_many(here, 299.0) for here in places] == [True] * 3 + [False] * 2
    guesses.wrong(places[3], 299.0)
    assert len(guesses) == 3
    assert not guesses.too_many(places[0], 299.0)
    assert not guesses.too_many(places[1], 300.0)
    guesses.wrong(places[4], 300.0)
    assert len(guesses) == 2


TCP = replace(PHONE, transport="tcp")


def test_a_connection_is_known_once_somebody_spoke_on_it_who_may_call() -> None:
    scene = guarded()
    for said in (request("OPTIONS"), invite(), authorised("Digest"), request("BYE", to="id-1")):
        scene.hear(said, TCP)
        assert TCP not in scene.agent.known
    assert guess(scene, TCP, "secret") == "Invited"
    assert TCP in scene.agent.known
    scene.agent.lost(TCP, scene.now)
    assert TCP not in scene.agent.known


def test_so_is_one_on_which_a_call_goes_on() -> None:
    scene = Scene()
    scene.talking(flow=TCP)
    again = replace(TCP, remote=("192.0.2.9", 33001))
    scene.within("OPTIONS", flow=again)
    assert again in scene.agent.known


def test_a_network_that_may_call_need_only_ask_whether_somebody_is_there() -> None:
    scene = guarded(allow=(ip_network("192.0.2.0/24"),))
    scene.hear(request("OPTIONS"))
    scene.hear(request("OPTIONS"), TCP)
    assert TCP in scene.agent.known
    assert PHONE not in scene.agent.known  # there is no connection


def test_networks_come_in_without_a_password_and_others_not_at_all() -> None:
    scene = Scene(everybody=False, allow=(ip_network("192.0.2.0/24"), ip_network("2001:db8::/32")))
    assert show(scene.hear(invite(), replace(PHONE, remote=("198.51.100.1", 5060)))) == ["403"]
    assert told(scene.hear(invite()), Invited).user is None
    six = replace(PHONE, local=("2001:db8::1", 5060), remote=("2001:db8::9", 5060))
    assert "Invited" in show(scene.hear(invite(call="call-2", tag="six", branch="z9hG4bK-6"), six))
    scene.agent.answer("id-1", ANSWER, scene.now)


def test_only_so_many_ring_at_once() -> None:
    scene = Scene(max_ringing=2)
    for number in range(2):
        assert "Invited" in show(scene.hear(invite(call=f"call-{number}", branch=f"z9hG4bK-{number}")))
    (refused,) = responses(scene.hear(invite(call="call-3", branch="z9hG4bK-3")))
    assert (refused.status, refused.get("retry-after")) == (503, "10")
    scene.agent.reject("id-1", 486, scene.now)
    assert "Invited" in show(scene.hear(invite(call="call-4", branch="z9hG4bK-4")))


def test_only_so_many_come_in_a_second() -> None:
    scene = Scene(calls_per_second=2.0)

    def call(number: int) -> str:
        return show(scene.hear(invite(call=f"call-{number}", branch=f"z9hG4bK-{number}")))[0]

    assert [call(number) for number in range(6)] == ["100"] * 4 + ["503"] * 2
    (refused,) = responses(scene.hear(invite(call="call-9", branch="z9hG4bK-9")))
    assert refused.get("retry-after") == "1"
    scene.wait(1.0)
    assert [call(number) for number in range(20, 23)] == ["100"] * 2 + ["503"]


def test_a_flood_of_strangers_leaves_nothing_behind() -> None:
    scene = guarded()
    for number in range(2000):
        assert show(scene.hear(invite(call=f"call-{number}", branch=f"z9hG4bK-{number}"))) == ["401"]
    assert len(scene.agent) == 0
    assert scene.agent.deadline() is None


def test_within_a_call_another_address_needs_the_password_too() -> None:
    scene = guarded()
    (asked, _) = challenges(scene.hear(invite()))
    scene.hear(authorised(proof(asked)))
    dialog = "id-2"  # the first was that of the question
    scene.agent.answer(dialog, ANSWER, scene.now)
    scene.hear(request("ACK", branch="z9hG4bK-ack", to=dialog))
    moved = replace(PHONE, remote=("198.51.100.1", 5060))
    assert show(scene.hear(request("BYE", to=dialog, number=3, branch="z9hG4bK-bye"), moved)) == ["401"]
    assert show(scene.hear(request("BYE", to=dialog, number=3, branch="z9hG4bK-bye"))) == ["200", "Ended"]
