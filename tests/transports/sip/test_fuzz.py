"""Whatever arrives, nothing is raised but what `receive` catches, and the agent stays of use."""

from __future__ import annotations

import re
from contextlib import suppress
from random import Random

import pytest
from tests.transports.sip.scene import ANSWER, OFFER, OTHER, PHONE, Scene, answer, invite, request, requests

from vivavoce.transports.sip.fields import SipError
from vivavoce.transports.sip.framing import Framer

MESSAGES = 5_000
"""Here; `fuzz` is for more."""
SPICE = [
    *(
        b"\r\n",
        b"\n",
        b"\r",
        b"\0",
        b"\xff\xfe",
        b'"',
        b"<",
        b">",
        b";",
        b",",
        b":",
        b"[",
        b"]",
        b"@",
        b"=",
        b" ",
        b"\t",
    ),
    *(
        b"-1",
        b"99999999999999999999",
        b"\xd9\xa0",
        b"sip:",
        b"SIP/2.0",
        b"tag=id-1",
        b"CSeq: 7 BYE",
        b"%00",
        b"a" * 5000,
    ),
]


def seeds(scene: Scene) -> list[bytes]:
    """Messages of every kind, of a call that is there and of others."""
    within = {"to": "id-1", "number": 5}
    registered = (("Authorization", 'Digest username="ann", realm="vivavoce", nonce="1.2.3", nc=00000001, qop=auth'),)
    (asked,) = requests(scene.agent.refer("id-1", "sip:a@b", scene.now))
    notify = (("Event", "refer"), ("Subscription-State", "terminated;reason=noresource"))
    return [
        invite(),
        invite(sdp=None, headers=(("Session-Expires", "90;refresher=uas"), ("Supported", "timer"), ("Expires", "9"))),
        invite(headers=(("Record-Route", "<sip:a;lr>, <sip:b@[::1]:5060>"), *registered)),
        request("INVITE", sdp=OTHER, branch="z9hG4bK-r", to="id-1", number=6),
        request("UPDATE", branch="z9hG4bK-u", to="id-1", number=7),
        request("ACK", to="id-1", sdp=ANSWER),
        request("CANCEL"),
        request("OPTIONS", host="2001:db8::9"),
        request("NOTIFY", sdp="SIP/2.0 200 OK", headers=notify, to="id-1", number=9, branch="z9hG4bK-n"),
        request("INFO", branch="z9hG4bK-i", to="id-1", number=8, sdp="Signal=5"),
        answer(asked, 202),
        answer(asked, 401, headers=(("WWW-Authenticate", 'Digest realm="r", nonce="n", qop="auth", stale=true'),)),
        request("BYE", branch="z9hG4bK-b", **within),  # type: ignore[arg-type]
    ]


def mutated(data: bytes, chance: Random) -> bytes:
    """One to four changes: bytes flipped, parts cut out, doubled, put elsewhere, spice added, lines swapped."""
    changed = bytearray(data)
    for _ in range(chance.randint(1, 4)):
        here, there = sorted(chance.randrange(len(changed) + 1) for _ in range(2))
        match chance.randrange(6):
            case 0 if changed:
                changed[here - 1] = chance.randrange(256)
            case 1:
                del changed[here : min(there, here + 60)]
            case 2:
                changed[here:here] = changed[here : min(there, here + 200)]
            case 3:
                changed[here:here] = chance.choice(SPICE)
            case 4 if chance.random() < 0.3:
                lines = bytes(changed).split(b"\r\n")
                chance.shuffle(lines)
                changed = bytearray(b"\r\n".join(lines))
            case 5 if chance.random() < 0.3:
                del changed[here:]
                changed += data[here:there]
            case _:
                name = chance.choice((b"Via", b"From", b"To", b"Call-ID", b"CSeq", b"Contact", b"Require"))
                changed[:] = re.sub(name + rb": [^\r]*", name + b": " + chance.choice(SPICE), bytes(changed), count=1)
    return repaired(bytes(changed)) if chance.random() < 0.7 else bytes(changed)


def repaired(data: bytes) -> bytes:
    """With the length that its body has now: otherwise little gets further than that."""
    body = data.partition(b"\r\n\r\n")[2]
    return re.sub(rb"Content-Length: *[0-9]+", b"Content-Length: %d" % len(body), data, count=1)


def fuzz(messages: int, seed: int) -> int:
    """So many mutated messages into agents that are in a call; how many of them were answered with something."""
    chance, answered, done = Random(seed), 0, 0
    while done < messages:
        scene = Scene(everybody=chance.random() < 0.7, users={"ann": "secret"}, refer_s=30.0)
        if scene.options.everybody:
            scene.talking()
            kinds = seeds(scene)
        else:
            kinds = [invite(), request("OPTIONS"), request("BYE")]
        for _ in range(min(200, messages - done)):
            done += 1
            data = mutated(chance.choice(kinds), chance)
            answered += bool(scene.hear(data))
            with suppress(SipError):
                Framer().feed(data)
            if chance.random() < 0.05:
                scene.wait(chance.random() * 40)
        scene.wait(4000)
    return answered


def test_nothing_that_arrives_breaks_it() -> None:
    assert fuzz(MESSAGES, seed=1) > MESSAGES // 10


def test_nothing_that_arrives_stays_for_ever() -> None:
    scene = Scene()
    chance = Random(3)
    for _ in range(500):
        scene.hear(mutated(invite(OFFER), chance), PHONE)
    for dialog, party in list(scene.agent._office.calls.items()):
        assert party.dialog is not None
        scene.agent.reject(dialog, 486, scene.now)
    scene.wait(100)
    assert len(scene.agent) == 0
    assert scene.agent.deadline() is None


LONG = [b'"\\' * 30_000, b"<" * 60_000, b'"' * 60_000, b"," * 60_000, b" " * 60_000, b"SIP/2.0/UDP a," * 4_000]


@pytest.mark.parametrize("name", [b"Via", b"From", b"To", b"Contact"])
def test_long_nonsense_is_nonsense(name: bytes) -> None:
    """Readers that take the square of the length would hold everybody up, for half a minute with the first of these."""
    for nonsense in LONG:
        before, _, rest = invite().partition(b"\r\n" + name + b": ")
        data = before + b"\r\n" + name + b": " + nonsense + rest[rest.index(b"\r\n") :]
        assert len(Scene().hear(data)) <= 1
