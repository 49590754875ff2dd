"""Who may call: networks, passwords (RFC 7616, RFC 8760), and not too many at once."""

from __future__ import annotations

from dataclasses import replace
from ipaddress import ip_network
from itertools import count

import pytest
from aiosipua.auth import SipDigestAuth, build_credentials
from aiosipua.headers import AuthChallenge, parse_auth, stringify_auth
from tests.transports.sip.scene import ANSWER, PHONE, Scene, invite, request, responses, show, told

from vivavoce.transports.sip.actions import Action, Invited
from vivavoce.transports.sip.digest import Guard
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
    said = []
    for _ in range(4):
        ((_, value),) = guard.challenges(False, 0.0)
        message = parse(authorised(proof(parse_auth(value))))
        assert isinstance(message, Request)
        assert guard.check(message, 0.0) == ("right", "ann")
        said.append(message)
    assert guard.check(said[-1], 0.0)[0] == "stale"
    assert guard.check(said[0], 0.0)[0] == "right"
    assert guard.check(said[0], 301.0)[0] == "stale"


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
