"""What an offer says, and the answer that fits it."""

from __future__ import annotations

import pytest
from tests.transports.webrtc.offers import AUDIO, BAD, DATA, DIGEST, GOOD, SESSION, TRANSPORT, VIDEO

from vivavoce.protocol.errors import ProtocolError
from vivavoce.transports.webrtc.sdp import Answer, Audio, Credentials, Offer

ANSWER = Answer(
    Credentials("me", "secret", (("sha-256", "CD:EF"),)), ["1 1 udp 2130706431 192.0.2.9 40000 typ host"], 77, "cafe"
)


def lines(offer: str) -> list[str]:
    return ANSWER.to(Offer.parse(offer)).split("\r\n")


def test_what_a_browser_offers_is_understood() -> None:
    offer = Offer.parse(GOOD.replace("\n", "\r\n"))
    assert offer.audio == Audio("opus", 111, sends=True)
    assert offer.remote == Credentials("4ZcD", "2/1muCWoOi3uLifh0NuRHlAB", (("sha-256", DIGEST),))
    assert offer.candidates == ()  # a browser may post its offer before it has any
    assert (offer.sctp_port, offer.most_bytes, offer.lite, offer.active) == (5000, 262_144, False, False)


@pytest.mark.parametrize("wrong", BAD)
def test_what_cannot_be_answered_is_refused(wrong: str) -> None:
    text, message = BAD[wrong]
    with pytest.raises(ProtocolError) as refused:
        Offer.parse(text)
    assert (refused.value.code, refused.value.param) == ("invalid_offer", "sdp")
    assert message in refused.value.message


@pytest.mark.parametrize(
    ("codecs", "chosen"),
    [
        ("8 0\na=rtpmap:96 opus/48000/2", Audio("pcmu", 0, sends=True)),  # described, and not offered
        ("8 96\na=rtpmap:96 OPUS/48000/2", Audio("opus", 96, sends=True)),
        ("8", Audio("pcma", 8, sends=True)),  # static types need no description
        ("100\na=rtpmap:100 PCMU/8000/1", Audio("pcmu", 100, sends=True)),
        ("0\na=rtpmap:0 PCMU/8000\na=recvonly", Audio("pcmu", 0, sends=False)),
    ],
)
def test_opus_is_taken_before_the_telephone_s_codecs(codecs: str, chosen: Audio) -> None:
    audio = f"m=audio 9 UDP/TLS/RTP/SAVPF {codecs}\na=mid:0\na=rtcp-mux\n"
    assert Offer.parse(SESSION + audio + TRANSPORT + DATA).audio == chosen


def test_the_answer_fits_line_by_line() -> None:
    assert lines(GOOD) == [
        "v=0",
        "o=- 77 2 IN IP4 127.0.0.1",
        "s=-",
        "t=0 0",
        "a=group:BUNDLE 0 1",
        "a=msid-semantic:WMS *",
        "m=audio 9 UDP/TLS/RTP/SAVPF 111",
        "c=IN IP4 0.0.0.0",
        "a=rtcp:9 IN IP4 0.0.0.0",
        "a=rtcp-mux",
        "a=sendrecv",
        "a=rtpmap:111 opus/48000/2",
        "a=fmtp:111 minptime=10;useinbandfec=1",
        "a=msid:cafe cafe",
        "a=ssrc:77 cname:cafe",
        "a=mid:0",
        "a=candidate:1 1 udp 2130706431 192.0.2.9 40000 typ host",
        "a=end-of-candidates",
        "a=ice-ufrag:me",
        "a=ice-pwd:secret",
        "a=fingerprint:sha-256 CD:EF",
        "a=setup:active",
        "m=application 9 UDP/DTLS/SCTP webrtc-datachannel",
        "c=IN IP4 0.0.0.0",
        "a=sctp-port:5000",
        "a=max-message-size:262144",
        "a=mid:1",
        "a=candidate:1 1 udp 2130706431 192.0.2.9 40000 typ host",
        "a=end-of-candidates",
        "a=ice-ufrag:me",
        "a=ice-pwd:secret",
        "a=fingerprint:sha-256 CD:EF",
        "a=setup:active",
        "",
    ]


def test_what_else_is_offered_is_declined_in_its_place() -> None:
    session = SESSION.replace("BUNDLE 0 1", "BUNDLE 2 0 1")
    answer = lines(session + VIDEO + TRANSPORT + DATA + AUDIO)
    assert "a=group:BUNDLE 1 0" in answer
    assert [line for line in answer if line.startswith("m=")] == [
        "m=video 0 UDP/TLS/RTP/SAVPF 96 97",
        "m=application 9 UDP/DTLS/SCTP webrtc-datachannel",
        "m=audio 9 UDP/TLS/RTP/SAVPF 111",
    ]


def test_a_caller_without_a_microphone_is_spoken_to() -> None:
    assert "a=sendonly" in lines(GOOD.replace("a=sendrecv", "a=recvonly"))


def test_who_offers_to_begin_the_handshake_may() -> None:
    assert lines(GOOD.replace("a=setup:actpass", "a=setup:active")).count("a=setup:passive") == 2


def test_what_the_whole_offer_says_holds_for_each_line() -> None:
    offer = Offer.parse(SESSION + TRANSPORT + "a=ice-lite\n" + AUDIO + DATA)
    assert offer.remote.ufrag == "4ZcD"
    assert offer.lite
