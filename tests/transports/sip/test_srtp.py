"""Encrypted media: whose key it is, and what becomes of packets made with another."""

from __future__ import annotations

import asyncio

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.live import tone
from tests.transports.sip.descriptions import KEY
from tests.transports.sip.handset import HOST, Handset, called, connected, handset, until

from vivavoce.audio.rtcp import ReceiverReport, build
from vivavoce.audio.rtp import RtpPacket
from vivavoce.testing.clock import run_virtual
from vivavoce.transports.sip.media import Options
from vivavoce.transports.sip.negotiation import Terms
from vivavoce.transports.sip.srtp import SUITES, Crypto, Srtp, Suite

HERE, THERE = Crypto(1, SUITES[0], bytes(range(30))), Crypto(1, SUITES[0], bytes(range(30, 60)))
REPORT = build([ReceiverReport(7)])


def packet(sequence: int) -> bytes:
    return RtpPacket(0, sequence, 160 * sequence, 7, b"secret words").serialise()


def test_a_line_of_a_description() -> None:
    crypto = Crypto.parse(f"1 AES_CM_128_HMAC_SHA1_80 inline:{KEY}")
    assert crypto is not None
    assert crypto.described() == f"a=crypto:1 AES_CM_128_HMAC_SHA1_80 inline:{KEY}"
    assert KEY not in repr(crypto)
    assert Crypto.fresh(1, SUITES[0]).key != Crypto.fresh(1, SUITES[0]).key


@pytest.mark.parametrize("more", ["|2^20", "|1048576", " WSH=64", "|2^31 WSH=128"])
def test_what_need_not_concern_us(more: str) -> None:
    assert Crypto.parse(f"1  AES_CM_128_HMAC_SHA1_32 inline:{KEY}{more}") is not None


@pytest.mark.parametrize(
    "line",
    [
        "",
        f"x AES_CM_128_HMAC_SHA1_80 inline:{KEY}",
        f"1 F8_128_HMAC_SHA1_80 inline:{KEY}",
        "1 AES_CM_128_HMAC_SHA1_80 inline:short",
        f"1 AES_CM_128_HMAC_SHA1_80 inline:{KEY}=",
        f"1 AES_CM_128_HMAC_SHA1_80 inline:{KEY[:-1]}=",  # a byte less than a key and its salt
        f"1 AES_CM_128_HMAC_SHA1_80 inline:{KEY}|2^20|1:4",  # a name for the key, which would be in every packet
        f"1 AES_CM_128_HMAC_SHA1_80 inline:{KEY} UNENCRYPTED_SRTP",
        f"1 AES_CM_128_HMAC_SHA1_80 inline:{KEY} KDR=1",
    ],
)
def test_what_cannot_be_done(line: str) -> None:
    assert Crypto.parse(line) is None


@given(st.text(max_size=80))
def test_any_line_at_all(line: str) -> None:
    Crypto.parse(line)
    Crypto.parse(f"1 AES_CM_128_HMAC_SHA1_80 inline:{line}")


@pytest.mark.parametrize("suite", SUITES)
def test_there_and_back(suite: Suite) -> None:
    here, there = Crypto(1, suite, HERE.key), Crypto(1, suite, THERE.key)
    one, other = Srtp(here, there), Srtp(there, here)
    sealed = one.seal(packet(1), rtcp=False)
    assert b"secret" not in sealed
    assert len(sealed) == len(packet(1)) + (10 if suite == SUITES[0] else 4)
    assert other.open(sealed, rtcp=False) == packet(1)
    assert other.open(sealed, rtcp=False) is None  # once
    assert other.open(other.seal(packet(1), rtcp=False), rtcp=False) is None  # not its own
    assert other.open(one.seal(REPORT, rtcp=True), rtcp=True) == REPORT
    for data in (b"", b"\x80", bytes(2_000), packet(2), sealed[:-1]):
        assert other.open(data, rtcp=False) is None
        assert other.open(data, rtcp=True) is None


def test_a_key_that_stays_goes_on_where_it_is() -> None:
    one, other = Srtp(HERE, THERE), Srtp(THERE, HERE)
    old = one.seal(packet(1), rtcp=False)
    other.open(old, rtcp=False)
    other.agreed(Crypto(9, THERE.suite, THERE.key), HERE)
    assert other.open(old, rtcp=False) is None  # still known to be old
    new = Crypto.fresh(1, SUITES[0])
    one.agreed(new, THERE)
    assert other.open(one.seal(packet(2), rtcp=False), rtcp=False) is None
    other.agreed(THERE, new)
    assert other.open(one.seal(packet(3), rtcp=False), rtcp=False) == packet(3)


def secure(phone: Handset, key: Crypto) -> str:
    return phone.offer(key.described()).replace("RTP/AVP", "RTP/SAVP")


def options(timeout_s: float = 30.0) -> Options:
    return Options(terms=Terms(("pcmu",), "required"), host=HOST, timeout_s=timeout_s)


def test_a_wrong_key_is_silence_and_then_nobody() -> None:
    async def scenario() -> None:
        async with handset() as phone, called(secure(phone, HERE), options(0.4)) as (media, session, port):
            phone.srtp = Srtp(THERE, THERE)
            await asyncio.wait([asyncio.create_task(phone.say(port, 600)), asyncio.create_task(media.gone.wait())])
            assert session.audio == b""
            assert phone.got == []  # and what is sent to it is not to be read with that key either

    run_virtual(scenario())


def test_a_stranger_without_the_key_takes_nothing_over() -> None:
    async def scenario() -> None:
        async with handset() as phone, handset() as stranger, called(secure(phone, HERE), options()) as talk:
            media, session, port = talk
            await stranger.say(port, 200)
            assert media.agreed is not None
            assert session.audio == b""
            phone.srtp = Srtp(HERE, HERE)
            await phone.say(port, 200)
            assert session.loud_ms >= 150
            assert stranger.got == []

    run_virtual(scenario())


def test_hold_and_resume_keep_the_keys() -> None:
    async def scenario() -> None:
        async with connected(options(), options()) as (caller, said, callee, answered):
            caller.line.play("a", tone(1000).to_bytes())
            await until(lambda: answered.loud_ms >= 200)
            for _ in range(2):
                callee.accept(caller.reoffered(callee.offer()))
            caller.line.finish("a")
            await until(lambda: ("played", "a") in said.told)
            await until(lambda: answered.loud_ms >= 980)

    run_virtual(scenario())
