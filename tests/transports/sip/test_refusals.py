"""What is refused at the desk, by its proper status, and leaves nothing behind (RFC 3261, 8.2)."""

from __future__ import annotations

from dataclasses import replace
from ipaddress import ip_network

import pytest
from tests.transports.sip.scene import (
    CONTACT,
    OFFER,
    PHONE,
    STRANGER,
    Scene,
    invite,
    request,
    responses,
    show,
    told,
)

from vivavoce.transports.sip.actions import Invited, Send


@pytest.mark.parametrize(
    ("data", "status", "header", "value"),
    [
        (request("SUBSCRIBE"), 405, "Allow", "INVITE, ACK, CANCEL, BYE, OPTIONS, INFO, UPDATE, NOTIFY"),
        (request("FOO", to="id-9"), 405, "Allow", "INVITE, ACK, CANCEL, BYE, OPTIONS, INFO, UPDATE, NOTIFY"),
        (request("BYE", to="id-9"), 481, "Via", "SIP/2.0/UDP 192.0.2.9:5060"),
        (request("BYE"), 481, "Via", "SIP/2.0/UDP 192.0.2.9:5060"),
        (request("NOTIFY"), 481, "Via", "SIP/2.0/UDP 192.0.2.9:5060"),
        (invite(uri="http://example.com/"), 416, "Via", "SIP/2.0/UDP 192.0.2.9:5060"),
        (invite(headers=(("Require", "timer, 100rel, foo"),)), 420, "Unsupported", "100rel, foo"),
        (invite(headers=(("Content-Type", "text/plain"),)), 415, "Accept", "application/sdp"),
        (invite(headers=(("Content-Encoding", "gzip"),)), 415, "Accept-Encoding", "identity"),
        (invite(headers=(("Session-Expires", "30"),)), 422, "Min-SE", "90"),
        (invite().replace(b"Max-Forwards: 70", b"Max-Forwards: many"), 400, "Via", "SIP/2.0/UDP 192.0.2.9:5060"),
        (request("INVITE", sdp=OFFER), 400, "Via", "SIP/2.0/UDP 192.0.2.9:5060"),
        (
            request("INVITE", sdp=OFFER, headers=(("Contact", "<mailto:ann@example.com>"),)),
            400,
            "Via",
            "SIP/2.0/UDP 192.0.2.9:5060",
        ),
        (invite(headers=(("CSeq", "1 INVITE"),)), 400, "Via", "SIP/2.0/UDP 192.0.2.9:5060"),
        (invite().replace(b"CSeq: 1 INVITE", b"CSeq: 1 BYE"), 400, "Via", "SIP/2.0/UDP 192.0.2.9:5060"),
        (invite().replace(b"CSeq: 1 ", b"CSeq: 2147483648 "), 400, "Via", "SIP/2.0/UDP 192.0.2.9:5060"),
        (invite().replace(b";tag=phone", b""), 400, "Via", "SIP/2.0/UDP 192.0.2.9:5060"),
        (invite()[:-3], 400, "Via", "SIP/2.0/UDP 192.0.2.9:5060"),
        (invite().replace(b"SIP/2.0\r\n", b"SIP/3.0\r\n", 1), 505, "Via", "SIP/2.0/UDP 192.0.2.9:5060"),
    ],
)
def test_it_is_refused_and_forgotten(data: bytes, status: int, header: str, value: str) -> None:
    scene = Scene()
    (refused,) = scene.hear(data)
    assert isinstance(refused, Send)
    assert refused.data.startswith(b"SIP/2.0 %d " % status)
    assert f"\r\n{header}: {value}".encode() in refused.data
    assert len(scene.agent) == 0
    assert scene.agent.deadline() is None
    # The same again gets the same answer, tag and all: it has been made of the request alone.
    assert scene.hear(data) == [refused]


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"\r\n\r\n",
        b"\0\0\0\0",
        b"jaK",
        b"GET / HTTP/1.1\r\nHost: x\r\n\r\n",
        invite().replace(b"Via: ", b"Vja: "),
        invite().replace(b"Via: SIP/2.0/UDP ", b"Via: SIP/2.0/UDP"),
        invite().replace(b";rport", b";rport\0"),
        invite().replace(b"192.0.2.9:5060;branch", b"192.0.2.9:99999;branch"),
        invite().replace(b"Call-ID: call-1", b"no header field"),
        invite().replace(b"Content-Length: 14", b"Content-Length: -3"),
        invite().replace(b"Content-Length: 14", b"Content-Length: 14\r\nContent-Length: 17"),
        request("ACK"),
        request("ACK", to="id-1"),
        request("ACK").replace(b";tag=phone", b""),
        b"SIP/2.0 200 OK\r\n\r\n",
        b"SIP/2.0 999 OK\r\n\r\n",
        invite(headers=tuple((f"X-{number}", "") for number in range(260))),
    ],
)
def test_what_cannot_be_answered_is_dropped(data: bytes) -> None:
    scene = Scene()
    assert scene.hear(data) == []
    assert len(scene.agent) == 0


