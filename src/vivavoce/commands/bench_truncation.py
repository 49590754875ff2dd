"""`vivavoce bench truncation`: whether a cut answer is remembered as it was heard, word for word."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Annotated

import typer
import uvloop
from rich.console import Console
from rich.table import Table

from vivavoce.bench.truncation import TEXTS, Cut, Cuts, Plan, truncations
from vivavoce.bench.truncation_report import SHARE, WITHIN, TruncationReport, truncation_report
from vivavoce.bench.word_judge import Judge, TooLong
from vivavoce.commands.bench_shared import write
from vivavoce.commands.shared import CommandError, explained
from vivavoce.commands.startup import model_path, settings
from vivavoce.config import Config, engine_options
from vivavoce.engines import build
from vivavoce.ports import EngineError

JUDGE = "whisper-base"
_BESIDE: dict[str, dict[str, object]] = {
    **{role: {"name": "instant"} for role in ("vad", "asr", "llm")},
    **{role: {"name": "none"} for role in ("turn", "noise")},
}
"""The engines that do not matter here."""
_BAR = 40
"""Characters of the longest bar."""


def truncation(
    times: Annotated[int, typer.Option(min=1, help="Answers, each on a session of its own and cut once.")] = 40,
    seed: Annotated[int, typer.Option(help="Of the random cuts: the same seed cuts at the same places.")] = 1,
    voice: Annotated[str, typer.Option(help="Who speaks.")] = "marin",
    speed: Annotated[float, typer.Option(min=0.5, max=1.5, help="How fast.")] = 1.0,
    json: Annotated[Path | None, typer.Option(metavar="FILE", help="Write the figures and every cut.")] = None,
    config: Annotated[
        Path | None, typer.Option(help="Configuration file with the voice to measure. Default: the default voice.")
    ] = None,
) -> None:
    """Cut spoken answers at random, and count how many words the server's memory is off.

    A language model that recites known texts (prices, times, dates, names, lists) stands in for the real one; the
    rest is the server as it is: the voice, the session, `conversation.item.truncate`. What was heard up to the cut is
    found in the audio alone, by Whisper's alignment of the known text to it. A word was heard when the cut lies behind
    its last sound. The judge errs too: it is tried first on words with pauses between, where their ends are plain, and
    how far off it is stands below the table.

    The table shows how many words the memory is off, more (+) or fewer (-) than were heard: by the times that the
    voice gives for its words, and, of the same cuts, as it would be with a clause's words spread evenly over it.

    `vivavoce bench truncation`: 40 cuts of the default voice

    `vivavoce bench truncation --voice cedar --speed 1.5 --seed 7 --json cuts.json`

    `vivavoce bench truncation --config vivavoce.toml`: the voice that is configured there

    Exit status 1 when fewer than 95 % of the cuts are remembered within one word.
    """
    console, errors = Console(), Console(stderr=True)
    with explained(errors):
        # Without a file it is the default voice, whatever the environment has configured.
        chosen = settings(config, os.environ if config else {})
        plan = Plan(times, seed, voice, speed)
        try:
            engine, found = _measure(chosen, plan, errors)
        except EngineError as error:
            raise CommandError(error.message) from None
        except TooLong as error:
            raise CommandError(f"At this speed {error}.") from None
        figures = truncation_report(engine, plan, found)
        show(console, figures)
        if json:
            write(json, figures)
        if not figures.good:
            raise typer.Exit(1)


def _measure(config: Config, plan: Plan, errors: Console) -> tuple[str, Cuts]:
    """Raises `EngineError`, `TooLong`, `ClientError` and `CommandError`."""
    find = model_path(os.environ)
    judge = Judge(find(JUDGE))
    engines = build(engine_options(config) | _BESIDE, find)
    _, tts = engines.cascade()
    voices, (low, high) = tts.voices, tts.speeds
    if plan.voice not in voices:
        raise CommandError(f"There is no voice {plan.voice!r}. There are: {', '.join(voices)}.")
    if not low <= plan.speed <= high:
        raise CommandError(f"This engine speaks at {low:g} to {high:g}, not at {plan.speed:g}.")
    return tts.name, uvloop.run(truncations(engines, judge, plan, _teller(errors, plan.times)))


def _teller(errors: Console, times: int) -> Callable[[Cut], None]:
    """What prints each cut: with a slow voice they take a while."""
    done: list[Cut] = []

    def tell(cut: Cut) -> None:
        done.append(cut)
        off = cut.remembered - cut.played
        errors.print(
            f"{len(done):>3} of {times}  text {cut.text + 1} of {len(TEXTS)} cut at {cut.ms} ms: "
            f"{cut.played} words heard, {cut.remembered} remembered{f' ({off:+})' if off else ''}",
            highlight=False,
        )

    return tell


def show(console: Console, found: TruncationReport) -> None:
    """Print it."""
    console.print(
        f"{found.engine}, voice {found.voice} at speed {found.speed:g}, {found.times} cuts, seed {found.seed}",
        highlight=False,
        soft_wrap=True,
    )
    console.print(_table(found))
    share = f"{found.remembered.within:.1%} of the cuts, {SHARE:.0%} wanted"
    lines = {
        "within a word": share if found.good else f"[red]{share}[/]",
        "exact": f"{found.remembered.exact:.1%} of the cuts",
        "by letters": f"{found.by_letters.within:.1%} within {WITHIN} word, {found.by_letters.exact:.1%} exact",
        "the judge": f"heard {found.judge.words} words with pauses between {found.judge.early} ms too early, which is "
        f"taken into account; then it is off by {found.judge.error} ms in the median, "
        f"by at most {found.judge.error_p95} ms in 95 %",
    }
    for head, body in lines.items():
        console.print(f"{head:<15} {body}", highlight=False, soft_wrap=True)


def _table(found: TruncationReport) -> Table:
    table = Table(box=None, header_style="bold", pad_edge=False)
    table.add_column("words off", justify="right", no_wrap=True)
    for column in ("by the voice's times", "by letters"):
        table.add_column(column, no_wrap=True)
    rules = (found.remembered.off, found.by_letters.off)
    seen = {0, *rules[0], *rules[1]}
    for off in range(min(seen), max(seen) + 1):
        counts = [rule.get(off, 0) for rule in rules]
        table.add_row(f"{off:+}" if off else "0", *(_bar(count, found.times) for count in counts))
    return table


def _bar(count: int, times: int) -> str:
    return f"{count:>3} {'#' * round(count / times * _BAR)}"
