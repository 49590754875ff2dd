"""What is agreed on, for what is offered; and that no description at all does more than be refused."""

from __future__ import annotations

import random
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.transports.sip.descriptions import KEY, PHONE, SECURE, TRUNK, changed

from vivavoce.transports.sip.agreement import Agreement
from vivavoce.transports.sip.negotiation import Agreed, Keys, Terms, choose
from vivavoce.transports.sip.sdp import MOST_BYTES, SdpError

TELEPHONE = Terms(("pcmu", "pcma"))
ALL, OPEN, CLOSED = Terms(), Terms(srtp="off"), Terms(srtp="required")


def answer(offer: str, terms: Terms = ALL) -> tuple[Agreed, list[str]]:
    side = Agreement("203.0.113.5", 40_000, terms)
    text = side.answer(choose(offer, terms))
    assert side.agreed is not None
    return side.agreed, text.split("\r\n")


def refusal(offer: str, terms: Terms = ALL) -> tuple[int, str]:
    with pytest.raises(SdpError) as refused:
        choose(offer, terms)
    return refused.value.status, refused.value.message


def test_a_phone_with_opus() -> None:
    agreed, lines = answer(PHONE)
    assert (agreed.codec, agreed.payload_type, agreed.sends_as) == ("opus", 96, 96)
    assert (agreed.to, agreed.reports_to) == (("192.0.2.10", 4000), ("192.0.2.10", 4001))
    assert agreed.keys == Keys(101, 8_000)  # on another clock than the audio's, where there is no better
    assert (agreed.sends, agreed.hears, agreed.mux, agreed.crypto) == (True, True, False, None)
    assert lines[0] == "v=0"
    assert lines[3:] == [
        "c=IN IP4 203.0.113.5",
        "t=0 0",
        "m=audio 40000 RTP/AVP 96 101",
        "a=rtpmap:96 opus/48000/2",
        "a=fmtp:96 minptime=10;useinbandfec=1",
        "a=rtpmap:101 telephone-event/8000",
        "a=fmtp:101 0-15",
        "a=ptime:20",
        "a=rtcp:40001",
        "a=sendrecv",
        "",
    ]


def test_a_trunk_with_its_own_order_and_a_picture_that_is_not_served() -> None:
    agreed, lines = answer(TRUNK)
    assert (agreed.codec, agreed.payload_type, agreed.keys) == ("pcma", 8, Keys(101, 8_000))
    assert lines[5:7] == ["m=audio 40000 RTP/AVP 8 101", "a=rtpmap:8 PCMA/8000"]
    assert lines[-2:] == ["m=video 0 RTP/AVP 97", ""]


def test_encrypted_over_ipv6_on_one_port() -> None:
    agreed, lines = answer(SECURE)
    assert agreed.version == 6
    assert agreed.to == agreed.reports_to == ("2001:db8::7", 6000)
    assert agreed.crypto is not None
    assert (agreed.crypto.tag, agreed.crypto.suite) == (2, "AES_CM_128_HMAC_SHA1_32")
    assert KEY not in repr(agreed)
    assert lines[5] == "m=audio 40000 RTP/SAVPF 0 126"
    assert lines[-5:-2] == ["a=rtcp-mux", "a=rtcp:40000", lines[-3]]
    assert lines[-3].startswith("a=crypto:2 AES_CM_128_HMAC_SHA1_32 inline:")
    assert KEY not in lines[-3]


@pytest.mark.parametrize(
    ("formats", "terms", "agreed"),
    [
        ("0 8 96\na=rtpmap:96 opus/48000/2", Terms(), ("opus", 96)),
        ("0 8 96\na=rtpmap:96 opus/48000/2", TELEPHONE, ("pcmu", 0)),
        ("8 0", TELEPHONE, ("pcma", 8)),
        ("18 9 0", Terms(), ("pcmu", 0)),
        ("100\na=rtpmap:100 pcma/8000/1", Terms(), ("pcma", 100)),
        ("0 100\na=rtpmap:0 GSM/8000\na=rtpmap:100 PCMU/8000", Terms(), ("pcmu", 100)),
        ("8 0", Terms(("pcmu",)), ("pcmu", 0)),
    ],
)
def test_which_codec(formats: str, terms: Terms, agreed: tuple[str, int]) -> None:
    found = choose(f"v=0\nc=IN IP4 192.0.2.1\nm=audio 9000 RTP/AVP {formats}\n", terms)
    assert (found.codec, found.payload_type) == agreed