def test_options_says_what_can_be_done_here() -> None:
    (said,) = responses(Scene().hear(request("OPTIONS")))
    assert (said.status, said.get("accept"), said.get("supported")) == (200, "application/sdp", "timer")
    assert "INVITE" in said.every("allow")


def test_a_body_of_several_parts_is_searched_for_the_description() -> None:
    body = f"--x\r\nContent-Type: x/isup\r\n\r\n\0\r\n--x\r\nContent-Type: application/sdp\r\n\r\n{OFFER}\r\n--x--"
    kind = (("Content-Type", 'multipart/mixed; boundary="x"'),)
    scene = Scene()
    actions = scene.hear(request("INVITE", sdp=body, headers=(*CONTACT, *kind)))
    assert told(actions, Invited).offer == OFFER


def test_a_body_of_several_parts_without_one_is_refused() -> None:
    kind = (("Content-Type", "multipart/mixed;boundary=x"),)
    data = request("INVITE", sdp="--x\r\n\r\nhello\r\n--x--", headers=(*CONTACT, *kind))
    assert show(Scene().hear(data)) == ["415"]


def test_nobody_else_speaks_for_a_call() -> None:
    scene = Scene()
    scene.talking()
    assert show(scene.within("BYE", flow=STRANGER)) == ["403"]
    assert show(scene.within("INVITE", flow=STRANGER, sdp=OFFER)) == ["403"]
    assert show(scene.within("BYE", tag="somebody")) == ["481"]
    assert show(scene.within("BYE", call="another")) == ["481"]
    assert show(scene.within("BYE", to="id-2")) == ["481"]
    assert show(scene.within("BYE")) == ["200", "Ended"]


def test_who_could_call_anyway_may_speak_from_another_address() -> None:
    scene = Scene(everybody=False, allow=(ip_network("192.0.2.0/24"), ip_network("203.0.113.0/24")))
    scene.talking()
    assert show(scene.within("BYE", flow=STRANGER)) == ["200", "Ended"]


def test_old_requests_are_out_of_order() -> None:
    scene = Scene()
    scene.talking()
    assert show(scene.within("INFO", 5)) == ["200"]
    assert show(scene.within("INFO", 5)) == ["200"]
    assert show(scene.within("INFO", 4)) == ["500"]
    assert show(scene.within("OPTIONS", 6)) == ["200"]


def test_the_answer_finds_its_way_back_without_rport() -> None:
    data = request("OPTIONS").replace(b":5060;branch", b":5077;branch").replace(b";rport", b"")
    (action,) = Scene().hear(data, STRANGER)
    (said,) = responses([action])
    assert isinstance(action, Send)
    assert action.flow.remote == ("203.0.113.66", 5077)
    assert said.vias[0].parameters["received"] == "203.0.113.66"
    assert "rport" not in said.vias[0].parameters


def test_the_answer_finds_its_way_back_with_rport() -> None:
    flow = replace(PHONE, remote=("203.0.113.66", 40000))
    data = request("OPTIONS").replace(b";rport", b";rport;received=1.2.3.4")
    (action,) = Scene().hear(data, flow)
    (said,) = responses([action])
    assert isinstance(action, Send)
    assert action.flow == flow
    assert said.vias[0].parameters | {"branch": None} == {"branch": None, "received": "203.0.113.66", "rport": "40000"}


def test_ancient_branches_are_told_apart_by_all_the_rest() -> None:
    scene = Scene()
    assert show(scene.hear(invite(branch="1"))) == ["100", "Invited"]
    assert show(scene.hear(invite(branch="1"))) == ["100"]
    assert show(scene.hear(invite(branch="1", call="call-2", tag="other"))) == ["100", "Invited"]
