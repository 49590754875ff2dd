"""`vivavoce bench browser`: calls from a real browser, measured by what it says and hears."""

from __future__ import annotations

import asyncio
import os
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.markup import escape
from rich.table import Table
from starlette.types import ASGIApp

from vivavoce.audio.pcm import Pcm
from vivavoce.bench.browser import Echoing, bursts, humming_app, interruptions, recorded
from vivavoce.bench.browser_report import (
    ECHO_LIMIT_MS,
    LEAST_HEARD,
    SILENCE_LIMIT_MS,
    BrowserReport,
    Echoes,
    browser_report,
    echoes,
    silences,
)
from vivavoce.bench.report import Spread
from vivavoce.commands.bench_shared import write
from vivavoce.commands.shared import CommandError, explained
from vivavoce.commands.startup import model_path
from vivavoce.config.tree import SileroVad as SileroOptions
from vivavoce.engines.silero import SileroVad
from vivavoce.ports import EngineError
from vivavoce.testing.chromium import NoChromium, PageError
from vivavoce.testing.ears import Sound


def browser(
    times: Annotated[int, typer.Option(min=1, help="Interruptions, and bursts in each echo.")] = 20,
    loss: Annotated[float, typer.Option(min=0, max=0.5, help="Share of datagrams lost each way.")] = 0.05,
    seed: Annotated[int, typer.Option(help="Of all pauses and losses: the same seed draws the same ones.")] = 1,
    json: Annotated[Path | None, typer.Option(metavar="FILE", help="Write the figures.")] = None,
) -> None:
    """Call from headless Chromium over WebRTC, and measure what it says against what it hears.

    A server in this process and a page in Chromium, on the loopback. The page records what it says and what its call
    plays, sample by sample on one clock, so no other clock has a part in the figures. What it says is made in the page
    and recorded as it leaves, so there is no echo canceller and no noise suppression of a microphone in between; what
    it hears is recorded as it comes out of the call. The browser's encoder, jitter buffer and decoder are part of
    every figure, and so is what the recording takes; a sound card's delay is not.

    **silence**: real voice detection, and an answer that is one long tone. From the first sound of a caller who
    interrupts to the last sound of the answer. **echo**: a line that plays back whatever is loud, without a session:
    from a burst's beginning at the page to its beginning when it is back. **loss**: the same over a network that loses
    packets both ways; a burst of 100 ms is heard when 80 ms of it come back within half a second.

    `vivavoce bench browser`: some three minutes

    `vivavoce bench browser --times 50 --loss 0.1 --json browser.json`

    Needs the program `chromium` and the default model of voice detection. Exit status 1 when a limit is not kept.
    """
    console, errors = Console(), Console(stderr=True)
    with explained(errors):
        found = _measure(times, loss, seed, errors)
        show(console, found)
        if json:
            write(json, found)
        if found.problems:
            raise typer.Exit(1)


def _measure(times: int, loss: float, seed: int, errors: Console) -> BrowserReport:
    said = bursts(times, seed)
    try:
        echo = echoes(_call("echo", Echoing().app, said, errors))
        bad = Echoing(loss, seed)
        lossy = echoes(_call("loss", bad.app, said, errors), loss, bad.lost)
        vad = SileroVad(model_path(os.environ)(SileroOptions().model))
        spoken = interruptions(times, seed)
        stopped = silences(_call("silence", humming_app(vad), spoken, errors))
    except (EngineError, NoChromium, PageError) as error:
        raise CommandError(str(error)) from None
    return browser_report(times, stopped, echo, lossy)


def _call(name: str, app: ASGIApp, said: Pcm, errors: Console) -> Sound:
    errors.print(f"{name}: {said.ms / 1000:.0f} s", highlight=False)
    return asyncio.run(recorded(app, said))


def show(console: Console, found: BrowserReport) -> None:
    """Print it."""
    table = Table(box=None, header_style="bold", pad_edge=False)
    table.add_column("ms", no_wrap=True)
    for column in ("min", "median", "p95", "max", "median at most", "heard"):
        table.add_column(column, justify="right", no_wrap=True)
    stopped = found.silences
    caught = f"{stopped.times - stopped.missed} of {stopped.times}"
    table.add_row("interruption to silence", *_spread(stopped.spread), f"{SILENCE_LIMIT_MS:.0f}", caught)
    table.add_row("echo", *_spread(found.echo.spread), f"{ECHO_LIMIT_MS:.0f}", _heard(found.echo))
    lossy = f"echo, {found.lossy.loss:.0%} loss each way"
    table.add_row(lossy, *_spread(found.lossy.spread), "", _heard(found.lossy))
    console.print(table)
    lost = f"{found.lossy.lost} datagrams were lost on the bad network, where {LEAST_HEARD:.0%} must be heard."
    console.print(lost, highlight=False)
    for problem in found.problems:
        console.print(f"[red]{escape(problem)}[/]", highlight=False, soft_wrap=True)


def _spread(spread: Spread | None) -> list[str]:
    if spread is None:
        return [""] * 4
    return [f"{each:.0f}" for each in (spread.min, spread.median, spread.p95, spread.max)]


def _heard(found: Echoes) -> str:
    return f"{found.heard} of {found.sent}"
