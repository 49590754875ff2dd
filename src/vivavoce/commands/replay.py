"""`vivavoce replay`: run a recorded session again, and see whether the same comes out."""

from __future__ import annotations

import traceback
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import msgspec
import typer
from rich.console import Console

from vivavoce.commands.shared import CommandError, explained
from vivavoce.core import effects as fx
from vivavoce.observe.trace import Step, TraceError
from vivavoce.observe.trace import replay as run_again


def replay(
    trace: Annotated[Path, typer.Argument(metavar="TRACE.jsonl", help="A file from the folder of `[trace]`.")],
    events: Annotated[
        bool, typer.Option("--events", help="Print each step: its line, its time, what came in and what came out.")
    ] = False,
) -> None:
    """Run a recorded session again and compare what comes out.

    With `[trace] folder = "traces"` in its configuration, `vivavoce serve` records every session: each input with its
    time, and a fingerprint of what came out. The decisions of a session depend on nothing else, so a trace is a
    complete bug report: the same inputs give the same outputs, until the code that decides has changed. No model runs
    here, and no audio or words are printed. A trace itself holds all that was said.

    `VIVAVOCE_TRACE__FOLDER=traces vivavoce serve`: records

    `vivavoce replay traces/sess_abc.jsonl`: is it still the same?

    `vivavoce replay traces/sess_abc.jsonl --events`: what happened, step by step

    Exit status 1 at the first step that comes out differently, and for a file that is no trace.
    """
    console, errors = Console(), Console(stderr=True)
    with explained(errors):
        steps, same = _run(trace, console, events)
        if same:
            console.print(f"{steps} {'step' if steps == 1 else 'steps'}, all outputs the same.", highlight=False)
            return
        console.print(f"Step {steps}, above, comes out differently; those before it are the same.", highlight=False)
        raise typer.Exit(1)


def _run(path: Path, console: Console, events: bool) -> tuple[int, bool]:
    """Up to the first step that differs: how many steps, and whether all are the same. Raises `CommandError`."""
    steps, began = 0, None
    try:
        for step in run_again(path):
            steps += 1
            began = step.now if began is None else began
            if events or not step.same:
                _tell(console, step, step.now - began)
            if not step.same:
                return steps, False
    except OSError as error:
        raise CommandError(f"{path}: {error.strerror}.") from None
    except TraceError as error:
        raise CommandError(f"{path}: {error}".replace(f"{path}: {path}: ", f"{path}: ")) from None
    except Exception:
        # The core has a bug, and this trace is how somebody shows it: where it is met is what they want.
        raise CommandError(f"{path}: step {steps + 1} breaks the session.\n{traceback.format_exc()}") from None
    return steps, True


def _tell(console: Console, step: Step, at: float) -> None:
    line = f"{step.line:>6} {at:>9.3f} s  {_kind(step.event)} -> {_kinds(step.outputs) or 'nothing'}"
    console.print(line, markup=False, highlight=False, soft_wrap=True)


def _kinds(outputs: Sequence[fx.AnyOutput]) -> str:
    """In their order; of equal ones in a row or apart, how many there are."""
    counted = Counter(_kind(output) for output in outputs)
    return ", ".join(kind if times == 1 else f"{times} x {kind}" for kind, times in counted.items())


def _kind(event: msgspec.Struct) -> str:
    """An event's or a command's name, never what it holds."""
    return str(event.__struct_config__.tag)