@pytest.mark.parametrize(
    ("described", "keys"),
    [
        ("96 97 98\na=rtpmap:97 telephone-event/8000\na=rtpmap:98 telephone-event/48000", Keys(98, 48_000)),
        ("96 97\na=rtpmap:97 telephone-event/8000", Keys(97, 8_000)),
        ("0 97 98\na=rtpmap:97 telephone-event/48000\na=rtpmap:98 Telephone-Event/8000/1", Keys(98, 8_000)),
        ("0 97\na=rtpmap:97 telephone-event/16000", None),
        ("0\na=rtpmap:97 telephone-event/8000", None),
    ],
)
def test_which_keys(described: str, keys: Keys | None) -> None:
    offer = f"v=0\nc=IN IP4 192.0.2.1\nm=audio 9000 RTP/AVP {described}\na=rtpmap:96 opus/48000/2\n"
    assert choose(offer, Terms()).keys == keys


@pytest.mark.parametrize(
    ("direction", "sends", "hears", "answered"),
    [
        ("a=sendrecv", True, True, "a=sendrecv"),
        ("a=sendonly", False, True, "a=recvonly"),
        ("a=recvonly", True, False, "a=sendonly"),
        ("a=inactive", False, False, "a=inactive"),
    ],
)
def test_who_speaks(direction: str, sends: bool, hears: bool, answered: str) -> None:
    agreed, lines = answer(PHONE + direction)
    assert (agreed.sends, agreed.hears, lines[-2]) == (sends, hears, answered)
    # For the whole description, it holds for each line that says nothing else.
    whole = changed(PHONE, ("t=0 0\n", f"t=0 0\n{direction}\n"))
    assert answer(whole)[0].sends == sends
    assert answer(whole + "a=sendrecv")[0].sends


def test_on_hold_as_of_old() -> None:
    agreed, lines = answer(changed(PHONE, ("c=IN IP4 192.0.2.10", "c=IN IP4 0.0.0.0")))
    assert (agreed.to, agreed.reports_to, agreed.sends, agreed.hears) == (None, None, False, True)
    assert lines[-2] == "a=recvonly"


@pytest.mark.parametrize(
    ("line", "reports_to"),
    [
        ("a=rtcp:5001", ("192.0.2.10", 5001)),
        ("a=rtcp:5001 IN IP4 192.0.2.99", ("192.0.2.99", 5001)),
        ("a=rtcp:5001 IN IP4 0.0.0.0", None),
        ("a=rtcp:5001\na=rtcp-mux", ("192.0.2.10", 4000)),
    ],
)
def test_where_reports_go(line: str, reports_to: tuple[str, int] | None) -> None:
    assert choose(PHONE + line, Terms()).reports_to == reports_to


def test_a_line_s_own_address_comes_first() -> None:
    own = changed(PHONE, ("a=ptime:20", "c=IN IP4 192.0.2.77/127"))
    assert choose(own, Terms()).to == ("192.0.2.77", 4000)


@pytest.mark.parametrize(
    ("offer", "terms", "status", "said"),
    [
        ("", Terms(), 400, "does not begin with 'v=0'"),
        ("v=0\n" + "a=x\n" * MOST_BYTES, Terms(), 400, "longer than"),
        ("v=0\ns=-\n", Terms(), 400, "no 'm=' line"),
        ("v=0\nm=audio 1 RTP/AVP\n", Terms(), 400, "'m=audio 1 RTP/AVP'"),
        ("v=0\nm=audio x RTP/AVP 0\n", Terms(), 400, "A port is 'x'"),
        ("v=0\nm=audio 65536 RTP/AVP 0\n", Terms(), 400, "A port is '65536'"),
        ("v=0\nhello\nm=audio 1 RTP/AVP 0\n", Terms(), 400, "'hello'"),
        ("v=0\n" + "m=audio 0 RTP/AVP 0\n" * 33, Terms(), 400, "33 'm=' lines"),
        ("v=0\nm=audio 0 RTP/AVP 0\n", Terms(), 488, "no audio"),
        ("v=0\nm=image 9 udptl t38\n", Terms(), 488, "no audio"),
        ("v=0\nm=audio 1 RTP/AVP 0\n", Terms(), 488, "'c='"),
        (changed(PHONE, ("IN IP4 192.0.2.10\nt", "IN IP4 phone.example\nt")), Terms(), 488, "not looked up"),
        (changed(PHONE, ("IN IP4 192.0.2.10\nt", "IN IP6 192.0.2.10\nt")), Terms(), 400, "cannot be read"),
        (changed(PHONE, ("IN IP4 192.0.2.10\nt", "IN IP4 224.2.1.1/127\nt")), Terms(), 488, "of many"),
        (changed(PHONE, ("IN IP4 192.0.2.10\nt", "IN IP4 255.255.255.255\nt")), Terms(), 488, "of many"),
        (PHONE + "a=rtcp:none", Terms(), 400, "'a=rtcp'"),
        (PHONE + "a=rtcp:1 IN IP4 x", Terms(), 488, "c=IN IP4 x"),
        ("v=0\nc=IN IP4 192.0.2.1\nm=audio 9 RTP/AVP 18 x 999\n", Terms(), 488, "offered are none by name"),
        (TRUNK, Terms(("opus",)), 488, "here are opus/48000/2; offered are PCMA/8000, PCMU/8000"),
        (changed(PHONE, ("RTP/AVP", "UDP/TLS/RTP/SAVPF")), Terms(), 488, "'UDP/TLS/RTP/SAVPF'"),
        (PHONE, CLOSED, 488, "must be encrypted"),
        (SECURE, OPEN, 488, "switched off"),
        (changed(SECURE, ("AES_CM_128", "AES_CM_999")), Terms(), 488, "a suite that is supported"),
    ],
)
def test_what_cannot_be_served(offer: str, terms: Terms, status: int, said: str) -> None:
    assert refusal(offer, terms)[0] == status
    assert said in refusal(offer, terms)[1]


