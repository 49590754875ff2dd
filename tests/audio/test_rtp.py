"""RTP packets survive the way to bytes and back, and what is no packet is refused."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vivavoce.audio.rtp import Extension, RtpPacket, extend, is_rtcp

WORDS = st.integers(0, 2**32 - 1)
EXTENSIONS = st.builds(
    Extension, st.integers(0, 65_535), st.integers(0, 5).flatmap(lambda n: st.binary(min_size=4 * n, max_size=4 * n))
)
PACKETS = st.builds(
    RtpPacket,
    payload_type=st.integers(0, 127),
    sequence=st.integers(0, 65_535),
    timestamp=WORDS,
    ssrc=WORDS,
    payload=st.binary(max_size=40),
    marker=st.booleans(),
    csrc=st.lists(WORDS, max_size=15).map(tuple),
    extension=st.none() | EXTENSIONS,
    padding=st.integers(0, 255),
)


def test_the_fields_are_where_the_rfc_puts_them() -> None:
    data = bytes.fromhex("b2ef0102 03040506 0708090a 0000000b 0000000c bede0001 10ff0000 68690000 04".replace(" ", ""))
    packet = RtpPacket.parse(data[:-1] + b"\x00\x04")
    assert packet == RtpPacket(
        payload_type=0x6F,
        sequence=0x0102,
        timestamp=0x03040506,
        ssrc=0x0708090A,
        payload=b"hi",
        marker=True,
        csrc=(11, 12),
        extension=Extension(0xBEDE, b"\x10\xff\x00\x00"),
        padding=4,
    )


@given(PACKETS)
def test_a_packet_survives_the_way(packet: RtpPacket) -> None:
    assert RtpPacket.parse(packet.serialise()) == packet


@given(st.binary(max_size=80))
def test_any_bytes_are_a_packet_or_a_value_error(data: bytes) -> None:
    try:
        packet = RtpPacket.parse(data)
    except ValueError:
        return
    assert len(packet.serialise()) == len(data)


@given(PACKETS, st.data())
def test_a_header_that_is_cut_off_is_refused(packet: RtpPacket, data: st.DataObject) -> None:
    whole = packet.serialise()
    header = len(whole) - len(packet.payload) - packet.padding
    with pytest.raises(ValueError, match="RTP"):
        RtpPacket.parse(whole[: data.draw(st.integers(0, header - 1))])


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (bytes(12), "version 0"),
        (b"\xa0" + bytes(12), "padding"),  # that says it is 0 bytes long
        (b"\xa0" + bytes(11) + b"\x09", "padding"),
    ],
)
def test_what_is_no_packet_is_refused(data: bytes, reason: str) -> None:
    with pytest.raises(ValueError, match=reason):
        RtpPacket.parse(data)


@pytest.mark.parametrize(
    "packet",
    [
        RtpPacket(0, 65_536, 0, 0, b""),
        RtpPacket(0, 0, -1, 0, b""),
        RtpPacket(0, 0, 0, 0, b"", csrc=(1,) * 16),
        RtpPacket(0, 0, 0, 0, b"", padding=256),
        RtpPacket(0, 0, 0, 0, b"", extension=Extension(1, b"abc")),
    ],
)
def test_what_does_not_fit_is_not_sent(packet: RtpPacket) -> None:
    with pytest.raises(ValueError, match="RTP"):
        packet.serialise()


@given(st.integers(0, 2**63), st.integers(-(2**15), 2**15 - 1))
def test_a_counter_is_unwrapped_to_the_nearest(near: int, distance: int) -> None:
    assert extend((near + distance) & 0xFFFF, near, 16) == near + distance


def test_rtcp_on_the_same_port_is_told_apart() -> None:
    assert is_rtcp(bytes([0x80, 200, 0, 0]))
    assert not is_rtcp(RtpPacket(111, 0, 0, 0, b"", marker=True).serialise())
    assert not is_rtcp(b"\x80")
