"""`vivavoce bench barge-in`: how soon an interrupted server falls silent, and stops working."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Annotated

import typer
import uvloop
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from vivavoce.bench.barge_in import INSTRUCTIONS, INTERRUPTIONS, QUESTION, Interruption, Plan, interrupt_all
from vivavoce.bench.barge_in_report import BargeInReport, barge_in_report
from vivavoce.bench.callers import check_connection
from vivavoce.bench.question import spoken_question
from vivavoce.bench.report import STARVED_MS
from vivavoce.bench.usage import watched
from vivavoce.commands.bench_shared import EngineSet, environment, write
from vivavoce.commands.bench_upstream import measure
from vivavoce.commands.shared import CommandError, callee, explained, question
from vivavoce.testing.call import Line
from vivavoce.testing.client import DEFAULT_MODEL
from vivavoce.testing.microphone import FORMATS, Speech

NAMES = {
    "onset": "first sound to speech_started",
    "llm": "speech_started to language model stopped",
    "tts": "speech_started to voice stopped",
}


def barge_in(
    engines: Annotated[
        EngineSet,
        typer.Option(
            help="**local**: the default models. **configured**: as --config and the environment say. **instant**: "
            "only the onset can be measured, since instant answers are complete before anybody can interrupt."
        ),
    ] = EngineSet.local,
    times: Annotated[int, typer.Option(min=1, help="Interruptions, each on a connection of its own.")] = 10,
    wav: Annotated[
        Path | None, typer.Option("--question", metavar="WAV", help="Asks for a long answer. Default: one is made.")
    ] = None,
    interruption: Annotated[
        Path | None, typer.Option(metavar="WAV", help="What interrupts. Default: four sentences in turn are made.")
    ] = None,
    url: Annotated[str | None, typer.Option(help="A running server, instead of starting one.")] = None,
    key: Annotated[str | None, typer.Option(envvar="OPENAI_API_KEY", help="API key for --url.")] = None,
    model: Annotated[str, typer.Option(help="Model to ask for.")] = DEFAULT_MODEL,
    upstream: Annotated[
        bool,
        typer.Option(help="Interrupt a second server too, whose engine is the first; how much later is silence there?"),
    ] = False,
    json: Annotated[Path | None, typer.Option(metavar="FILE", help="Write the figures and every interruption.")] = None,
    config: Annotated[Path | None, typer.Option(help="Configuration file, for --engines configured.")] = None,
    timeout: Annotated[float, typer.Option(min=0.1, help="Seconds to wait for an answer.")] = 30.0,
) -> None:
    """Interrupt long answers, and measure how soon the server notices and has stopped.

    A caller in real time asks for a story and speaks again 0.3 to 1.5 s after its first audio. The clocks: from the
    caller's first sound to `speech_started`, and from there until the server's own counters on /metrics show no call
    of the language model or the voice that makes the old answer. The model's reading ahead of the next turn is not
    counted; it begins at once. Counters are asked every 10 ms, and the answer's way is part of the figure.

    `vivavoce bench barge-in`: the default models

    `vivavoce bench barge-in --times 50 --json interruptions.json`

    `vivavoce bench barge-in --url ws://127.0.0.1:8700`: a running server

    `vivavoce bench barge-in --upstream --times 20`: and a second one that has the first answer

    Exit status 1 when audio of an interrupted answer came after `speech_started`, an engine went on, an interruption
    failed or caught no answer, or the caller itself was too slow to measure.
    """
    console, errors = Console(), Console(stderr=True)
    with explained(errors):
        if config and (url or engines is not EngineSet.configured):
            raise CommandError("--config goes with --engines configured, and not with --url.")
        wire = FORMATS["pcm"]
        asked = question(wav, wire) if wav else Speech.of(spoken_question(QUESTION), wire)
        words = [question(interruption, wire)] if interruption else [_spoken(each) for each in INTERRUPTIONS]
        with callee(url, key, config, errors, environment(engines, 1)) as server:
            detection = {"type": "server_vad"}
            line = Line(server.url, server.key, model, wire, detection, instructions=INSTRUCTIONS, timeout=timeout)
            check_connection(line)
            plan, tell = Plan(line, asked, words, times), _teller(errors, times)
            if upstream:
                measure(plan, server, engines, tell, (console, errors), json)
                return
            with watched(server.own.pid if server.own else None) as usage:
                found = uvloop.run(interrupt_all(plan, tell))
        figures = barge_in_report(url or engines.value, found, usage.others_cores if usage else None)
        _tell_all(console, figures, json, may_catch=url is not None or engines is not EngineSet.instant)


def _tell_all(console: Console, figures: BargeInReport, json: Path | None, may_catch: bool) -> None:
    """Print and write it; raises `typer.Exit` when it is not well. `may_catch`: answers can be interrupted."""
    show(console, figures)
    if json:
        write(json, figures)
    nothing = may_catch and not figures.caught
    if figures.late or figures.never_stopped or figures.failed or nothing or not figures.trustworthy:
        raise typer.Exit(1)


def _spoken(text: str) -> Speech:
    return Speech.of(spoken_question(text), FORMATS["pcm"])


def _teller(errors: Console, times: int) -> Callable[[Interruption], None]:
    """What prints each interruption at its end: on a slow machine they take a while."""

    def tell(found: Interruption) -> None:
        onset = "" if found.onset is None else f"noticed after {found.onset:.0f} ms"
        errors.print(f"{found.number + 1:>3} of {times}  {escape(found.problem) or onset}", highlight=False)

    return tell


def show(console: Console, found: BargeInReport) -> None:
    """Print it."""
    about = f"{escape(found.engines)}, {found.times} interruptions, {found.machine['cores']} cores"
    console.print(about, highlight=False, soft_wrap=True)
    if found.figures:
        console.print(_table(found))
    for head, body in _lines(found):
        console.print(f"{head:<15} {body}", highlight=False, soft_wrap=True)


def _table(found: BargeInReport) -> Table:
    table = Table(box=None, header_style="bold", pad_edge=False)
    table.add_column("ms", no_wrap=True)
    for column in ("min", "median", "p95", "max", "at most", "over"):
        table.add_column(column, justify="right", no_wrap=True)
    for figure in found.figures:
        spread = figure.spread
        values = (f"{each:.0f}" for each in (spread.min, spread.median, spread.p95, spread.max, figure.limit))
        over = f"[red]{figure.over}[/]" if figure.over else "0"
        table.add_row(NAMES[figure.name], *values, over)
    return table


def _lines(found: BargeInReport) -> Iterator[tuple[str, str]]:
    yield "caught", f"{found.caught} of {found.times} interrupted an answer that was still being made"
    late = f"{found.late} pieces after speech_started"
    yield "late audio", f"[red]{late}[/]" if found.late else late
    if found.at_work:
        yield (
            "at work",
            f"language model in {found.at_work['llm']}, voice in {found.at_work['tts']} of {found.caught}, "
            "just before speech_started",
        )
    if found.never_stopped:
        yield "", f"[red]{found.never_stopped} x[/] an engine went on for seconds after an interruption"
    if found.no_counters:
        yield "", f"[yellow]Engines not measured:[/] {escape(found.no_counters)}"
    yield "failed", f"{found.failed} of {found.times}"
    for problem, times in found.problems.items():
        yield "", f"[red]{times} x[/] {escape(problem)}"
    if found.others_cores is not None:
        yield "other programs", f"{found.others_cores:.2f} of {found.machine['cores']} cores"
    if found.lag:
        yield (
            "caller's lag",
            f"median {found.lag.median:.1f} ms, p95 {found.lag.p95:.1f} ms, max {found.lag.max:.1f} ms",
        )
    if not found.trustworthy:
        why = f"the caller itself was late by more than {STARVED_MS:.0f} ms" if found.lag else "nobody could call"
        yield "", f"[red]Measurement not trustworthy:[/] {why}."
