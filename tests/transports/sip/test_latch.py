"""Whose packets are believed, and where audio goes because of it."""

from __future__ import annotations

from vivavoce.transports.sip.latch import Latch

TOLD, NAT, PROXY, STRANGER = ("192.0.2.1", 4000), ("203.0.113.7", 61_000), ("198.51.100.1", 5000), ("198.18.0.9", 9)


def comes(latch: Latch, *sources: tuple[str, int]) -> list[bool]:
    """Which of these are taken; whatever is taken was what it should be."""
    taken = []
    for source in sources:
        taken.append(latch.could_be(source))
        if taken[-1]:
            latch.believe(source)
    return taken


def test_audio_goes_where_it_was_said_to_until_some_comes_from_elsewhere() -> None:
    latch = Latch(TOLD, "")
    assert (latch.to, latch.source, latch.as_told) == (TOLD, None, False)
    assert comes(latch, NAT) == [True]
    assert (latch.to, latch.source, latch.as_told) == (NAT, NAT, False)


def test_who_is_described_is_believed_before_any_other() -> None:
    latch = Latch(TOLD, NAT[0])
    assert comes(latch, STRANGER, NAT, STRANGER, TOLD, NAT, STRANGER, TOLD) == [
        True,
        True,
        False,
        True,
        False,
        False,
        True,
    ]
    assert (latch.to, latch.as_told) == (TOLD, True)


def test_of_two_that_are_believed_alike_the_first_stays() -> None:
    latch = Latch(TOLD, "")
    assert comes(latch, NAT, STRANGER, PROXY) == [True, False, False]


def test_after_an_agreement_things_begin_anew_and_who_was_believed_comes_before_a_stranger() -> None:
    latch = Latch(TOLD, "")
    comes(latch, NAT)
    latch.agreed(TOLD)
    assert (latch.to, latch.source) == (NAT, None)
    assert comes(latch, STRANGER, NAT, STRANGER) == [True, True, False]
    latch.agreed(None)  # on hold, with no address
    latch.agreed(TOLD)
    assert latch.to == NAT


def test_another_address_is_where_it_goes_at_once() -> None:
    latch = Latch(TOLD, "")
    comes(latch, NAT)
    latch.agreed(PROXY)
    assert latch.to == PROXY
    assert comes(latch, STRANGER, PROXY) == [True, True]


def test_nobody_is_told_before_anything_is_agreed_on() -> None:
    latch = Latch(None, "")
    assert latch.to is None
    latch.agreed(TOLD)
    assert latch.to == TOLD
