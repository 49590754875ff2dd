"""Which rule decides about a call."""

from __future__ import annotations

import pytest

from vivavoce.transports.sip.rules import Rule, address_of, first, matches, user_of

HEADERS = (("Via", "SIP/2.0/UDP 192.0.2.1"), ("X-Queue", "Pizza orders"), ("X-Queue", "Salad"))
CALLED, CALLER = "sip:+4930123@pbx.example:5060;transport=tcp", "sip:alice@home.example"


@pytest.mark.parametrize(
    ("uri", "user", "address"),
    [
        (CALLED, "+4930123", "+4930123@pbx.example:5060"),
        ("sips:+4930;cpc=ordinary@[2001:db8::1]:5061;lr?X-A=b@c", "+4930", "+4930@[2001:db8::1]:5061"),
        ("tel:+4930123;phone-context=example.com", "+4930123", "+4930123"),
        ("sip:pbx.example;lr", "", "pbx.example"),
        ("nonsense", "nonsense", "nonsense"),
        ("", "", ""),
    ],
)
def test_the_number_and_the_address_of_a_uri(uri: str, user: str, address: str) -> None:
    assert (user_of(uri), address_of(uri)) == (user, address)


@pytest.mark.parametrize(
    ("pattern", "uri", "fits"),
    [
        ("+4930*", CALLED, True),
        ("+4930", CALLED, False),
        ("*@pbx.example*", CALLED, True),
        ("*@PBX.example:5060", CALLED, True),
        ("*@pbx.example", CALLED, False),
        ("sip:+4930*@pbx.example:5060", CALLED, True),
        ("ALICE", CALLER, True),
        ("*@[2001:db8::1]", "sip:bob@[2001:db8::1]", True),
        ("tel:+49*", "tel:+4930", True),
        ("*", "sip:pbx.example", True),
        # A host is no number: who may call "+49*" may not call a machine of that name.
        ("pbx*", "sip:pbx.example", False),
    ],
)
def test_patterns(pattern: str, uri: str, fits: bool) -> None:
    assert matches(pattern, uri) is fits


@pytest.mark.parametrize(
    ("rule", "fits"),
    [
        (Rule("accept"), True),
        (Rule("accept", called="+4930*", caller="alice"), True),
        (Rule("accept", called="+4930*", caller="bob"), False),
        (Rule("accept", called="+4940*"), False),
        (Rule("accept", headers=(("x-queue", "pizza*"),)), True),
        (Rule("accept", headers=(("X-Queue", "salad"), ("Via", "*"))), True),
        (Rule("accept", headers=(("X-Queue", "soup"),)), False),
        (Rule("accept", headers=(("X-Other", "*"),)), False),
    ],
)
def test_all_conditions_must_hold(rule: Rule, fits: bool) -> None:
    assert rule.fits(CALLED, CALLER, HEADERS) is fits


def test_the_first_that_fits_decides() -> None:
    rules = [Rule("reject", caller="bob"), Rule("webhook", called="+49*"), Rule("accept")]
    assert first(rules, CALLED, CALLER, HEADERS) is rules[1]
    assert first(rules[:1], CALLED, CALLER, HEADERS) is None
