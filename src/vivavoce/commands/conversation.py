"""The conversation that `vivavoce talk` holds, and how it is told."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass

from rich.console import Console
from rich.markup import escape

from vivavoce.audio.pcm import Pcm
from vivavoce.testing.call import Call, Line, lift
from vivavoce.testing.client import ClientError
from vivavoce.testing.microphone import Speech
from vivavoce.testing.turns import STAGES, Stage, Turn

STAGE_NAMES: dict[Stage, str] = {
    "decided": "turn end decided",
    "transcript": "transcript",
    "first_token": "first token",
    "first_audio": "first audio",
}
"""Each as people call it."""
_WORST_STALL_MS = 20.0
"""Shorter silences inside an answer are the jitter that every player hides."""


@dataclass(frozen=True, slots=True)
class Question:
    """One turn of the caller's."""

    name: str
    speech: Speech


@dataclass(frozen=True, slots=True)
class Conversation:
    """What is to be said, and when."""

    questions: Sequence[Question]
    barge_in_ms: int | None = None
    """Each further question begins this long after the first audio of the answer before it; None: after its end."""


@dataclass(slots=True)
class Outcome:
    """How it went."""

    heard: Pcm
    failed: int = 0
    """Turns without an answer."""


async def hold(line: Line, plan: Conversation, console: Console) -> Outcome:
    """Call, ask everything in turn, and print each turn when it is over. Raises `ClientError` without a call."""
    async with lift(line) as call:
        failed = await _talk(call, plan, console)
        return Outcome(call.speaker.heard(), failed)


async def _talk(call: Call, plan: Conversation, console: Console) -> int:
    failed = told = 0
    for number, question in enumerate(plan.questions, 1):
        last = number == len(plan.questions)
        try:
            turn = await call.ask(question.speech)
        except ClientError as error:
            _tell_problem(console, str(error))
            return failed + len(plan.questions) - number + 1
        if plan.barge_in_ms is not None and not last:
            await call.answer_begins(turn)
            await asyncio.sleep(plan.barge_in_ms / 1000)
        else:
            await call.answered(turn)
            if not last:
                await call.heard()
        # An interrupted answer is only known as such once the next question has interrupted it.
        ready = [] if plan.barge_in_ms is not None and not last else call.turns.all[told:]
        for finished in ready:
            failed += _tell(console, call, plan, finished)
        told += len(ready)
    for sent in call.turns.errors:
        _tell_problem(console, f"The server sent an error: {sent}")
    return failed


def _tell(console: Console, call: Call, plan: Conversation, turn: Turn) -> bool:
    """Print one turn; whether it failed."""
    number = call.turns.all.index(turn)
    question = plan.questions[number]
    _line(
        console, f"turn {number + 1}", f"{escape(question.name)} ({question.speech.ms / 1000:.1f} s of speech)", "bold"
    )
    _line(console, "heard", escape(turn.question) or "[dim](no transcript)[/]")
    _line(console, "answer", escape(turn.answer.strip()) or "[dim](nothing)[/]")
    _line(console, "time", _time_line(turn))
    if turn.noticed_after_ms is not None:
        _line(console, "onset", f"noticed {turn.noticed_after_ms:.0f} ms after the first sound")
    for note in _notes(call, turn):
        _line(console, "note", f"[yellow]{note}[/]")
    problem = turn.problem or ("" if "first_audio" in turn.reached else "The answer holds no audio.")
    if problem:
        _tell_problem(console, problem)
    return bool(problem)


def _time_line(turn: Turn) -> str:
    """In ms after the end of the caller's speech."""
    after = turn.after_speech()
    stages = [f"{STAGE_NAMES[stage]} {after[stage]:.0f}" for stage in STAGES if stage in after]
    return " · ".join(["speech end 0", *stages]) + " ms"


def _notes(call: Call, turn: Turn) -> list[str]:
    notes = []
    if turn.commits > 1:
        notes.append(f"The server took {turn.commits - 1} pause(s) in the question for its end.")
    if turn.early_answers:
        notes.append("An answer began before the question was over.")
    notes += [f"Interrupted after {cut.heard_ms} ms of the answer." for of, cut in call.cuts if of is turn]
    stalls = [stall for stall in call.speaker.stalls if stall > _WORST_STALL_MS]
    if turn is call.turns.all[-1] and stalls:
        notes.append(f"Gaps inside answers, since audio came late: {len(stalls)}, of {max(stalls):.0f} ms at most.")
    if turn is call.turns.all[-1] and call.speaker.late:
        notes.append(f"{call.speaker.late} pieces of audio came for answers that had been interrupted.")
    return notes


def _line(console: Console, head: str, body: str, style: str = "dim") -> None:
    console.print(f"[{style}]{head:<9}[/]{body}", highlight=False, soft_wrap=True)


def _tell_problem(console: Console, problem: str) -> None:
    _line(console, "problem", escape(problem), "red")
