"""Keys that are pressed, each told once, whatever becomes of their packets; and what the audio is meanwhile."""

from __future__ import annotations

import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vivavoce.audio.receiver import COMFORT_NOISE
from vivavoce.audio.rtp import RtpPacket
from vivavoce.transports.sip.dtmf import KEYS, Presses, as_silence
from vivavoce.transports.sip.negotiation import Keys

AGREED = Keys(101, 8_000)


def event(number: int, ticks: int, at: int, *, sequence: int = 0, end: bool = False, ssrc: int = 7) -> RtpPacket:
    payload = struct.pack("!BBH", number, end << 7 | 10, ticks)
    return RtpPacket(101, sequence & 0xFFFF, at & 0xFFFFFFFF, ssrc, payload)


def press(key: str, at: int, *, ms: int = 100, sequence: int = 0) -> list[RtpPacket]:
    """As telephones send one: every 20 ms how long it is held by now, and the end three times."""
    number, ticks = KEYS.index(key), 8 * ms
    made = [event(number, held, at, sequence=sequence + i) for i, held in enumerate(range(160, ticks, 160))]
    return made + [event(number, ticks, at, sequence=sequence + len(made) + i, end=True) for i in range(3)]


def told(packets: list[RtpPacket], presses: Presses | None = None) -> str:
    presses = presses or Presses(AGREED)
    return "".join(key for packet in packets if (key := presses.take(packet)))


def dial(keys: str, start: int = 4_294_960_000) -> list[list[RtpPacket]]:
    """One after another, 100 ms each with 100 ms between; the clock wraps early on."""
    return [press(key, start + index * 1_600, sequence=10 * index) for index, key in enumerate(keys)]


def test_every_key_once() -> None:
    assert told([packet for key in dial(KEYS) for packet in key]) == "0123456789*#ABCD"


def test_the_same_key_again_is_another_press() -> None:
    assert told([packet for key in dial("11#11") for packet in key]) == "11#11"


@pytest.mark.parametrize("kept", ["first", "last", "an end"])
def test_one_packet_of_a_key_is_enough(kept: str) -> None:
    at = {"first": 0, "last": -1, "an end": -3}[kept]
    assert told([key[at] for key in dial("1159*")]) == "1159*"


@given(st.data())
def test_losses_doubles_and_overtaking_within_a_key_change_nothing(data: st.DataObject) -> None:
    packets = []
    for key in dial("90021#"):
        kept = data.draw(st.lists(st.sampled_from(key), min_size=1, max_size=12))
        packets += kept
    assert told(packets) == "90021#"


def test_what_comes_after_the_next_key_was_pressed_is_old() -> None:
    one, two = dial("12")
    assert told([one[0], two[0], one[3], one[-1], two[1]]) == "12"


def test_a_key_that_is_held_for_longer_than_a_packet_can_say() -> None:
    parts = [event(5, 0xFFFF, 1_000), event(5, 160, 1_000 + 0xFFFF), event(5, 320, 1_000 + 0xFFFF, end=True)]
    assert told(parts) == "5"
    assert told([*parts, event(5, 160, 1_000 + 2 * 0xFFFF)]) == "55"  # the part before was short: it had an end
    assert told([parts[0], event(6, 160, 1_000 + 0xFFFF)]) == "56"


def test_another_source_and_a_clock_that_begins_anew() -> None:
    presses = Presses(AGREED)
    assert told([event(1, 160, 900_000)], presses) == "1"
    assert told([event(1, 160, 900_000 - 80_001)], presses) == "1"
    assert told([event(1, 160, 900_000 - 80_001, ssrc=8)], presses) == "1"
    assert told([event(1, 160, 900_000 - 160_001, ssrc=8)], presses) == ""


def test_other_events_and_no_events() -> None:
    assert told([event(16, 160, 0), event(255, 160, 800)]) == ""
    assert told([RtpPacket(101, 0, 0, 7, b"\x01\x0a\x00")]) == ""
    assert as_silence(RtpPacket(101, 0, 0, 7, b"\x01\x0a\x00"), AGREED) is None


@given(st.lists(st.tuples(st.binary(max_size=6), st.integers(0, 2**32 - 1)), max_size=20))
def test_any_payloads_at_all(packets: list[tuple[bytes, int]]) -> None:
    keys = told([RtpPacket(101, 0, at, 7, payload) for payload, at in packets])
    assert set(keys) <= set(KEYS)
    assert len(keys) <= len(packets)


def test_the_audio_is_silent_up_to_where_the_key_has_got() -> None:
    silences = [as_silence(packet, AGREED) for packet in press("7", 8_000, ms=60, sequence=5)]
    assert [each and (each.payload_type, each.sequence, each.timestamp, each.payload) for each in silences] == [
        (COMFORT_NOISE, 5, 8_000, b""),
        (COMFORT_NOISE, 6, 8_160, b""),
        (COMFORT_NOISE, 7, 8_320, b""),
        (COMFORT_NOISE, 8, 8_320, b""),
        (COMFORT_NOISE, 9, 8_320, b""),
    ]
    assert as_silence(event(1, 0, 800), AGREED) == RtpPacket(COMFORT_NOISE, 0, 800, 7, b"")
