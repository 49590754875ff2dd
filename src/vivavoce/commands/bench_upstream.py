"""`vivavoce bench barge-in --upstream`: what a second server on the way adds to an interruption."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path

import typer
import uvloop
from rich.console import Console
from rich.markup import escape

from vivavoce.bench.barge_in import Interruption, Plan
from vivavoce.bench.callers import check_connection
from vivavoce.bench.report import STARVED_MS, Spread
from vivavoce.bench.upstream import LATER_LIMIT_MS, UpstreamReport, compare, upstream_report
from vivavoce.commands.bench_shared import EngineSet, environment, write
from vivavoce.commands.shared import Callee, callee

_ANSWERING = ("LLM", "TTS")


def measure(
    plan: Plan,
    first: Callee,
    engines: EngineSet,
    told: Callable[[Interruption], None],
    consoles: tuple[Console, Console],
    json: Path | None,
) -> None:
    """Interrupt the server of the plan, and one of our own whose engine it is. Raises what `callee` raises."""
    console, errors = consoles
    with callee(None, None, None, errors, _behind(first, plan.line.model, engines)) as second:
        through = replace(plan, line=replace(plan.line, url=second.url, key=second.key))
        check_connection(through.line)
        pairs, lags = uvloop.run(compare(plan, through, told))
    found = upstream_report(engines.value if first.own else first.url, pairs, lags)
    _show(console, found)
    if json:
        write(json, found)
    if not found.good:
        raise typer.Exit(1)


def _behind(first: Callee, model: str, engines: EngineSet) -> Mapping[str, str]:
    """The environment of a server with the same ears, which has the first one answer."""
    given = environment(EngineSet.instant if engines is EngineSet.instant else EngineSet.local, 1)
    own = {name: value for name, value in given.items() if not name.endswith(tuple(f"__{r}__NAME" for r in _ANSWERING))}
    url = first.url if first.url.rstrip("/").endswith("/realtime") else f"{first.url.rstrip('/')}/v1/realtime"
    options = {"NAME": "realtime", "URL": url, "MODEL": model, "API_KEY": first.key or ""}
    return {**own, **{f"VIVAVOCE_ENGINES__RESPONDER__{name}": value for name, value in options.items()}}


def _show(console: Console, found: UpstreamReport) -> None:
    """Print it."""

    def line(head: str, body: str) -> None:
        console.print(f"{head:<15} {body}", highlight=False, soft_wrap=True)

    def spread(of: Spread | None) -> str:
        return "-" if of is None else f"median {of.median:.0f}, p95 {of.p95:.0f}, min {of.min:.0f}, max {of.max:.0f} ms"

    about = f"{escape(found.engines)}, {found.times} interruptions of each, {found.machine['cores']} cores"
    console.print(about, highlight=False, soft_wrap=True)
    console.print("First sound to silence at the client:")
    line("direct", spread(found.direct))
    line("through another", spread(found.through))
    if found.later is not None:
        later = f"{found.later:+.0f} ms in the median; at most {LATER_LIMIT_MS:.0f}"
        line("later by", later if found.later <= LATER_LIMIT_MS else f"[red]{later}[/]")
    line("caught", f"{found.caught} of {found.times} interrupted an answer that was still being made")
    line("late audio", f"[red]{found.late}[/]" if found.late else "0 pieces after speech_started")
    for problem in found.problems:
        line("failed", f"[red]{escape(problem)}[/]")
    line("caller's lag", spread(found.lag))
    if not found.trustworthy:
        line("", f"[red]Measurement not trustworthy:[/] the caller itself was late by more than {STARVED_MS:.0f} ms.")
