"""The counts behind the reports: loss, jitter and the report clock, as RFC 3550 appendix A computes them."""

import pytest

from vivavoce.audio.reports import Reception, Sending
from vivavoce.audio.rtcp import SenderReport, middle, ntp_time, round_trip
from vivavoce.audio.rtp import RtpPacket


def packet(sequence: int, *, timestamp: int | None = None, ssrc: int = 5) -> RtpPacket:
    at = sequence * 160 if timestamp is None else timestamp
    return RtpPacket(0, sequence & 0xFFFF, at & 0xFFFFFFFF, ssrc, bytes(160))


def receive(reception: Reception, *sequences: int) -> None:
    for sequence in sequences:
        reception.arrived(packet(sequence), 10 + sequence * 0.02)


def test_nothing_heard_is_nothing_to_report() -> None:
    assert Reception(8_000).report(1.0) is None


def test_loss_is_counted_across_the_wrap_and_since_the_last_report() -> None:
    reception = Reception(8_000)
    receive(reception, 65_534, 65_535, 65_536, 65_539)
    report = reception.report(0.0)
    assert report is not None
    assert (report.highest, report.lost, report.fraction_lost) == (65_539, 2, 2 * 256 // 6)
    receive(reception, 65_540, 65_541)
    report = reception.report(0.0)
    assert report is not None
    assert (report.highest, report.lost, report.fraction_lost) == (65_541, 2, 0)


def test_duplicates_make_the_loss_negative_and_late_packets_undo_it() -> None:
    reception = Reception(8_000)
    receive(reception, 1, 3, 2, 2, 2)
    report = reception.report(0.0)
    assert report is not None
    assert (report.highest, report.lost, report.fraction_lost) == (3, -2, 0)


def test_a_report_without_a_packet_in_between_reports_no_loss() -> None:
    reception = Reception(8_000)
    receive(reception, 1, 3)
    reception.report(0.0)
    report = reception.report(0.0)
    assert report is not None
    assert (report.lost, report.fraction_lost) == (1, 0)


def test_jitter_is_a_sixteenth_of_each_difference_in_transit() -> None:
    reception = Reception(8_000)
    for sequence, late in enumerate([0.0, 0.010, 0.0]):
        reception.arrived(packet(sequence), sequence * 0.02 + late)
    report = reception.report(1.0)
    assert report is not None
    after_one = 80 / 16
    assert report.jitter == int(after_one + (80 - after_one) / 16)


def test_an_even_stream_has_no_jitter() -> None:
    reception = Reception(8_000)
    receive(reception, *range(65_000, 66_000))
    report = reception.report(0.0)
    assert report is not None
    assert report.jitter == 0


def test_one_stray_packet_changes_nothing_and_two_begin_anew() -> None:
    reception = Reception(8_000)
    receive(reception, 10, 11, 30_000)
    first = reception.report(0.0)
    receive(reception, 12)
    assert first is not None
    assert (first.highest, first.lost) == (11, 0)
    receive(reception, 30_000, 30_001, 30_002)
    second = reception.report(0.0)
    assert second is not None
    assert (second.highest, second.lost) == (30_002, 0)


def test_a_new_source_begins_anew() -> None:
    reception = Reception(8_000)
    receive(reception, 10, 12)
    reception.sender_report(SenderReport(5, ntp_time(50.0), 0, 0, 0), 1.0)
    reception.arrived(packet(7, ssrc=6), 2.0)
    report = reception.report(3.0)
    assert report is not None
    assert (report.ssrc, report.highest, report.lost, report.last_report) == (6, 7, 0, 0)


def test_the_sender_can_work_out_its_round_trip() -> None:
    reception = Reception(8_000)
    receive(reception, 1)
    reception.sender_report(SenderReport(99, ntp_time(1.0), 0, 0, 0), 20.0)  # of another stream
    reception.sender_report(SenderReport(5, ntp_time(1000.0), 0, 0, 0), 20.0)
    report = reception.report(22.5)
    assert report is not None
    assert report.last_report == middle(ntp_time(1000.0))
    assert round_trip(report, ntp_time(1002.58)) == pytest.approx(0.08, abs=1e-3)


def test_a_sender_reports_what_it_sent_and_its_clock_at_this_moment() -> None:
    sending = Sending(5, 8_000)
    assert sending.report(1.0, 1000.0) is None
    sending.sent(packet(1, timestamp=2**32 - 160), 1.0)
    sending.sent(packet(2, timestamp=0), 1.02)
    assert sending.report(1.52, 1000.0) == SenderReport(5, ntp_time(1000.0), 4_000, 2, 320)
