"""PROTOCOL.md 3.4: turns that end when the caller sounds finished."""

from __future__ import annotations

import pytest
from tests.core.caller import FRAME_MS, Caller, show, tags

from vivavoce.core import effects as fx
from vivavoce.core.turns import MIN_WAIT_MS, wait_ms
from vivavoce.protocol.session import Eagerness

MS = fx.SAMPLES_PER_MS


def listening(eagerness: str = "medium") -> Caller:
    caller = Caller()
    caller.detect(type="semantic_vad", eagerness=eagerness)
    return caller


def estimates(outputs: list[fx.Output]) -> list[fx.EstimateTurn]:
    return [output for output in outputs if isinstance(output, fx.EstimateTurn)]


def silence_until_stopped(caller: Caller) -> int:
    """Milliseconds of silence until the turn ends."""
    for frame in range(1, 400):
        if "input_audio_buffer.speech_stopped" in tags(caller.hear(FRAME_MS, 0.0)):
            return frame * FRAME_MS
    raise AssertionError("the turn never ends")


def test_a_pause_is_transcribed_and_then_judged() -> None:
    caller = listening()
    caller.hear(640, 0.9)
    assert show(caller.hear(192, 0.0)) == [
        "transcribe item_id=item_1 pcm=35328B voice_end=15360 tentative=True telephone=False hint=None",
        "estimate_turn at=19968 pcm=39936B",
    ]


def test_a_turn_that_sounds_finished_ends_after_the_shortest_wait() -> None:
    caller = listening()
    caller.hear(640, 0.9)
    (estimate,) = estimates(caller.hear(192, 0.0))
    assert caller.tell(fx.TurnEstimate(at=estimate.at, probability=0.95)) == []
    outputs = caller.hear(64, 0.0)
    assert show(outputs)[0] == f"input_audio_buffer.speech_stopped item_id=item_1 audio_end_ms={640 + MIN_WAIT_MS}"
    assert tags(outputs)[-1] == "start_response"


def test_an_estimate_that_comes_late_ends_the_turn_at_once() -> None:
    caller = listening()
    caller.hear(640, 0.9)
    (estimate,) = estimates(caller.hear(512, 0.0))
    outputs = caller.tell(fx.TurnEstimate(at=estimate.at, probability=0.95))
    assert show(outputs)[0] == f"input_audio_buffer.speech_stopped item_id=item_1 audio_end_ms={640 + MIN_WAIT_MS}"


@pytest.mark.parametrize(("eagerness", "longest"), [("low", 8000), ("medium", 4000), ("auto", 4000), ("high", 2000)])
def test_without_an_estimate_the_eagerness_sets_the_wait(eagerness: str, longest: int) -> None:
    caller = listening(eagerness)
    caller.hear(640, 0.9)
    assert abs(silence_until_stopped(caller) - longest) <= FRAME_MS / 2


@pytest.mark.parametrize("eagerness", ["low", "medium", "high", "auto"])
def test_the_more_finished_the_turn_sounds_the_shorter_the_wait(eagerness: Eagerness) -> None:
    waits = [wait_ms(step / 100, eagerness) for step in range(101)]
    assert waits == sorted(waits, reverse=True)
    assert (waits[0], waits[-1]) == (wait_ms(None, eagerness), MIN_WAIT_MS)


def test_a_long_pause_is_judged_again_with_the_silence_heard_so_far() -> None:
    caller = listening()
    caller.hear(640, 0.9)
    first, second = estimates(caller.hear(800, 0.0))
    assert (first.at, second.at) == ((640 + 192) * MS, (640 + 800) * MS)
    assert len(second.pcm) > len(first.pcm)


def test_an_answer_to_an_earlier_question_changes_nothing() -> None:
    caller = listening()
    caller.hear(640, 0.9)
    first, _ = estimates(caller.hear(800, 0.0))
    assert caller.tell(fx.TurnEstimate(at=first.at, probability=1.0)) == []


def test_an_answer_after_the_caller_went_on_changes_nothing() -> None:
    caller = listening()
    caller.hear(640, 0.9)
    (estimate,) = estimates(caller.hear(192, 0.0))
    caller.hear(320, 0.9)
    assert caller.tell(fx.TurnEstimate(at=estimate.at, probability=1.0)) == []
    assert silence_until_stopped(caller) == wait_ms(None, "medium")


def test_an_answer_after_the_detection_was_switched_off_changes_nothing() -> None:
    caller = listening()
    caller.hear(640, 0.9)
    (estimate,) = estimates(caller.hear(192, 0.0))
    caller.detect()
    assert caller.tell(fx.TurnEstimate(at=estimate.at, probability=1.0)) == []


def test_only_the_end_of_a_long_turn_is_judged() -> None:
    caller = listening()
    caller.hear(12_000, 0.9)
    (estimate,) = estimates(caller.hear(192, 0.0))
    assert len(estimate.pcm) == 8000 * MS * 2


def test_an_utterance_in_progress_survives_a_change_to_server_vad() -> None:
    caller = listening()
    caller.hear(640, 0.9)
    caller.detect(type="server_vad", silence_duration_ms=200)
    assert silence_until_stopped(caller) == 192


def test_without_create_response_nobody_answers() -> None:
    caller = Caller()
    caller.detect(type="semantic_vad", eagerness="high", create_response=False)
    outputs = tags([*caller.hear(640, 0.9), *caller.hear(2048, 0.0)])
    assert "conversation.item.done" in outputs
    assert "response.created" not in outputs


@pytest.mark.parametrize("interrupt", [True, False])
def test_an_answer_is_cut_only_where_it_may_be(interrupt: bool) -> None:
    caller = Caller()
    caller.detect(type="semantic_vad", interrupt_response=interrupt)
    caller.send("response.create")
    caller.words("Well.")
    assert ("response.done" in tags(caller.hear(96, 0.9))) == interrupt
