"""The jitter buffer: what it hands out, when, and what it does about senders that misbehave."""

from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from vivavoce.audio.jitter import HELD, STOOD_STILL, Frame, Gap, JitterBuffer
from vivavoce.audio.lateness import LONGEST, SHORTEST, Lateness
from vivavoce.audio.rtp import RtpPacket

RATE, TICKS = 8_000, 160
Step = Frame | Gap


class Call:
    """A buffer and a sender of 20 ms packets, whose payload is the packet's number."""

    def __init__(self, *, sequence: int = 65_530, timestamp: int = 2**32 - 500, ssrc: int = 1) -> None:
        self.buffer = JitterBuffer(RATE)
        self.sequence, self.timestamp, self.ssrc = sequence, timestamp, ssrc

    def packet(self, number: int, *, shift: int = 0) -> RtpPacket:
        """Packet `number`, its timestamp `shift` ticks off."""
        at = (self.timestamp + number * TICKS + shift) & 0xFFFFFFFF
        return RtpPacket(0, (self.sequence + number) & 0xFFFF, at, self.ssrc, str(number).encode())

    def put(self, number: int, now: float, *, shift: int = 0, falls_silent: bool = False) -> list[Step]:
        """The packet comes, and this is handed out at once."""
        self.buffer.put(self.packet(number, shift=shift), TICKS, now, falls_silent=falls_silent)
        return self.get(now)

    def get(self, now: float) -> list[Step]:
        steps = []
        while (step := self.buffer.get(now)) is not None:
            steps.append(step)
        return steps

    def unsteady(self) -> None:
        """Five packets, the first at once and the others 50 ms late: the last, too, until 0.13 s."""
        self.put(0, 0.0)
        for number in range(1, 5):
            self.put(number, number * 0.02 + 0.05)
        for _ in range(8):
            self.put(4, 0.13)

    def flow(self, numbers: range, *, start: float = 0.0) -> list[Step]:
        """Packets in order, each in its time."""
        return [step for number in numbers for step in self.put(number, start + number * 0.02)]


def frames(*numbers: int) -> list[Step]:
    return [Frame(str(number).encode()) for number in numbers]


def test_before_the_first_packet_there_is_nothing() -> None:
    call = Call()
    assert call.get(5.0) == []
    assert call.buffer.deadline() is None


def test_a_packet_in_its_turn_is_handed_out_at_once() -> None:
    assert Call().flow(range(50)) == frames(*range(50))


def test_packets_that_changed_places_come_out_in_order() -> None:
    call = Call()
    call.unsteady()
    dropped = call.buffer.dropped
    assert call.put(6, 0.135) == []
    assert call.put(5, 0.14) == frames(5, 6)
    assert call.buffer.dropped == dropped


def test_a_lost_packet_is_waited_for_and_then_a_gap_that_names_the_next() -> None:
    call = Call()
    call.unsteady()
    assert call.put(6, 0.135) == []
    assert call.buffer.deadline() == pytest.approx(0.15)
    assert call.get(0.149) == []
    assert call.get(0.151) == [Gap(TICKS, b"6"), *frames(6)]


def test_of_several_lost_packets_only_the_last_has_a_copy() -> None:
    call = Call()
    call.unsteady()
    assert call.put(8, 0.175) == [Gap(TICKS), Gap(TICKS)]
    assert call.get(0.191) == [Gap(TICKS, b"8"), *frames(8)]


def test_a_packet_that_comes_after_its_gap_is_dropped() -> None:
    call = Call()
    call.flow(range(5))
    assert call.put(6, 0.125) == [Gap(TICKS, b"6"), *frames(6)]
    assert call.put(5, 0.13) == []
    assert call.buffer.dropped == 1
    assert call.put(7, 0.14) == frames(7)


def test_each_packet_is_handed_out_once() -> None:
    call = Call()
    assert call.flow(range(3)) + call.flow(range(3)) == frames(0, 1, 2)
    call.unsteady()
    dropped = call.buffer.dropped
    assert call.put(6, 0.135) + call.put(6, 0.135) == []
    assert call.put(5, 0.14) == frames(5, 6)
    assert call.buffer.dropped == dropped + 1


