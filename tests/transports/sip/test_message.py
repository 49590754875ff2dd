"""SIP as it is written: fields in all their forms (RFC 3261, 7, 19, 20, 25)."""

from __future__ import annotations

import pytest
from tests.transports.sip.scene import invite

from vivavoce.transports.sip.fields import Party, SipError, Uri, Via, bracketed, items
from vivavoce.transports.sip.message import Request, Response, parse, reply


def test_compact_names_folded_lines_and_lists() -> None:
    data = (
        b"INVITE sip:x@y SIP/2.0\r\nv: SIP / 2.0 / UDP [2001:db8::9]:5061;branch=a, SIP/2.0/TCP b.example\r\n"
        b"f : Ann\r\n <sip:a@b>\r\n\t;tag=1\r\nt: <sip:c@d>\r\ni: 1\r\nCSeq: 1\tINVITE\r\nk:a,b\r\nSupported: c\r\n\r\n"
    )
    message = parse(data)
    assert isinstance(message, Request)
    assert [name for name, _ in message.headers] == ["Via", "From", "To", "Call-ID", "CSeq", "Supported", "Supported"]
    assert (message.from_.uri, message.from_.tag) == ("sip:a@b", "1")
    assert [(via.host, via.port, via.transport) for via in message.vias] == [
        ("2001:db8::9", 5061, "UDP"),
        ("b.example", None, "TCP"),
    ]
    assert message.every("supported") == ["a", "b", "c"]
    assert message.option("supported", "C")
    assert message.sdp is None


def test_what_is_written_is_read_again() -> None:
    message = parse(invite())
    assert parse(bytes(message)) == message
    assert isinstance(message, Request)
    response = reply(message, 499, tag="x", headers=(("X-Y", "y"),), body=b"z")
    assert (response.status, response.reason) == (499, "Refused")
    assert parse(bytes(response)) == response


def test_what_follows_the_body_is_dropped() -> None:
    assert parse(invite() + b"more").body == parse(invite()).body


def test_a_status_line_without_a_reason() -> None:
    message = parse(bytes(reply(request := _request(), 200)).replace(b"200 OK", b"200"))
    assert isinstance(message, Response)
    assert (message.reason, message.cseq) == ("", request.cseq)


def _request() -> Request:
    message = parse(invite())
    assert isinstance(message, Request)
    return message


@pytest.mark.parametrize(
    ("text", "user", "host", "port"),
    [
        ("sip:example.com", None, "example.com", None),
        ("SIPS:a@EXAMPLE.com:5061;transport=TLS;lr?x=y", "a", "EXAMPLE.com", 5061),
        ("sip:+1555;phone-context=x.example@192.0.2.1", "+1555;phone-context=x.example", "192.0.2.1", None),
        ("sip:a:secret@[2001:db8::1]:5060", "a:secret", "2001:db8::1", 5060),
    ],
)
def test_uris(text: str, user: str | None, host: str, port: int | None) -> None:
    uri = Uri.parse(text)
    assert (uri.user, uri.host, uri.port) == (user, host, port)


@pytest.mark.parametrize(
    "text", ["", "tel:+1", "sip:", "sip:a@", "sip:a@b:0", "sip:a@b:70000", "sip:a@b c", "sip:a@[::1", "sip:a@b\u0660"]
)
def test_what_is_no_uri(text: str) -> None:
    with pytest.raises(SipError):
        Uri.parse(text)


@pytest.mark.parametrize(
    ("text", "uri", "tag"),
    [
        ('"a \\" <b>, c" <sip:a@b;x>;tag=1;y', "sip:a@b;x", "1"),
        ("Ann Lee <sip:a@b> ;tag=2", "sip:a@b", "2"),
        ("sip:a@b;tag=3", "sip:a@b", "3"),
        ("<tel:+1;phone-context=x>", "tel:+1;phone-context=x", None),
        ('"Zoë" <sip:a@b>', "sip:a@b", None),
    ],
)
def test_addresses(text: str, uri: str, tag: str | None) -> None:
    party = Party.parse(text)
    assert (party.uri, party.tag) == (uri, tag)


@pytest.mark.parametrize("text", ["", "<>", "a@b", "<sip:a@b", "<sip:a@b> x", '"a', "a b", "<sip:a @b>"])
def test_what_is_no_address(text: str) -> None:
    with pytest.raises(SipError):
        Party.parse(text)


@pytest.mark.parametrize(
    "text", ["", "SIP/2.0/UDP", "SIP/3.0/UDP a", "SIP/2.0/UDP [::1", "SIP/2.0/UDP a:0", "SIP/2.0/UDP a:x", "x y;z"]
)
def test_what_is_no_via(text: str) -> None:
    with pytest.raises(SipError):
        Via.parse(text)


def test_lists_are_cut_at_commas_that_separate() -> None:
    assert items('"a, b" <sip:c,d@e>;x=y, , f') == ['"a, b" <sip:c,d@e>;x=y', "f"]


@pytest.mark.parametrize("text", ['"a, b', "<a, b", 'c "\\', "a<<<<", '"""'])
def test_what_is_not_closed_reaches_to_the_end(text: str) -> None:
    assert items(text) == [text]


def test_brackets() -> None:
    assert (bracketed("::1"), bracketed("a.example")) == ("[::1]", "a.example")
