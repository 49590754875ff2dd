"""Which events belong to which turn, also where the server cuts a question in two or an answer comes too early."""

from __future__ import annotations

from itertools import count

import numpy as np

from vivavoce.audio.pcm import Pcm
from vivavoce.testing.client import Arrival
from vivavoce.testing.microphone import FORMATS, Speech, Spoken
from vivavoce.testing.turns import Turn, Turns

SPEECH = Speech.of(Pcm(np.full(24_000, 5000, np.int16), 24_000), FORMATS["pcm"])


class Wire:
    """Events a second apart, and a caller who has said a question of one second."""

    def __init__(self) -> None:
        self.turns = Turns()
        self._seconds = count()

    def ask(self) -> Turn:
        turn = self.turns.begin(Spoken(SPEECH))
        turn.spoken.sent(0, next(self._seconds))
        return turn

    def fall_silent(self, turn: Turn) -> None:
        turn.spoken.sent(SPEECH.last_voiced, next(self._seconds))

    def send(self, type_: str, **fields: object) -> None:
        self.turns.take(Arrival(next(self._seconds), {"type": type_, **fields}))

    def commit(self, item: str) -> None:
        self.send("input_audio_buffer.speech_started", item_id=item)
        self.send("input_audio_buffer.committed", item_id=item)

    def answer(self, response: str, text: str, status: str = "completed") -> None:
        self.send("response.created", response={"id": response})
        self.send("response.output_item.added", response_id=response)
        self.send("response.output_audio_transcript.delta", response_id=response, delta=text)
        self.send("response.output_audio.delta", response_id=response, delta="")
        self.send("response.done", response={"id": response, "status": status})


def test_a_plain_turn() -> None:
    wire = Wire()
    turn = wire.ask()
    wire.fall_silent(turn)
    wire.commit("item")
    too_early = turn.finished
    wire.answer("resp", "Paris.")
    wire.send("conversation.item.input_audio_transcription.completed", item_id="item", transcript=" Where? ")
    assert (too_early, turn.finished) == (False, True)
    assert (turn.question, turn.answer, turn.status, turn.problem) == ("Where?", "Paris.", "completed", "")
    assert turn.after_speech() == {"decided": 2000, "first_token": 4000, "first_audio": 6000, "transcript": 8000}


def test_only_the_answer_to_the_whole_question_counts() -> None:
    wire = Wire()
    turn = wire.ask()
    wire.commit("first half")
    wire.answer("resp_1", "What?", "completed")
    too_early = turn.finished  # the caller is still speaking
    wire.commit("second half")
    wire.fall_silent(turn)
    wire.answer("resp_2", "I see.")
    assert (too_early, turn.finished) == (False, True)
    assert (turn.commits, turn.early_answers, turn.answer) == (2, 1, "I see.")
    assert "first_audio" in turn.after_speech()


def test_an_answer_cut_off_by_the_callers_own_tail_is_not_the_end() -> None:
    wire = Wire()
    turn = wire.ask()
    wire.fall_silent(turn)
    wire.commit("item")
    wire.answer("resp_1", "Well", "cancelled")
    too_early = turn.finished
    wire.commit("tail")
    wire.answer("resp_2", "Well, yes.")
    assert (too_early, turn.finished) == (False, True)


def test_the_rest_of_an_interrupted_answer_belongs_to_its_own_turn() -> None:
    wire = Wire()
    first = wire.ask()
    wire.fall_silent(first)
    wire.commit("one")
    wire.send("response.created", response={"id": "resp_1"})
    second = wire.ask()
    wire.send("response.output_audio_transcript.delta", response_id="resp_1", delta="Once upon")
    wire.send("response.done", response={"id": "resp_1", "status": "cancelled"})
    assert (first.answer, first.status) == ("Once upon", "cancelled")
    assert (second.answer, second.status) == ("", "")
    assert wire.turns.answered_by("resp_1") is first


def test_a_failed_answer_says_why() -> None:
    wire = Wire()
    turn = wire.ask()
    wire.fall_silent(turn)
    wire.commit("item")
    wire.send("response.created", response={"id": "resp"})
    details = {"error": {"message": "The model is gone."}}
    wire.send("response.done", response={"id": "resp", "status": "failed", "status_details": details})
    assert turn.finished
    assert turn.problem == "The model is gone."