def test_the_wait_follows_the_jitter_and_comes_back() -> None:
    late = Lateness()
    assert late.wait == SHORTEST
    waits = []
    for number in range(3_000):
        delay = 0.1 * (number % 10) / 9 if 500 <= number < 1_000 else 0.0
        late.heard(number * 0.02, number * 0.02 + delay)
        waits.append(late.wait)
    assert set(waits[:500]) == {SHORTEST}
    assert 0.09 <= max(waits) <= 0.1001
    assert waits[-1] == SHORTEST


def test_the_wait_has_bounds() -> None:
    late = Lateness()
    for number in range(400):
        late.heard(number * 0.02, number * 0.02 + 3.0 * (number % 2))
    assert late.wait == LONGEST


def test_a_route_that_became_longer_is_no_jitter_for_long() -> None:
    late = Lateness()
    for number in range(1_500):
        late.heard(number * 0.02, number * 0.02 + (0.15 if number > 500 else 0.0))
    assert late.wait == SHORTEST


def test_when_nothing_comes_time_goes_on_a_little_behind() -> None:
    call = Call()
    call.flow(range(5))
    assert call.buffer.deadline() == 0.1 + LONGEST
    assert call.get(0.29) == []
    assert call.get(1.301) == [Gap(TICKS)] * 51


def test_who_said_that_silence_follows_is_heard_to_be_silent_sooner() -> None:
    call = Call()
    call.flow(range(5))
    call.put(5, 0.1, falls_silent=True)
    assert call.get(0.141) == [Gap(TICKS)]
    assert call.get(0.241) == [Gap(TICKS)] * 5


def test_a_pause_of_the_sender_is_no_loss() -> None:
    """Opus DTX: the numbers go on, the timestamps jump; what lies between is known at once to be a gap."""
    call = Call()
    call.flow(range(5))
    assert call.put(5, 0.14, shift=2 * TICKS) == [Gap(TICKS)] * 2 + frames(5)


def test_a_long_pause_is_followed_even_if_nobody_asked_meanwhile() -> None:
    call = Call()
    call.flow(range(5))
    assert call.put(5, 60.1, shift=3000 * TICKS) == [Gap(TICKS)] * 3000 + frames(5)


def test_packets_of_other_lengths_and_odd_gaps_add_up() -> None:
    call = Call()
    call.flow(range(5))
    call.buffer.put(call.packet(5), 2 * TICKS, 0.1)
    assert call.get(0.1) == frames(5)
    assert call.put(6, 0.15, shift=TICKS + 70) == [Gap(70), *frames(6)]
    assert call.put(7, 0.16, shift=TICKS + 20) == [Frame(b"7", skip=50)]


def test_tiny_packets_do_not_make_tiny_gaps() -> None:
    call = Call()
    call.buffer.put(call.packet(0), 1, 0.0)
    assert call.get(0.0) == frames(0)
    assert call.put(1, 1.0, shift=49 * TICKS) == [Gap(79), *[Gap(80)] * 99, *frames(1)]


def test_a_packet_that_lies_within_another_is_dropped() -> None:
    call = Call()
    call.unsteady()
    dropped = call.buffer.dropped
    call.buffer.put(call.packet(6), 3 * TICKS, 0.135)
    assert call.put(7, 0.135) == []
    assert call.put(5, 0.14) == frames(5, 6)
    assert call.buffer.dropped == dropped + 1


def test_a_stall_loses_what_came_too_late_and_nothing_after() -> None:
    call = Call()
    call.flow(range(50))
    stalled = call.get(1.6)
    assert len(stalled) == 21  # until 1.4 s, 200 ms behind
    burst = [step for number in range(50, 80) for step in call.put(number, 1.6)]
    assert burst == frames(*range(71, 80))
    assert call.flow(range(80, 90)) == frames(*range(80, 90))


def test_a_clock_that_stood_still_is_followed() -> None:
    call = Call()
    call.flow(range(50))
    call.get(1.7)
    assert len(call.flow(range(50, 100), start=0.7)) >= 50 - STOOD_STILL / 0.02 - 1
    assert call.buffer.get(2.71) is None


def test_a_clock_that_stood_still_for_long_is_followed_at_once() -> None:
    call = Call()
    call.flow(range(50))
    call.get(9.0)
    assert call.flow(range(50, 100), start=8.0) == frames(*range(51, 100))


