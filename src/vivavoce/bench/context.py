"""A long written conversation over the wire, and what each of its last answers cost the language model."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from itertools import pairwise

import msgspec

from vivavoce.bench.report import Spread, machine
from vivavoce.testing.client import Client, ClientError, Event, at, describe

INSTRUCTIONS = "You are the guide of a museum of everyday things. Answer in one short sentence."
THINGS = ("kettle", "umbrella", "bicycle bell", "wooden spoon", "tram ticket", "paper lantern", "brass key", "teapot")
PLACES = ("beside the entrance", "on the second floor", "in the glass case", "behind the staircase", "in the garden")
WAIT_S = 300.0
"""A cold prefill of a whole window takes minutes on a slow machine."""


@dataclass(frozen=True, slots=True)
class Plan:
    """`items` messages in all, of which the last `answers` are made by the model; the others are only written down."""

    items: int
    answers: int
    tokens: int
    """The longest answer."""


class Answer(msgspec.Struct, frozen=True):
    """Tokens are the engine's own count."""

    items: int
    """Messages of the conversation when the answer was asked for."""
    kept: int
    """Those that the model saw."""
    input_tokens: int
    cached_tokens: int
    first_token_ms: float


class ContextRun(msgspec.Struct, frozen=True):
    """One conversation."""

    truncation: str
    limit: int
    """Tokens that a prompt may have."""
    answers: tuple[Answer, ...]
    over: int
    """Answers whose prompt had more."""
    cuts: int
    """Answers that saw the conversation begin later than the answer before did."""
    cached_share: float
    """Of all prompt tokens after the first answer's, those that were not computed again."""
    first_token: Spread | None
    first_token_after_cut: Spread | None


class ContextReport(msgspec.Struct, frozen=True):
    """All conversations, on one machine."""

    model: str
    context: int
    machine: dict[str, str]
    runs: tuple[ContextRun, ...]


def truncation(name: str) -> str | dict[str, object]:
    """The session's field: "auto", "disabled", or a ratio. Raises `ValueError`."""
    if name in ("auto", "disabled"):
        return name
    ratio = float(name)
    if not 0 <= ratio <= 1:
        raise ValueError(f"{name} is not between 0 and 1")
    return {"type": "retention_ratio", "retention_ratio": ratio}


async def converse(client: Client, name: str, plan: Plan, kept: Callable[[], int]) -> tuple[Answer, ...]:
    """Hold the conversation; `kept` tells what the model saw of it last. Raises `ClientError`."""
    settings: Event = {
        "output_modalities": ["text"],
        "instructions": INSTRUCTIONS,
        "truncation": truncation(name),
        "max_output_tokens": plan.tokens,
    }
    await client.update(settings)
    written = plan.items - 2 * plan.answers
    for number in range(written):
        await _write(client, number)
    await client.until(lambda: _count(client, "conversation.item.done") == written, WAIT_S, "all items")
    return tuple([await _answer(client, number, kept) for number in range(written, plan.items, 2)])


def run_report(name: str, limit: int, answers: tuple[Answer, ...]) -> ContextRun:
    """The figures of one conversation."""
    moved = [after for before, after in pairwise(answers) if after.items - after.kept > before.items - before.kept]
    later = answers[1:]
    tokens = sum(answer.input_tokens for answer in later)
    return ContextRun(
        truncation=name,
        limit=limit,
        answers=answers,
        over=sum(answer.input_tokens > limit for answer in answers),
        cuts=len(moved),
        cached_share=round(sum(answer.cached_tokens for answer in later) / tokens, 4) if tokens else 0.0,
        first_token=Spread.of([answer.first_token_ms for answer in later if answer not in moved]),
        first_token_after_cut=Spread.of([answer.first_token_ms for answer in moved]),
    )


def context_report(model: str, context: int, runs: tuple[ContextRun, ...]) -> ContextReport:
    """All of it."""
    return ContextReport(model, context, machine(), runs)


async def _write(client: Client, number: int) -> None:
    thing, place = THINGS[number // 2 % len(THINGS)], PLACES[number // 2 % len(PLACES)]
    if number % 2:
        role, kind, text = "assistant", "output_text", f"The {thing} is exhibit {number}, and it stands {place}."
    else:
        role, kind, text = "user", "input_text", f"Where can I find the {thing}, and which number of exhibit is it?"
    item = {"type": "message", "role": role, "content": [{"type": kind, "text": text}]}
    await client.send({"type": "conversation.item.create", "item": item})


async def _answer(client: Client, number: int, kept: Callable[[], int]) -> Answer:
    await _write(client, number)
    before, asked = len(client.arrivals), time.monotonic()
    await client.send({"type": "response.create"})
    done = (await client.expect("response.done", "error", since=before, timeout=WAIT_S)).event
    if done["type"] == "error":
        raise ClientError(describe(done))
    if at(done, "response", "status") == "failed":
        raise ClientError(f"An answer failed: {at(done, 'response', 'status_details', 'error', 'message')}")
    began = await client.expect("response.output_item.added", since=before)
    return Answer(
        items=number + 1,
        kept=kept(),
        input_tokens=_tokens(done, "input_tokens"),
        cached_tokens=_tokens(done, "input_token_details", "cached_tokens"),
        first_token_ms=round((began.at - asked) * 1000, 1),
    )


def _tokens(done: Event, *path: str) -> int:
    found = at(done, "response", "usage", *path)
    if not isinstance(found, int):
        raise ClientError("An answer came without a count of its tokens.")
    return found


def _count(client: Client, kind: str) -> int:
    return sum(arrival.event.get("type") == kind for arrival in client.arrivals)
