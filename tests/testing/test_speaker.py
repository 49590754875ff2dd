"""The speaker that makes no sound: where it puts each piece, and how much was heard when it is stopped."""

from __future__ import annotations

import numpy as np

from vivavoce.audio.pcm import Pcm
from vivavoce.testing.speaker import Cut, Speaker

RATE = 1000


def piece(ms: int, level: int = 1) -> Pcm:
    return Pcm(np.full(ms, level, np.int16), RATE)


def test_what_comes_faster_than_it_is_heard_waits_its_turn() -> None:
    speaker = Speaker(RATE, began=10.0)
    speaker.play("item", 0, piece(100, 1), now=10.05)
    speaker.play("item", 0, piece(100, 2), now=10.06)
    heard = speaker.heard().samples.tolist()
    assert heard == [0] * 50 + [1] * 100 + [2] * 100
    assert speaker.ends_at == 10.25
    assert speaker.stalls == []


def test_a_late_piece_of_an_item_is_a_stall_and_a_new_item_is_not() -> None:
    speaker = Speaker(RATE, began=0.0)
    speaker.play("one", 0, piece(100), now=0.0)
    speaker.play("one", 0, piece(100), now=0.13)
    speaker.play("two", 0, piece(100), now=0.9)
    assert speaker.stalls == [30.0]
    assert len(speaker.heard().samples) == 1000


def test_stopping_says_how_much_of_each_item_was_heard() -> None:
    speaker = Speaker(RATE, began=0.0)
    speaker.play("one", 0, piece(100), now=0.0)
    speaker.play("two", 0, piece(100), now=0.0)
    speaker.play("two", 0, piece(100), now=0.0)
    speaker.play("three", 0, piece(100), now=0.0)
    assert speaker.stop(now=0.25) == [Cut("two", 0, 150), Cut("three", 0, 0)]
    assert len(speaker.heard().samples) == 250
    speaker.play("two", 0, piece(100), now=0.26)
    assert speaker.late == 1
    assert len(speaker.heard().samples) == 250


def test_after_the_end_there_is_nothing_to_stop() -> None:
    speaker = Speaker(RATE, began=0.0)
    assert speaker.stop(now=1.0) == []
    speaker.play("one", 0, piece(100), now=1.0)
    assert speaker.stop(now=1.2) == []
    assert len(speaker.heard().samples) == 1100
