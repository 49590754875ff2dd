"""What the benches of telephone calls count, and what they try."""

from __future__ import annotations

from collections.abc import Callable
from random import Random

import msgspec
import pytest
from tests.live import tone

from vivavoce.audio.g711 import alaw_decode, ulaw_decode
from vivavoce.audio.pcm import Pcm
from vivavoce.bench.report import Spread
from vivavoce.bench.sip import Cost, Echo, SipReport, lost
from vivavoce.bench.sip_caller import payloads
from vivavoce.bench.sip_fuzz import FuzzReport, fuzz, mutated, scene
from vivavoce.transports.rtp.codecs import Codec

LAG = Spread(0.0, 0.1, 1.0, 2.0)
COST = Cost("pcmu", 50, 20.0, 50, 0.9, 6, 6, 2.0, 0.5, 50_000, 50_000, 0, 50, 0.1, LAG)
ECHO = Echo("pcmu", Spread(20.0, 30.0, 40.0, 50.0), 120, 120)
MACHINE = {"cores": "2"}


def test_packets_that_are_missing_are_counted_across_the_wrap_and_those_that_come_twice_are_not() -> None:
    assert lost([65_534, 65_535, 65_535, 1, 3, 2]) == 1
    assert lost([]) == 0


def test_speech_is_cut_into_whole_packets() -> None:
    both: tuple[tuple[Codec, Callable[[bytes], Pcm]], ...] = (("pcmu", ulaw_decode), ("pcma", alaw_decode))
    for codec, decode in both:
        packets = payloads(tone(50), codec)
        assert [len(each) for each in packets] == [160, 160, 160]
        assert abs(decode(packets[0]).samples).max() > 5_000
    assert len(payloads(tone(50), "opus")) == 3


def test_calls_that_are_whole_are_good() -> None:
    assert SipReport(COST, [ECHO], MACHINE).good


@pytest.mark.parametrize(
    "change",
    [
        {"sessions": 49},
        {"spoken_to": 49},
        {"received": 48_000},
        {"sent": 0},
        {"threads_all": 7},
        {"lag": Spread(0.0, 1.0, 30.0, 40.0)},
        {"lag": None},
    ],
)
def test_what_is_not_good(change: dict[str, object]) -> None:
    assert not SipReport(msgspec.structs.replace(COST, **change), [ECHO], MACHINE).good


def test_an_echo_that_was_lost_is_not_good() -> None:
    assert not SipReport(COST, [msgspec.structs.replace(ECHO, came_back=119)], MACHINE).good


def test_broken_input_ends_in_every_way_that_it_may() -> None:
    found = fuzz(4_000, seed=7)
    assert found.escaped == {}
    assert (found.sip, found.sdp) == (2_000, 2_000)
    assert sum(found.outcomes.values()) == 4_000
    wanted = ["SDP: SdpError 400", "SDP: SdpError 488", "SDP: answered"]
    wanted += ["SIP: SipError", "SIP: answered or told", "SIP: read and left alone"]
    assert list(found.outcomes) == wanted
    assert fuzz(400, seed=7) == fuzz(400, seed=7)
    assert fuzz(400, seed=7) != fuzz(400, seed=8)


def test_another_exception_is_not_good() -> None:
    assert not FuzzReport(1, 0, {}, {"KeyError: 'via'": 1}).good


def test_messages_of_every_kind_are_tried() -> None:
    _, written = scene()
    methods = {each.split(b" ")[0] for each in written}
    assert methods >= {b"INVITE", b"ACK", b"BYE", b"CANCEL", b"UPDATE", b"NOTIFY", b"OPTIONS", b"REFER", b"SIP/2.0"}
    chance = Random(1)
    assert all(mutated(each, chance) != each for each in written[:3])
