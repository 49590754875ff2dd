"""Playout: one frame every 20 ms, positions to the sample, and never a click."""

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.audio.network import steepest

from vivavoce.audio.pcm import Pcm
from vivavoce.audio.playout import CATCH_UP, FRAME, OutFrame, Playout

TAIL = 10


def level(value: int, ms: float) -> Pcm:
    return Pcm(np.full(round(ms * 24), value, np.int16), 24_000)


def hum(ms: float) -> Pcm:
    time = np.arange(round(ms * 24)) / 24_000
    return Pcm(np.rint(8_000 * np.cos(2 * np.pi * 150 * time)).astype(np.int16), 24_000)


SLOPE = round(8_000 * 2 * np.pi * 150 / 24_000) + 1


def run(playout: Playout, start: float, seconds: float) -> list[OutFrame]:
    """Asked every 5 ms."""
    frames = []
    for step in range(round(seconds / 0.005)):
        while (frame := playout.frame(start + step * 0.005)) is not None:
            frames.append(frame)
    return frames


def audio(frames: list[OutFrame]) -> Pcm:
    return Pcm.join([frame.pcm for frame in frames])


def test_with_nothing_to_say_it_is_silent() -> None:
    playout = Playout()
    assert playout.deadline() is None
    assert run(playout, 0.0, 1.0) == []


def test_what_is_pushed_comes_out_in_frames_at_the_pace_of_the_clock() -> None:
    playout = Playout()
    playout.push(hum(200), "a")
    deadline = playout.deadline()
    assert deadline is not None
    assert deadline < 5.0
    first = playout.frame(5.0)
    assert first is not None
    assert (first.position, first.first, first.pcm.ms) == (0, True, 20)
    assert playout.frame(5.019) is None
    assert playout.deadline() == 5.02
    second = playout.frame(5.02)
    assert second is not None
    assert (second.position, second.first) == (480, False)
    heard = audio([first, second]).samples
    assert heard[48:].tolist() == hum(200).samples[48:960].tolist()


def test_speech_is_followed_by_a_little_silence_and_then_by_nothing() -> None:
    playout = Playout()
    playout.push(hum(100), "a")
    frames = run(playout, 0.0, 2.0)
    assert len(frames) == 5 + TAIL + 1  # the first of them fades
    assert not audio(frames[6:]).samples.any()
    assert playout.deadline() is None


def test_a_pause_counts_and_what_follows_is_marked() -> None:
    playout = Playout()
    playout.push(hum(20), "a")
    run(playout, 0.0, 1.0)
    playout.push(hum(40), "b")
    after = run(playout, 3.0, 0.04)
    assert [(frame.position, frame.first) for frame in after] == [(72_000, True), (72_480, False)]


def test_a_telephone_is_sent_silence_without_end() -> None:
    playout = Playout(continuous=True)
    playout.push(hum(20), "a")
    assert [frame.position for frame in run(playout, 1.0, 2.0)] == list(range(0, 48_000, 480))


def test_a_telephone_is_sent_silence_before_anything_is_said() -> None:
    frames = run(Playout(continuous=True), 1.0, 1.0)
    assert [frame.position for frame in frames] == list(range(0, 24_000, 480))
    assert not audio(frames).samples.any()
    assert [frame.first for frame in frames] == [True] + [False] * 49


def test_late_asking_is_made_good_up_to_a_bound() -> None:
    playout = Playout()
    playout.push(hum(2_000), "a")
    assert len(run(playout, 0.0, 0.02)) == 1
    burst = run(playout, 0.199, 0.005)
    assert [frame.position for frame in burst] == [480 * n for n in range(1, 10)]
    late = run(playout, 1.0, 0.005)
    assert [frame.position for frame in late] == [24_000]
    assert playout.played("a") == 11 * FRAME
    assert CATCH_UP == 0.2


def test_several_utterances_are_counted_apart_to_the_sample() -> None:
    playout = Playout()
    playout.push(level(1000, 30), "a")
    playout.push(level(2000, 50), "b")
    playout.push(level(1500, 10), "a2")
    assert playout.queued == 90 * 24
    heard = audio(run(playout, 0.0, 0.06))
    assert heard.samples[700:740].tolist() == [1000] * 20 + [2000] * 20
    assert [playout.played(each) for each in ("a", "b", "a2", "?")] == [720, 720, 0, 0]
    run(playout, 0.06, 1.0)
    assert [playout.played(each) for each in ("a", "b", "a2")] == [720, 1200, 240]
    assert playout.queued == 0