def test_a_key_beside_plain_rtp_is_used_where_that_is_allowed() -> None:
    offer = PHONE + f"a=crypto:7 AES_CM_128_HMAC_SHA1_80 inline:{KEY}"
    agreed, lines = answer(offer)
    assert agreed.crypto is not None
    assert [line for line in lines if line.startswith(("m=", "a=crypto"))][1].startswith("a=crypto:7 ")
    assert answer(offer, CLOSED)[0].crypto == agreed.crypto
    plain, lines = answer(offer, OPEN)
    assert (plain.crypto, [line for line in lines if "crypto" in line]) == (None, [])


def test_of_two_ways_the_encrypted_one_is_taken() -> None:
    secure = SECURE[SECURE.index("m=") :]
    both = PHONE + changed(secure, ("a=rtcp-mux", "c=IN IP4 192.0.2.10"))
    agreed, lines = answer(both)
    assert (agreed.at, agreed.codec) == (1, "pcmu")
    assert [line for line in lines if line.startswith("m=")] == [
        "m=audio 0 RTP/AVP 96 0 8 101",
        "m=audio 40000 RTP/SAVPF 0 126",
    ]
    assert answer(both, OPEN)[0].at == 0


def test_hold_resume_and_another_address() -> None:
    side = Agreement("203.0.113.5", 40_000, Terms())
    first = side.answer(choose(PHONE, Terms()))
    session, version = first.split("\r\n")[1].split()[1:3]
    assert version == "1"
    assert side.reoffered(PHONE) == first  # nothing is new: a session timer's
    held = side.reoffered(PHONE + "a=sendonly")
    assert held.split("\r\n")[1].split()[1:3] == [session, "2"]
    assert "a=recvonly" in held
    moved = changed(PHONE, ("192.0.2.10", "192.0.2.11"), ("m=audio 4000", "m=audio 4100"))
    assert "a=sendrecv" in side.reoffered(moved)
    assert side.agreed is not None
    assert side.agreed.to == ("192.0.2.11", 4100)
    added = side.reoffered(moved + "m=video 5000 RTP/AVP 97\n")
    assert added.endswith("m=video 0 RTP/AVP 97\r\n")
    assert added.split("\r\n")[1].split()[2] == "4"


def test_a_new_offer_that_cannot_be_served_changes_nothing() -> None:
    side = Agreement("203.0.113.5", 40_000, Terms())
    side.answer(choose(TRUNK, Terms()))
    before = side.agreed
    fewer = TRUNK[: TRUNK.index("m=video")]
    for offer in (
        fewer,
        changed(TRUNK, ("8 0 13", "18 19 13")),
        changed(TRUNK, ("IP4 198.51.100.7", "IP6 2001:db8::1")),
    ):
        with pytest.raises(SdpError):
            side.reoffered(offer)
        assert side.agreed is before


def test_a_key_stays_as_long_as_it_can() -> None:
    side = Agreement("2001:db8::5", 40_000, Terms())
    side.answer(choose(SECURE, Terms()))
    first = side.ours
    side.reoffered(changed(SECURE, ("a=crypto:2", "a=crypto:5")) + "a=sendonly")
    assert first is not None
    assert side.ours == replace(first, tag=5)
    side.reoffered(changed(SECURE, ("_SHA1_32", "_SHA1_80")))
    assert side.ours is not None
    assert (side.ours.suite, side.ours.key == first.key) == ("AES_CM_128_HMAC_SHA1_80", False)


