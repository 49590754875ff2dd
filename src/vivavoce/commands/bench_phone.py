"""`vivavoce bench phone`: a telephone call, measured by what its caller says and is sent."""

from __future__ import annotations

import os
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer
import uvloop
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from vivavoce.bench.browser import humming, interruptions
from vivavoce.bench.phone import CONFIG, recorded
from vivavoce.bench.phone_report import SILENCE_LIMIT_MS, PhoneReport, phone_report
from vivavoce.commands.bench_shared import write
from vivavoce.commands.shared import CommandError, explained
from vivavoce.commands.startup import model_path
from vivavoce.config.tree import SileroVad as SileroOptions
from vivavoce.engines.silero import SileroVad
from vivavoce.ports import EngineError


class Spoken(StrEnum):
    """What the caller's telephone speaks."""

    pcmu = "pcmu"
    pcma = "pcma"
    opus = "opus"


def phone(
    times: Annotated[int, typer.Option(min=1, help="Interruptions.")] = 20,
    codec: Annotated[Spoken, typer.Option(help="What the telephone speaks.")] = Spoken.pcmu,
    seed: Annotated[int, typer.Option(help="Of all pauses: the same seed draws the same ones.")] = 1,
    json: Annotated[Path | None, typer.Option(metavar="FILE", help="Write the figures.")] = None,
) -> None:
    """Call by telephone, interrupt the answers, and measure how soon the line is silent.

    A server and a caller in this process, SIP and RTP over the loopback; real voice detection, and an answer that is
    one long tone. From the first sound of a caller who interrupts to the end of the last packet with a sound of the
    answer. What the caller says leaves 20 ms at a time, as from any telephone, and that and the server's jitter buffer
    are part of the figure; a telephone's own jitter buffer, which plays what came a little later, is not.

    `vivavoce bench phone`: some 100 seconds

    `vivavoce bench phone --codec opus --times 50 --json phone.json`

    Needs the default model of voice detection. Exit status 1 when a limit is not kept.
    """
    console, errors = Console(), Console(stderr=True)
    with explained(errors):
        said = interruptions(times, seed)
        errors.print(f"Measuring; this takes about {said.ms / 1000:.0f} s.", highlight=False)
        try:
            vad = SileroVad(model_path(os.environ)(SileroOptions().model))
            call = uvloop.run(recorded(humming(vad, CONFIG), said, codec.value))
        except EngineError as error:
            raise CommandError(str(error)) from None
        found = phone_report(codec.value, times, call)
        show(console, found)
        if json:
            write(json, found)
        if found.problems:
            raise typer.Exit(1)


def show(console: Console, found: PhoneReport) -> None:
    """Print it."""
    table = Table(box=None, header_style="bold", pad_edge=False)
    table.add_column("ms", no_wrap=True)
    for column in ("min", "median", "p95", "max", "median at most", "caught"):
        table.add_column(column, justify="right", no_wrap=True)
    stopped = found.silences
    spread = stopped.spread
    values = [f"{each:.0f}" for each in (spread.min, spread.median, spread.p95, spread.max)] if spread else [""] * 4
    caught = f"{stopped.times - stopped.missed} of {stopped.times}"
    table.add_row(f"interruption to silence, {found.codec}", *values, f"{SILENCE_LIMIT_MS:.0f}", caught)
    console.print(table)
    if found.lag:
        lag = found.lag
        late = f"median {lag.median:.1f} ms, p95 {lag.p95:.1f} ms, max {lag.max:.1f} ms"
        console.print(f"caller's lag    {late}", highlight=False)
    for problem in found.problems:
        console.print(f"[red]{escape(problem)}[/]", highlight=False, soft_wrap=True)
