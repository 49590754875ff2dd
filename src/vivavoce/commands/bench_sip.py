"""`vivavoce bench sip`: what a telephone call costs the server, how long its audio takes, and what breaks it."""

from __future__ import annotations

from collections.abc import Iterator
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer
import uvloop
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from vivavoce.audio.pcm import Pcm
from vivavoce.bench.counters import NoCounters
from vivavoce.bench.holdings import CannotLook
from vivavoce.bench.question import spoken_question
from vivavoce.bench.report import STARVED_MS
from vivavoce.bench.sip import CAME_PERCENT, Cost, Plan, SipReport, measure
from vivavoce.bench.sip_fuzz import FuzzReport, fuzz
from vivavoce.commands.bench_shared import EngineSet, environment, needs_proc, telephone_config, write
from vivavoce.commands.shared import CommandError, callee, explained, recording
from vivavoce.serving import settle

_PAUSE_MS = 4_000
"""After what a caller says: the answer is heard."""


class Spoken(StrEnum):
    """The codecs of a call."""

    pcmu = "pcmu"
    pcma = "pcma"
    opus = "opus"


def sip(
    calls: Annotated[int, typer.Option(min=1, help="Calls at once.")] = 50,
    seconds: Annotated[float, typer.Option(min=0.1, help="For how long they are measured.")] = 20.0,
    codec: Annotated[Spoken, typer.Option(help="What the callers speak.")] = Spoken.pcmu,
    wav: Annotated[
        Path | None, typer.Option("--speech", metavar="WAV", help="What they say. Default: a spoken question is made.")
    ] = None,
    pulses: Annotated[int, typer.Option(min=1, help="Of each call whose echo is timed, one every half a second.")] = 12,
    inputs: Annotated[
        int, typer.Option("--fuzz", min=0, help="Instead: so many broken SIP messages and descriptions.")
    ] = 0,
    seed: Annotated[int, typer.Option(help="Of --fuzz: the same one makes the same inputs.")] = 1,
    json: Annotated[Path | None, typer.Option(metavar="FILE", help="Write the figures.")] = None,
) -> None:
    """Measure what telephone calls cost a server, and how long audio takes through it.

    A server with instant engines runs in a process of its own. Callers dial it over SIP and UDP, ask a question, hear
    the answer and ask again, all at once; their packets are encoded before, so that they take little of the machine
    themselves. CPU is that of the server's process, in percent of one core for each call: signalling, RTP, codecs,
    jitter buffers, and a session with real voice detection for each. Then the audio path is measured alone, for each
    codec: from a packet with a pulse to the one with its echo, ten calls at once, in one process. Linux only.

    With --fuzz there is no server: messages of whole calls and session descriptions are changed at random, and given to
    an agent that is in a call. Nothing but the two errors of the protocol may come of it.

    `vivavoce bench sip`: 50 calls with mu-law

    `vivavoce bench sip --calls 20 --codec opus --json calls.json`

    `vivavoce bench sip --fuzz 100000`

    Exit status 1 when a call was not whole, threads grow with calls, an echo was lost, the callers were too slow to
    measure, or another exception escaped.
    """
    console, errors = Console(), Console(stderr=True)
    with explained(errors):
        found: SipReport | FuzzReport
        if inputs:
            found = fuzz(inputs, seed)
            show_fuzz(console, found)
        else:
            needs_proc()
            speech = Pcm.join([recording(wav) if wav else spoken_question(), Pcm.silence(_PAUSE_MS)])
            found = _measure(Plan(calls, seconds, codec.value, speech, pulses), errors)
            show(console, found)
        if json:
            write(json, found)
        if not found.good:
            raise typer.Exit(1)


def _measure(plan: Plan, errors: Console) -> SipReport:
    environ = environment(EngineSet.instant, plan.calls)
    with telephone_config() as (config, port), callee(None, None, config, errors, environ) as server:
        assert server.own is not None, "it was started here"
        settle()  # as a server does: the audio path is measured in this process
        try:
            return uvloop.run(measure(plan, server.url, server.own.pid, port))
        except (CannotLook, NoCounters) as error:
            raise CommandError(str(error)) from None


def show(console: Console, found: SipReport) -> None:
    """Print it."""
    cost = found.cost
    about = f"{cost.calls} calls with {cost.codec}, {cost.seconds:g} s, {found.machine['cores']} cores"
    console.print(about, highlight=False, soft_wrap=True)
    for head, body in _lines(cost):
        console.print(f"{head:<15} {body}", highlight=False, soft_wrap=True)
    table = Table(box=None, header_style="bold", pad_edge=False)
    table.add_column("echo, ms", no_wrap=True)
    for column in ("median", "p95", "max", "came back"):
        table.add_column(column, justify="right", no_wrap=True)
    for each in found.echoes:
        spread = each.delay
        figures = [f"{value:.1f}" for value in (spread.median, spread.p95, spread.max)] if spread else [""] * 3
        whole = "" if each.came_back == each.pulses else "red"
        table.add_row(each.codec, *figures, f"{each.came_back} of {each.pulses}", style=whole)
    console.print(table)


def _lines(cost: Cost) -> Iterator[tuple[str, str]]:
    yield "CPU per call", f"{cost.cpu_percent:.2f} % of a core"
    yield "sessions", f"{cost.sessions} at once, by the server's count"
    yield "memory", f"{cost.mb_per_call:.2f} MB per call"
    yield "files", f"{cost.fds_per_call:g} per call"
    yield "threads", f"{cost.threads_one} with one call, {cost.threads_all} with all"
    came = f"{cost.received} came, {cost.sent} were sent: {cost.came_percent:.1f} %, {cost.lost} lost on the way"
    yield "packets", came if cost.came_percent >= CAME_PERCENT else f"[red]{came}[/]"
    yield "spoken to", f"{cost.spoken_to} of {cost.calls} callers"
    yield "other programs", f"{cost.others_cores:.2f} cores"
    if cost.lag:
        lag = cost.lag
        yield "callers' lag", f"median {lag.median:.1f} ms, p95 {lag.p95:.1f} ms, max {lag.max:.1f} ms"
    if not cost.trustworthy:
        yield "", f"[red]Measurement not trustworthy:[/] the callers were late by more than {STARVED_MS:.0f} ms."


def show_fuzz(console: Console, found: FuzzReport) -> None:
    """Print it."""
    console.print(f"{found.sip} SIP messages, {found.sdp} descriptions", highlight=False)
    for outcome, times in found.outcomes.items():
        console.print(f"{outcome:<28} {times:>7}", highlight=False)
    console.print(f"{'other exceptions':<28} {sum(found.escaped.values()):>7}", highlight=False)
    for bug, times in found.escaped.items():
        console.print(f"[red]{times} x[/] {escape(bug)}", highlight=False, soft_wrap=True)
