"""RTCP reports survive the way to bytes and back, and give the round-trip time."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vivavoce.audio.rtcp import (
    Bye,
    ReceiverReport,
    ReportBlock,
    Rtcp,
    SenderReport,
    SourceDescription,
    build,
    middle,
    ntp_time,
    parse,
    round_trip,
)

WORDS = st.integers(0, 2**32 - 1)
NAMES = st.text(max_size=60)
BLOCKS = st.lists(
    st.builds(ReportBlock, WORDS, st.integers(0, 255), st.integers(-(2**23), 2**23 - 1), WORDS, WORDS, WORDS, WORDS),
    max_size=31,
).map(tuple)
REPORTS = st.lists(
    st.builds(SenderReport, WORDS, st.integers(0, 2**64 - 1), WORDS, WORDS, WORDS, BLOCKS)
    | st.builds(ReceiverReport, WORDS, BLOCKS)
    | st.builds(SourceDescription, WORDS, NAMES)
    | st.builds(Bye, st.lists(WORDS, max_size=31).map(tuple), NAMES),
    max_size=5,
)


def test_a_receiver_report_is_what_the_rfc_draws() -> None:
    block = ReportBlock(
        ssrc=2, fraction_lost=64, lost=-1, highest=0x10005, jitter=6, last_report=7, since_last_report=8
    )
    data = build([ReceiverReport(1, (block,)), SourceDescription(1, "me")])
    words = "81c90007 00000001 00000002 40ffffff 00010005 00000006 00000007 00000008"
    assert data.hex() == (words + " 81ca0003 00000001 01026d65 00000000").replace(" ", "")


@given(REPORTS)
def test_reports_survive_the_way(reports: list[Rtcp]) -> None:
    assert parse(build(reports)) == reports


@given(st.binary(max_size=80) | REPORTS.flatmap(lambda reports: st.just(build(reports)[:-3])))
def test_any_bytes_are_reports_or_a_value_error(data: bytes) -> None:
    try:
        reports = parse(data)
    except ValueError:
        return
    assert isinstance(reports, list)


def test_what_is_not_known_is_left_out() -> None:
    feedback = bytes([0x81, 205, 0, 2]) + bytes(8)
    tool = bytes.fromhex("81ca0004 00000001 0603616263 010178 00000000".replace(" ", ""))  # TOOL "abc", then CNAME "x"
    padded = bytes([0xA0, 201, 0, 2]) + bytes(4) + bytes([0, 0, 0, 4])
    assert parse(feedback + tool + padded) == [SourceDescription(1, "x"), ReceiverReport(0)]


@pytest.mark.parametrize(
    "data",
    [
        bytes([0x40, 201, 0, 0]),
        bytes([0x80, 201, 0, 1]),
        bytes([0x81, 201, 0, 1]) + bytes(4),
        bytes([0x81, 202, 0, 1]) + bytes(4),
    ],
    ids=["version", "shorter than it says", "block missing", "list without an end"],
)
def test_what_is_malformed_is_refused(data: bytes) -> None:
    with pytest.raises(ValueError, match="RTCP"):
        parse(data)


def test_what_does_not_fit_is_not_sent() -> None:
    with pytest.raises(ValueError, match="out of range"):
        build([ReceiverReport(-1)])
    with pytest.raises(ValueError, match="out of range"):
        build([SourceDescription(1, "x" * 256)])
    with pytest.raises(ValueError, match="31 entries"):
        build([Bye(tuple(range(32)))])


def test_the_round_trip_is_the_way_less_the_time_in_between() -> None:
    """RFC 3550 6.4.1, figure 2: sent at 1000.0, held for 5.25 s, back at 1005.4: 150 ms on the way."""
    heard = ReportBlock(1, 0, 0, 0, 0, last_report=middle(ntp_time(1000.0)), since_last_report=round(5.25 * 65536))
    assert round_trip(heard, ntp_time(1005.4)) == pytest.approx(0.150, abs=1e-4)
    assert round_trip(heard, ntp_time(1005.2)) == 0.0


def test_without_a_report_of_ours_there_is_no_round_trip() -> None:
    assert round_trip(ReportBlock(1, 0, 0, 0, 0, 0, 0), ntp_time(1000.0)) is None


def test_ntp_time_counts_from_1900() -> None:
    assert ntp_time(0.5) == (2_208_988_800 << 32) + (1 << 31)