@pytest.mark.parametrize("srtp", ["off", "allowed", "required"])
def test_our_own_offer_and_what_comes_of_it(srtp: str) -> None:
    terms = Terms(srtp="off" if srtp == "off" else "allowed" if srtp == "allowed" else "required")
    here, there = Agreement("192.0.2.1", 4000, terms), Agreement("192.0.2.2", 5000, terms)
    offer = here.offer()
    assert ("RTP/SAVP" in offer) == (srtp == "required")
    assert offer.count("a=crypto") == (0 if srtp == "off" else 2)
    here.accept(there.answer(choose(offer, terms)))
    assert here.agreed is not None
    assert there.agreed is not None
    assert (here.agreed.codec, here.agreed.payload_type, here.agreed.keys) == ("opus", 96, Keys(97, 48_000))
    assert (there.agreed.codec, there.agreed.sends_as, there.agreed.keys) == ("opus", 96, Keys(97, 48_000))
    assert (here.agreed.to, here.agreed.mux, here.agreed.sends) == (("192.0.2.2", 5000), True, True)
    assert here.ours == there.agreed.crypto
    assert there.ours == here.agreed.crypto
    assert (here.ours is None) == (srtp == "off")
    # And within the call, from either side.
    for asks, says in ((here, there), (there, here)):
        before = here.ours, there.ours
        asks.accept(says.reoffered(asks.offer()))
        assert (here.ours, there.ours) == before


def test_an_answer_with_numbers_of_its_own() -> None:
    side = Agreement("192.0.2.1", 4000, Terms(srtp="off"))
    side.offer()
    side.accept(changed(PHONE, ("96", "111"), ("101", "100")))
    assert side.agreed is not None
    assert (side.agreed.payload_type, side.agreed.sends_as, side.agreed.keys) == (96, 111, Keys(101, 8_000))


@pytest.mark.parametrize(
    ("answered", "said"),
    [
        (PHONE + "m=video 0 RTP/AVP 97", "not as many"),
        (changed(PHONE, ("m=audio 4000", "m=audio 0")), "refuses the audio"),
        (changed(PHONE, ("m=audio", "m=video")), "refuses the audio"),
        (changed(PHONE, ("96 0 8", "9 18 3")), "No codec in common"),
        (PHONE + f"a=crypto:9 AES_CM_128_HMAC_SHA1_80 inline:{KEY}", "answers none of the offer's"),
        (changed(PHONE, ("IP4 192.0.2.10", "IP6 2001:db8::1")), "between IPv4 and IPv6"),
    ],
)
def test_an_answer_that_does_not_fit(answered: str, said: str) -> None:
    side = Agreement("192.0.2.1", 4000, Terms())
    with pytest.raises(SdpError, match="answers no offer"):
        side.accept(PHONE)
    side.offer()
    with pytest.raises(SdpError) as refused:
        side.accept(answered)
    assert said in refused.value.message
    assert side.agreed is None
    side.accept(PHONE)  # a better one is still taken


def mutated(chance: random.Random) -> str:
    """One of the descriptions with a few things wrong."""
    text = chance.choice((PHONE, TRUNK, SECURE))
    for _ in range(chance.choice((1, 1, 2, 6))):
        at, length = chance.randrange(len(text) + 1), chance.choice((0, 1, 2, 12))
        piece = chance.choice(
            ("", "\r\n", "m=audio 1 RTP/AVP 0\n", "a=rtcp:", "c=IN IP4 ", "\x00", "١", " ", "=", "-1", ":")
        )
        if chance.random() < 0.3:
            other = chance.choice((PHONE, TRUNK, SECURE))
            start = chance.randrange(len(other))
            piece = other[start : start + chance.randint(1, 60)]
        text = text[:at] + piece + text[at + length :]
    return text


def served(text: str) -> bool:
    """Whether it is taken within a call; whenever it is, the answer is one that can be read back."""
    for terms in (Terms(), OPEN, CLOSED):
        side = Agreement("192.0.2.1", 4000, terms)
        try:
            written = side.answer(choose(text, terms))
        except SdpError:
            continue
        again = choose(written, terms)
        assert side.agreed is not None
        assert (again.codec, again.payload_type) == (side.agreed.codec, side.agreed.payload_type)
        assert len(again.sections) == len(side.agreed.sections)
    call = Agreement("192.0.2.1", 4000, ALL)
    call.answer(choose(PHONE, ALL))
    try:
        call.reoffered(text)
    except SdpError:
        return False
    return True


def test_five_thousand_broken_descriptions() -> None:
    chance = random.Random(4566)
    taken = sum(served(mutated(chance)) for _ in range(5_000))
    assert 200 < taken < 4_800  # some are still good: not all of them die at the first line


@given(text=st.text(max_size=200))
@settings(max_examples=200)
def test_any_text_at_all(text: str) -> None:
    served(text)
    served("v=0\nc=IN IP4 192.0.2.1\nm=" + text)
    served(PHONE + "a=" + text)
