"""A stock client, unmodified, whose user only speaks, with a model that hears and speaks all the time."""

from __future__ import annotations

from tests.clients.parrot import HEARD
from tests.clients.stock import VOICE_PROGRAMS, seen


def test_a_spoken_turn_an_interruption_and_the_answer_to_it() -> None:
    (program,) = VOICE_PROGRAMS
    saw = seen(program, "duplex")
    assert saw.step("spoken turn")["heard"] == HEARD
    assert saw.step("spoken turn")["words"] == f"Arr, matey. {HEARD}"
    assert isinstance(saw.step("interrupted")["cut_ms"], int)
    assert saw.step("after the interruption")["words"] == f"Arr, matey. {HEARD}"
    assert saw.step("after the interruption")["errors"] == []
    assert saw.status == 0, saw.output
    assert list(saw.steps)[-1] == "closed"
