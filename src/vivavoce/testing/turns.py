"""One conversation from the caller's side: which of the server's events belong to which of the caller's turns."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

from vivavoce.testing.client import Arrival, Event, describe, text
from vivavoce.testing.microphone import Spoken

Stage = Literal["decided", "transcript", "first_token", "first_audio"]
STAGES: tuple[Stage, ...] = ("decided", "transcript", "first_token", "first_audio")
"""What a turn passes through between the end of the speech and the answer, in the usual order."""


@dataclass(slots=True)
class Turn:
    """A question and what came of it. Where the server cut the question in two, the last part counts."""

    spoken: Spoken
    reached: dict[Stage, float] = field(default_factory=dict)
    """When each stage was reached (`time.monotonic`)."""
    noticed: float | None = None
    """When the server first said that somebody speaks."""
    commits: int = 0
    """More than one: the server took a pause in the question for its end."""
    early_answers: int = 0
    """Answers that were heard before the question was over."""
    status: str = ""
    """The last response's status; empty before its `response.done`."""
    problem: str = ""
    """Why there is no answer."""
    speaking: bool = False
    awaited: bool = False
    """A question was committed, and no response was created yet."""
    item_id: str = ""
    response_id: str = ""
    transcripts: dict[str, str] = field(default_factory=dict)
    """The server's transcript of each part of the question, by item."""
    answer: str = ""

    @property
    def question(self) -> str:
        """What the server heard."""
        return " ".join(filter(None, self.transcripts.values()))

    @property
    def finished(self) -> bool:
        """The question was said and an answer to the end of it is complete, or there will be none."""
        said = self.spoken.ended is not None
        cut_off = self.status == "cancelled" and not self.problem
        return bool(self.problem) or (said and not self.speaking and not self.awaited and self.ended and not cut_off)

    @property
    def ended(self) -> bool:
        """The last response is over."""
        return bool(self.status)

    @property
    def noticed_after_ms(self) -> float | None:
        """From the first sound to `speech_started`."""
        onset = self.spoken.onset
        return None if onset is None or self.noticed is None else (self.noticed - onset) * 1000

    def after_speech(self) -> dict[Stage, float]:
        """Each stage that was reached, in ms after the end of the speech."""
        end = self.spoken.ended
        return {} if end is None else {s: (self.reached[s] - end) * 1000 for s in STAGES if s in self.reached}


class Turns:
    """Sorts arrivals into turns, by the ids of items and responses; a `Client` listener."""

    def __init__(self) -> None:
        self.all: list[Turn] = []
        self.errors: list[str] = []
        """Every `error` event, as a line."""
        self._of_item: dict[str, Turn] = {}
        self._of_response: dict[str, Turn] = {}

    def begin(self, spoken: Spoken) -> Turn:
        """From here on, new items and responses belong to this turn."""
        self.all.append(Turn(spoken))
        return self.all[-1]

    def answered_by(self, response_id: str) -> Turn | None:
        """The turn that a response answers."""
        return self._of_response.get(response_id)

    def take(self, arrival: Arrival) -> None:
        """Sort one event in."""
        now, event = arrival
        kind = text(event, "type")
        if kind == "error":
            self.errors.append(describe(event))
        elif self.all and kind.startswith("input_audio_buffer."):
            self._buffer(self.all[-1], kind.rpartition(".")[2], event, now)
        elif kind == "response.created" and self.all:
            self._created(self.all[-1], text(event, "response", "id"))
        elif kind.startswith("conversation.item.input_audio_transcription."):
            self._transcript(kind.rpartition(".")[2], event, now)
        else:
            self._response(kind, event, now)

    def _buffer(self, turn: Turn, what: str, event: Event, now: float) -> None:
        if what == "speech_started":
            turn.speaking = True
            turn.noticed = turn.noticed or now
        elif what == "committed":
            turn.speaking = False
            turn.awaited = True
            turn.commits += 1
            turn.item_id = text(event, "item_id")
            self._of_item[turn.item_id] = turn
            turn.reached = {"decided": now}
            turn.status = turn.answer = turn.response_id = ""

    def _created(self, turn: Turn, response_id: str) -> None:
        turn.awaited = False
        turn.response_id = response_id
        turn.status = ""
        self._of_response[response_id] = turn

    def _transcript(self, what: str, event: Event, now: float) -> None:
        item_id = text(event, "item_id")
        turn = self._of_item.get(item_id)
        if turn is None:
            return
        if what == "completed":
            turn.transcripts[item_id] = text(event, "transcript").strip()
        if what in ("completed", "failed") and item_id == turn.item_id:
            turn.reached.setdefault("transcript", now)

    def _response(self, kind: str, event: Event, now: float) -> None:
        response_id = text(event, "response_id") or text(event, "response", "id")
        turn = self._of_response.get(response_id)
        if turn is None or turn.response_id != response_id:
            return  # an answer to a part of the question that a later part replaced
        match kind:
            case "response.output_item.added":
                turn.reached.setdefault("first_token", now)
            case "response.output_audio.delta":
                turn.early_answers += turn.spoken.ended is None and "first_audio" not in turn.reached
                turn.reached.setdefault("first_audio", now)
            case "response.output_audio_transcript.delta" | "response.output_text.delta":
                turn.answer += text(event, "delta")
            case "response.done":
                turn.status = text(event, "response", "status")
                if turn.status == "failed":
                    error = text(event, "response", "status_details", "error", "message")
                    turn.problem = error or "The response failed without a reason."
