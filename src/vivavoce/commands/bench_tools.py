"""`vivavoce bench tools`: whether spoken requests become the right calls, and small talk none."""

from __future__ import annotations

import os
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Annotated

import msgspec
import typer
import uvloop
from rich.console import Console

from vivavoce.bench.tools import Bench, Turn, Waited, required, turns, waits
from vivavoce.bench.tools_lines import DEVELOPMENT, REPORTED, WAITS
from vivavoce.commands.bench_shared import write
from vivavoce.commands.shared import CommandError, explained
from vivavoce.commands.startup import model_path, settings
from vivavoce.config import Config, engine_options
from vivavoce.engines import build
from vivavoce.ports import EngineError

RIGHT, NEEDLESS = 0.9, 0.1
"""Requests that must be right, and lines of small talk that may be called for, as shares."""
_BESIDE: dict[str, dict[str, object]] = {
    "vad": {"name": "instant"},
    **{role: {"name": "none"} for role in ("turn", "noise")},
}
"""The engines that do not matter here."""


class ToolsReport(msgspec.Struct, frozen=True):
    """What was measured."""

    llm: str
    turns: list[Turn] = []
    required: list[Turn] = []
    waits: list[Waited] = []

    @property
    def good(self) -> bool:
        """Nothing is missing."""
        requests = [turn.right for turn in self.turns if turn.wanted]
        talk = [turn.right for turn in self.turns if not turn.wanted]
        return (
            sum(requests) >= RIGHT * len(requests)
            and talk.count(False) <= NEEDLESS * len(talk)
            and all(turn.right for turn in self.required)
            and all(each.used and not each.repeated and not each.invented for each in self.waits)
            and sum(each.needless for each in self.waits) <= NEEDLESS * 3 * len(self.waits)
        )


def tools(
    pending: Annotated[bool, typer.Option(help="Only calls that stay open for three turns of other talk.")] = False,
    development: Annotated[bool, typer.Option(help="The list that prompts are tuned on, not the other.")] = False,
    demanded: Annotated[int, typer.Option("--required", min=0, help="Only so many calls that are demanded.")] = 0,
    voice: Annotated[str, typer.Option(help="Who asks.")] = "coral",
    json: Annotated[Path | None, typer.Option(metavar="FILE", help="Write every line and what came of it.")] = None,
    config: Annotated[
        Path | None, typer.Option(help="Configuration file with the engines to measure. Default: the local ones.")
    ] = None,
) -> None:
    """Say things to an assistant with five tools, and see what it calls.

    Twenty requests and twenty lines of small talk are spoken by a voice, recognised, and answered by the language
    model. A request is right when one call is made, of the right tool and with the right arguments, those that nobody
    mentioned left out. A line of small talk is right when nothing is called.

    `vivavoce bench tools`

    `vivavoce bench tools --required 50`: a call is demanded (tool_choice), of any tool and of a certain one by turns

    `vivavoce bench tools --pending`: the result of a call comes three turns late

    Exit status 1 when fewer than 90 % of the requests are right or more than 10 % of the small talk is not, a demanded
    call is missing, or an open call is repeated, its result made up or not used.
    """
    console, errors = Console(), Console(stderr=True)
    with explained(errors):
        chosen = settings(config, os.environ if config else {})
        lines = DEVELOPMENT if development else REPORTED

        def tell(turn: Turn) -> None:
            _tell(console, turn)

        def tell_wait(wait: Waited) -> None:
            _tell_wait(console, wait)

        async def measured() -> ToolsReport:
            async with _bench(chosen, voice) as bench:
                if pending:
                    return ToolsReport(bench.llm.name, waits=await waits(bench, REPORTED, WAITS, tell_wait))
                if demanded:
                    made = await required(bench, lines, demanded, tell)
                    return ToolsReport(bench.llm.name, required=made)
                return ToolsReport(bench.llm.name, await turns(bench, lines, tell))

        try:
            found = uvloop.run(measured())
        except EngineError as error:
            raise CommandError(error.message) from None
        _show(console, found)
        if json:
            write(json, found)
        if not found.good:
            raise typer.Exit(1)


@asynccontextmanager
async def _bench(config: Config, voice: str) -> AsyncGenerator[Bench, None]:
    engines = build(engine_options(config) | _BESIDE, model_path(os.environ))
    llm, tts = engines.cascade()
    used = (llm, engines.asr, tts)
    if "tools" not in llm.features:
        raise CommandError(f"The language model {llm.name} knows no tools.")
    try:
        for engine in used:
            await engine.start()
        yield Bench(llm, engines.asr, tts, voice, config.model.instructions)
    finally:
        for engine in used:
            await engine.aclose()


def _tell(console: Console, turn: Turn) -> None:
    calls = "; ".join(f"{name}({arguments})" for name, arguments in turn.called.calls)
    mark = "right" if turn.right else "WRONG"
    wanted = f" [{turn.wanted}]" if turn.wanted else ""
    console.print(f"{mark}  {turn.heard}{wanted} -> {calls or turn.called.text}", highlight=False, markup=False)


def _tell_wait(console: Console, wait: Waited) -> None:
    mark = "right" if wait.used and not wait.repeated and not wait.invented else "WRONG"
    console.print(f"{mark}  {wait.request}", highlight=False, markup=False)
    for answer in wait.answers:
        console.print(f"       {answer.calls or answer.text}", highlight=False, markup=False)


def _show(console: Console, found: ToolsReport) -> None:
    requests = [turn.right for turn in found.turns if turn.wanted]
    talk = [turn.right for turn in found.turns if not turn.wanted]
    lines = {
        "right calls": f"{sum(requests)} of {len(requests)}" if requests else "",
        "needless calls": f"{talk.count(False)} in {len(talk)} lines of small talk" if talk else "",
        "demanded calls": f"{sum(t.right for t in found.required)} of {len(found.required)}" if found.required else "",
    }
    if found.waits:
        lines |= {
            "called again": str(sum(wait.repeated for wait in found.waits)),
            "needless calls": f"{sum(wait.needless for wait in found.waits)} in {3 * len(found.waits)} turns of talk",
            "made up": str(sum(len(wait.invented) for wait in found.waits)),
            "results used": f"{sum(wait.used for wait in found.waits)} of {len(found.waits)}",
        }
    for head, body in lines.items():
        if body:
            console.print(f"{head:<15} {body}", highlight=False, soft_wrap=True)