def test_a_new_source_is_followed_and_a_single_stray_packet_is_not() -> None:
    call, other = Call(), Call(sequence=9, timestamp=77, ssrc=2)
    call.flow(range(5))
    call.buffer.put(other.packet(0), TICKS, 0.1)
    assert call.put(5, 0.1) == frames(5)
    other.buffer = call.buffer
    assert other.flow(range(5), start=0.12) == frames(1, 2, 3, 4)


def test_numbers_and_timestamps_that_begin_anew_are_followed() -> None:
    for other in (Call(sequence=30_000), Call(timestamp=10**6), Call(sequence=4_000, timestamp=2**31)):
        call = Call()
        call.flow(range(5))
        other.buffer = call.buffer
        assert other.flow(range(5, 10)) == frames(6, 7, 8, 9)
        assert call.put(5, 0.2) == []


def test_it_holds_a_bounded_number() -> None:
    call = Call()
    call.flow(range(2))
    for number in range(HELD + 50):
        call.buffer.put(call.packet(3 + number, shift=-number * TICKS + number), TICKS, 0.04)
    assert call.buffer.dropped == 50


def test_thirty_minutes_of_drift_neither_delay_nor_lose_anything() -> None:
    for ppm in (200, -200):
        buffer, now, long = JitterBuffer(RATE), 0.0, 0.06
        for number in range(30_000):
            now = number * long * (1 + ppm / 1e6)
            buffer.put(RtpPacket(0, number & 0xFFFF, number * 480, 1, b""), 480, now)
            assert isinstance(buffer.get(now), Frame)
            assert buffer.get(now) is None
        assert buffer.wait == SHORTEST
        assert buffer.deadline() == pytest.approx(now + long + LONGEST, abs=0.005)


@given(
    order=st.permutations(list(range(1, 40))),
    spread=st.floats(0.0, 0.3),
    lost=st.sets(st.integers(1, 39)),
    twice=st.sets(st.integers(0, 39)),
    stride=st.integers(1, 3),
)
@settings(max_examples=200)
def test_any_order_gives_each_packet_at_most_once_and_the_time_that_passed(
    order: list[int], spread: float, lost: set[int], twice: set[int], stride: int
) -> None:
    """`order` is how the packets are shuffled within `spread` seconds of their time; `stride` makes pauses."""
    call = Call()
    arrivals = [(0.0, 0)] + [
        (number * 0.02 * stride + spread * place / 40, number)
        for place, number in enumerate(order)
        if number not in lost
        for _ in range(2 if number in twice else 1)
    ]
    steps: list[Step] = []
    for now, number in sorted(arrivals):
        steps += call.put(number, now, shift=number * (stride - 1) * TICKS)
    steps += call.get(40 * 0.02 * stride + 1.0)
    numbers = [int(step.payload) for step in steps if isinstance(step, Frame)]
    assert all(before < after for before, after in pairwise(numbers))
    played = len(numbers) * TICKS + sum(step.ticks for step in steps if isinstance(step, Gap))
    behind = 40 * stride * TICKS + RATE - played
    assert LONGEST * RATE - TICKS <= behind <= (LONGEST + spread) * RATE + TICKS


@given(
    st.lists(
        st.tuples(
            st.integers(0, 2),
            st.integers(0, 65_535),
            st.integers(0, 2**32 - 1) | st.integers(0, 2_000),
            st.integers(1, 4_000),
            st.floats(0, 0.5),
            st.booleans(),
        ),
        max_size=60,
    )
)
@settings(max_examples=200)
def test_any_packets_at_all_are_taken_and_the_time_handed_out_is_bounded(
    packets: list[tuple[int, int, int, int, float, bool]],
) -> None:
    buffer, now, ticks = JitterBuffer(RATE), 0.0, 0
    for ssrc, sequence, timestamp, length, passed, falls_silent in packets:
        now += passed
        packet = RtpPacket(0, sequence, timestamp, ssrc, bytes(length))
        buffer.put(packet, length, now, falls_silent=falls_silent)
        while (step := buffer.get(now)) is not None:
            ticks += step.ticks if isinstance(step, Gap) else len(step.payload) - step.skip
    assert ticks <= (now + 2) * RATE * (1 + len(packets)) + 4_000 * len(packets)
