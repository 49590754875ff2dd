"""How a measurement is shown: one table, then the lines that say what it is worth."""

from __future__ import annotations

from collections.abc import Iterator

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from vivavoce.bench.report import STARVED_MS, Report
from vivavoce.commands.conversation import STAGE_NAMES


def show(console: Console, found: Report) -> None:
    """Print it."""
    about = found.settings
    console.print(
        f"{escape(about.engines)}, {about.sessions} x {about.turns} turns, {about.silence_ms} ms of silence, "
        f"{found.machine['cores']} cores",
        highlight=False,
        soft_wrap=True,
    )
    if found.stages:
        console.print(_table(found))
    for head, body in _lines(found):
        console.print(f"{head:<15} {body}", highlight=False, soft_wrap=True)


def _table(found: Report) -> Table:
    table = Table(box=None, header_style="bold", pad_edge=False)
    table.add_column("ms after the end of speech", no_wrap=True)
    for column in ("min", "median", "p95", "max"):
        table.add_column(column, justify="right", no_wrap=True)
    for stage, spread in found.stages.items():
        values = (f"{each:.0f}" for each in (spread.min, spread.median, spread.p95, spread.max))
        table.add_row(STAGE_NAMES[stage], *values, style="bold" if stage == "first_audio" else "")
    return table


def _lines(found: Report) -> Iterator[tuple[str, str]]:
    if found.first_turn:
        first = found.first_turn
        name = "the tenth" if first.later == 10 else f"turn {first.later}"
        yield (
            "first turn",
            f"{first.ratio:.2f} x of {name} ({first.first_ms:.0f} ms, {first.later_ms:.0f} ms)",
        )
    yield "failed turns", f"{found.failed} of {found.turns}"
    for problem, times in found.problems.items():
        yield "", f"[red]{times} x[/] {escape(problem)}"
    if found.server:
        used = found.server
        yield "server CPU", f"{used.cpu_per_session * 100:.1f} % of a core per session"
        yield "server memory", f"{used.idle_mb:.0f} MB idle, {used.mb_per_session:.1f} MB more per session"
        if used.others_cores is not None:
            yield "other programs", f"{used.others_cores:.2f} of {found.machine['cores']} cores"
    if found.lag:
        yield (
            "callers' lag",
            f"median {found.lag.median:.1f} ms, p95 {found.lag.p95:.1f} ms, max {found.lag.max:.1f} ms",
        )
    if not found.trustworthy:
        why = f"the callers themselves were late by more than {STARVED_MS:.0f} ms" if found.lag else "nobody could call"
        yield "", f"[red]Measurement not trustworthy:[/] {why}."