def test_only_the_last_utterances_are_remembered() -> None:
    playout = Playout()
    for number in range(100):
        playout.push(level(1, 1), str(number))
    run(playout, 0.0, 1.0)
    assert (playout.played("35"), playout.played("36"), playout.played("99")) == (0, 24, 24)


@pytest.mark.parametrize("spoken_ms", [20, 60, 120])
@pytest.mark.parametrize("waiting_ms", [0, 1, 3, 300])
def test_clear_stops_within_five_milliseconds_without_a_click(spoken_ms: int, waiting_ms: int) -> None:
    playout = Playout()
    playout.push(hum(spoken_ms + waiting_ms), "a")
    before = run(playout, 0.0, spoken_ms / 1000)
    playout.clear()
    playout.clear()
    assert playout.queued == 0
    after = run(playout, spoken_ms / 1000, 1.0)
    assert len(after) == TAIL + 1
    heard = audio(before + after).samples
    at = spoken_ms * 24
    assert abs(int(heard[at])) > 7_000
    assert not heard[at + 120 :].any()
    assert steepest(Pcm(heard[48:], 24_000)) <= SLOPE + 8_000 // 120 + 1
    assert playout.played("a") == at


def test_after_clear_new_speech_begins_with_the_next_frame() -> None:
    playout = Playout()
    playout.push(hum(500), "a")
    run(playout, 0.0, 0.1)
    playout.clear()
    playout.push(hum(100), "b")
    frames = run(playout, 0.1, 0.06)
    assert [frame.position for frame in frames] == [2_400, 2_880, 3_360]
    assert not frames[0].pcm.samples[120:].any()
    assert frames[1].pcm.samples[48:].tolist() == hum(100).samples[48:480].tolist()
    assert (playout.played("a"), playout.played("b")) == (2_400, 960)


def test_clear_before_anything_was_said_says_nothing() -> None:
    playout = Playout()
    playout.push(hum(100), "a")
    playout.clear()
    assert run(playout, 0.0, 0.5) == []
    assert playout.played("a") == 0


def test_speech_that_is_late_is_faded_out_and_in_again() -> None:
    playout = Playout()
    playout.push(hum(50), "a")
    frames = run(playout, 0.0, 0.1)
    playout.push(hum(50), "a")
    frames += run(playout, 0.1, 0.5)
    assert steepest(audio(frames)) <= SLOPE + 8_000 // 48 + 1
    assert playout.played("a") == 100 * 24


def test_only_24_khz_is_played() -> None:
    with pytest.raises(ValueError, match="24000 Hz"):
        Playout().push(Pcm.silence(20, 16_000), "a")
    playout = Playout()
    playout.push(Pcm.silence(0), "a")
    assert playout.deadline() is None


@given(
    acts=st.lists(
        st.tuples(st.sampled_from(["push", "clear", "wait"]), st.integers(0, 4_000), st.floats(0, 0.5)), max_size=40
    ),
    continuous=st.booleans(),
)
@settings(max_examples=150)
def test_whatever_happens_no_click_no_sample_twice_and_never_ahead(
    acts: list[tuple[str, int, float]], continuous: bool
) -> None:
    playout, now, frames = Playout(continuous=continuous), 0.0, list[OutFrame]()
    pushed, dropped, at = 0, 0, 0
    wave = hum(40 * 170).samples
    for act, samples, passed in acts:
        if act == "push":
            playout.push(Pcm(wave[at : at + samples], 24_000), "a")
            pushed, at = pushed + samples, at + samples
        elif act == "clear":
            dropped += playout.queued
            playout.clear()
        else:
            now += passed
        while (frame := playout.frame(now)) is not None:
            frames.append(frame)
    assert playout.played("a") + playout.queued + dropped == pushed
    positions = [frame.position for frame in frames]
    assert all(after - before >= FRAME for before, after in pairwise(positions))
    if positions:
        assert positions[-1] <= now * 24_000 + 1
    assert steepest(Pcm.join([Pcm.silence(1), audio(frames)])) <= 2 * SLOPE + 8_000 // 48 + 1
