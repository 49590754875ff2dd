"""`vivavoce bench webrtc`: what a call from a browser costs the server, beside stock aiortc."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Annotated

import typer
import uvloop
from rich.console import Console
from rich.table import Table

from vivavoce.bench.question import spoken_question
from vivavoce.bench.report import STARVED_MS
from vivavoce.bench.rtc_caller import opus_packets
from vivavoce.bench.transcription import SENTENCES
from vivavoce.bench.webrtc import LATE_S, Plan, Round, measure
from vivavoce.bench.webrtc_report import MOST_SHARE, PathCost, WebRtcReport, webrtc_report
from vivavoce.commands.bench_shared import needs_proc, write
from vivavoce.commands.shared import explained, recording

_NAMES = {"ours": "Vivavoce", "aiortc": "stock aiortc"}
_ROWS: Mapping[str, Callable[[PathCost], str]] = {
    "CPU per call": lambda cost: f"{cost.cpu_percent:.2f} %",
    "  least, most": lambda cost: f"{cost.least:.2f}, {cost.most:.2f} %",
    "CPU per call served": lambda cost: f"{cost.served_percent:.2f} %" if cost.served_percent else "none served",
    "threads, 1 call": lambda cost: str(cost.threads_one),
    "threads, {calls} calls": lambda cost: str(cost.threads_all),
    "packets sent": lambda cost: str(cost.packets),
    "came back": lambda cost: f"{cost.came_back_percent:.1f} %",
    "lost on the way": lambda cost: str(cost.lost),
    "late": lambda cost: str(cost.late),
}


def webrtc(
    calls: Annotated[int, typer.Option(min=1, help="Calls at once.")] = 20,
    seconds: Annotated[float, typer.Option(min=0.1, help="How long each round measures.")] = 10.0,
    rounds: Annotated[int, typer.Option(min=1, help="Rounds of each path, in turn.")] = 3,
    wav: Annotated[
        Path | None, typer.Option("--speech", metavar="WAV", help="What callers say. Default: sentences are spoken.")
    ] = None,
    settle: Annotated[float, typer.Option(min=0.0, help="Seconds from the last call's begin until it counts.")] = 2.0,
    json: Annotated[Path | None, typer.Option(metavar="FILE", help="Write the figures and every round.")] = None,
) -> None:
    """Measure what the audio of a WebRTC call costs: our path and stock aiortc's, in the same run.

    Each path is a server in a process of its own that gives every caller its own voice back: received, decrypted,
    decoded, encoded again, sent. There is no session, no detection of speech and no engine: what is measured is the
    transport. The callers are the same for both: they send Opus packets that were encoded before, 50 a second, and
    count what comes back, all in this process, which is not counted. CPU is that of the server's process, in percent
    of one core for each call. Rounds of both paths alternate, so that what else the machine does weighs on both.

    An echo that is overloaded returns less than it was sent, and its CPU is that of less work. So there is a second
    figure: the CPU of a call that is wholly served, which is the first over what came back. Linux only.

    `vivavoce bench webrtc`: 20 calls

    `vivavoce bench webrtc --calls 5 --rounds 1 --json calls.json`

    Exit status 1 when a call of ours takes more than 0.6 of stock aiortc's CPU, threads grow with calls, less than
    98 % came back from our path, or the callers themselves were too slow to measure.
    """
    console, errors = Console(), Console(stderr=True)
    with explained(errors):
        needs_proc()
        speech = recording(wav) if wav else spoken_question(" ".join(SENTENCES))
        plan = Plan(calls, rounds, seconds, opus_packets(speech), settle)
        errors.print(f"Measuring; this takes about {2 * rounds * (seconds + 2 * settle + 1):.0f} s.", highlight=False)
        found = webrtc_report(calls, seconds, uvloop.run(measure(plan, lambda each: _tell(errors, each))))
        show(console, found)
        if json:
            write(json, found)
        if not found.good:
            raise typer.Exit(1)


def _tell(errors: Console, found: Round) -> None:
    errors.print(f"{_NAMES[found.path]}: {found.cpu_percent:.2f} % of a core for each call", highlight=False)


def show(console: Console, found: WebRtcReport) -> None:
    """Print it."""
    about = f"{found.calls} calls, {len(found.rounds) // 2} x {found.seconds:g} s each"
    console.print(f"{about}, {found.machine['cores']} cores", highlight=False, soft_wrap=True)
    table = Table(box=None, header_style="bold", pad_edge=False)
    table.add_column("", no_wrap=True)
    for path in found.paths:
        table.add_column(_NAMES[path], justify="right", no_wrap=True)
    for name, shown in _ROWS.items():
        table.add_row(name.format(calls=found.calls), *(shown(cost) for cost in found.paths.values()))
    console.print(table)
    for head, body in _lines(found):
        console.print(f"{head:<15} {body}", highlight=False, soft_wrap=True)


def _lines(found: WebRtcReport) -> Iterator[tuple[str, str]]:
    ours, stock = found.paths["ours"], found.paths["aiortc"]
    share = f"{found.share:.2f} of stock aiortc's (at most {MOST_SHARE:g})"
    yield "CPU per call", share if found.share <= MOST_SHARE else f"[red]{share}[/]"
    if not stock.kept_up:
        yield "", "stock aiortc was overloaded: its CPU is that of less work, and the share is too high for us"
    if not ours.kept_up:
        yield "", f"[red]our path returned {ours.came_back_percent:.1f} %, at {ours.level_db:.0f} dBFS[/]"
    yield "late", f"more than {LATE_S * 1000:.0f} ms after the packet that came soonest"
    yield "other programs", f"{found.others_cores:.2f} of {found.machine['cores']} cores"
    if found.lag:
        lag = found.lag
        yield "callers' lag", f"median {lag.median:.1f} ms, p95 {lag.p95:.1f} ms, max {lag.max:.1f} ms"
    if not found.trustworthy:
        yield "", f"[red]Measurement not trustworthy:[/] the callers were late by more than {STARVED_MS:.0f} ms."
