"""`vivavoce bench context`: what a long conversation costs the language model, and what its cache saves."""

from __future__ import annotations

import asyncio
import os
from pathlib import Path
from typing import Annotated

import typer
import uvloop
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from vivavoce.app import Server, create_app
from vivavoce.bench.context import (
    WAIT_S,
    ContextReport,
    ContextRun,
    Plan,
    context_report,
    converse,
    run_report,
    truncation,
)
from vivavoce.bench.report import Spread
from vivavoce.commands.bench_shared import write
from vivavoce.commands.shared import CommandError, explained
from vivavoce.commands.startup import model_path
from vivavoce.config import Config
from vivavoce.config.tree import LlamaLlm as Options
from vivavoce.config.tree import Timeouts
from vivavoce.engines import Engines
from vivavoce.engines.cascade import Cascade
from vivavoce.engines.instant import InstantAsr, InstantTts, InstantVad
from vivavoce.engines.llama import LlamaLlm
from vivavoce.ports import EngineError, Prompt
from vivavoce.serving import serving
from vivavoce.testing.client import connect


class _Watched(LlamaLlm):
    """Remembers how many messages it saw last."""

    kept = 0

    async def fitted(self, prompt: Prompt) -> Prompt:
        """As ever."""
        seen = await super().fitted(prompt)
        self.kept = len(seen.messages)
        return seen


def context(
    model: Annotated[str, typer.Option(help="Language model, by its name in the catalogue.")] = Options().model,
    window: Annotated[
        int, typer.Option("--context", min=512, help="Tokens that the model sees; a quarter is left for the answer.")
    ] = 2048,
    items: Annotated[int, typer.Option(min=2, help="Messages of the conversation.")] = 200,
    answers: Annotated[int, typer.Option(min=1, help="How many of the last ones the model makes itself.")] = 30,
    tokens: Annotated[int, typer.Option(min=1, help="Longest answer, in tokens.")] = 16,
    truncations: Annotated[
        list[str] | None,
        typer.Option(
            "--truncation",
            metavar="RATIO|auto",
            help="A retention ratio from 0 to 1, or **auto**; may be repeated. Default: 0.5 and 1.0.",
        ),
    ] = None,
    json: Annotated[Path | None, typer.Option(metavar="FILE", help="Write the figures and every answer.")] = None,
) -> None:
    """Hold a long conversation with the local language model, and show what each answer cost.

    A session over a WebSocket, with text instead of voices. Most of its messages are only written down; then questions
    are asked, each answered by the model. A conversation that outgrows the model's window is cut to the retention ratio
    at once (session field `truncation`), and then stays where it is, so that the model computes only what is new. A
    ratio of 1.0 drops just enough each time, and computes everything again each time. "auto" is a ratio of 0.5.

    Printed for each answer: the conversation's messages, those that the model saw, tokens of the prompt by the model's
    own count, those of them that came from its cache, and the time to the first token.

    `vivavoce bench context`: 0.5 beside 1.0, with the default model, which takes minutes

    `vivavoce bench context --model qwen2.5-coder-0.5b --context 512 --answers 10`

    `vivavoce bench context --truncation auto --truncation 0.8 --json context.json`

    Exit status 1 when a prompt had more tokens than its limit, or an answer failed.
    """
    console, errors = Console(), Console(stderr=True)
    with explained(errors):
        names = truncations or ["0.5", "1.0"]
        plan = _plan(items, answers, tokens, names)
        runs = []
        for name in names:
            try:
                runs.append(uvloop.run(_run(model, window, name, plan)))
            except EngineError as error:
                raise CommandError(error.message) from None
            _show(console, runs[-1])
        found = context_report(model, window, tuple(runs))
        _compare(console, found)
        if json:
            write(json, found)
        if any(run.over for run in runs):
            raise typer.Exit(1)


def _plan(items: int, answers: int, tokens: int, names: list[str]) -> Plan:
    if items % 2 or 2 * answers > items:
        raise CommandError("--items is an even number, and at least twice --answers: a question and an answer each.")
    for name in names:
        try:
            truncation(name)
        except ValueError:
            raise CommandError(f"--truncation is 'auto' or a number from 0 to 1, not {name!r}.") from None
    return Plan(items, answers, tokens)


async def _run(model: str, window: int, name: str, plan: Plan) -> ContextRun:
    """One conversation, on an engine of its own: nothing of another one is in its cache."""
    llm, tts = _Watched(model_path(os.environ)(model), context=window), InstantTts()
    engines = Engines(vad=InstantVad(), turn=None, asr=InstantAsr(), llm=llm, tts=tts, responder=Cascade(llm, tts))
    started: asyncio.Future[EngineError | None] = asyncio.get_running_loop().create_future()
    config = Config(timeouts=Timeouts(first_part_s=WAIT_S))
    async with serving(create_app(Server(config, engines), started.set_result)) as port:
        if failure := await started:
            raise failure
        async with connect(f"ws://127.0.0.1:{port}") as client:
            answers = await converse(client, name, plan, lambda: llm.kept)
    return run_report(name, llm.room, answers)


def _show(console: Console, run: ContextRun) -> None:
    console.print(f"truncation {escape(run.truncation)}, at most {run.limit} tokens in a prompt", highlight=False)
    table = Table(box=None, header_style="bold", pad_edge=False)
    for column in ("items", "kept", "prompt tokens", "cached", "first token ms"):
        table.add_column(column, justify="right", no_wrap=True)
    for answer in run.answers:
        over = "red" if answer.input_tokens > run.limit else ""
        values = (answer.items, answer.kept, answer.input_tokens, answer.cached_tokens, round(answer.first_token_ms))
        table.add_row(*map(str, values), style=over)
    console.print(table)


def _compare(console: Console, found: ContextReport) -> None:
    about = f"{escape(found.model)}, a window of {found.context} tokens, {found.machine['cores']} cores"
    console.print(about, highlight=False, soft_wrap=True)
    table = Table(box=None, header_style="bold", pad_edge=False)
    table.add_column("truncation", no_wrap=True)
    for column in ("over the limit", "cuts", "cached", "first token ms, median", "after a cut"):
        table.add_column(column, justify="right", no_wrap=True)
    for run in found.runs:
        share = f"{run.cached_share * 100:.1f} %"
        times = (_median(run.first_token), _median(run.first_token_after_cut))
        table.add_row(escape(run.truncation), f"{run.over} of {len(run.answers)}", str(run.cuts), share, *times)
    console.print(table)


def _median(spread: Spread | None) -> str:
    return "-" if spread is None else f"{spread.median:.0f}"
