"""`vivavoce bench`: how fast a server answers, and what each caller costs it."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from vivavoce.bench.callers import Load, check_connection, run_callers
from vivavoce.bench.question import spoken_question
from vivavoce.bench.report import Report, Settings, report
from vivavoce.bench.usage import watched
from vivavoce.commands.bench_barge_in import barge_in
from vivavoce.commands.bench_browser import browser
from vivavoce.commands.bench_calls import calls
from vivavoce.commands.bench_context import context
from vivavoce.commands.bench_long_call import long_call
from vivavoce.commands.bench_network import network
from vivavoce.commands.bench_noise import noise
from vivavoce.commands.bench_phone import phone
from vivavoce.commands.bench_shared import EngineSet, environment, write
from vivavoce.commands.bench_sip import sip
from vivavoce.commands.bench_table import show
from vivavoce.commands.bench_tools import tools
from vivavoce.commands.bench_transcription import transcription
from vivavoce.commands.bench_truncation import truncation
from vivavoce.commands.bench_voices import voices
from vivavoce.commands.bench_webrtc import webrtc
from vivavoce.commands.shared import Callee, CommandError, callee, explained, question
from vivavoce.testing.call import Line
from vivavoce.testing.client import DEFAULT_MODEL
from vivavoce.testing.microphone import FORMATS, Speech

app = typer.Typer(
    name="bench", help="Measure a server from the caller's side.", no_args_is_help=True, rich_markup_mode="markdown"
)
_CYCLE_S = 2.0
"""What a turn takes beside the question itself: the answer, and the pause after it."""


@app.callback()
def bench() -> None:
    """Measure a server from the caller's side."""


@app.command()
def turn(
    engines: Annotated[
        EngineSet,
        typer.Option(
            help="**instant**: real voice detection, but hearing, thinking and speaking take no time, so that what "
            "remains is the server itself. **local**: the default models. **configured**: as --config and the "
            "environment say."
        ),
    ] = EngineSet.instant,
    sessions: Annotated[int, typer.Option(min=1, help="Callers at once.")] = 1,
    turns: Annotated[int, typer.Option(min=1, help="Questions of each caller, on one connection.")] = 10,
    silence_ms: Annotated[int, typer.Option(min=0, help="Pause that ends a turn.")] = 200,
    wav: Annotated[
        Path | None, typer.Option("--question", metavar="WAV", help="What to ask. Default: a spoken question is made.")
    ] = None,
    url: Annotated[str | None, typer.Option(help="A running server, instead of starting one.")] = None,
    key: Annotated[str | None, typer.Option(envvar="OPENAI_API_KEY", help="API key for --url.")] = None,
    model: Annotated[str, typer.Option(help="Model to ask for.")] = DEFAULT_MODEL,
    json: Annotated[Path | None, typer.Option(metavar="FILE", help="Write the figures and every turn.")] = None,
    config: Annotated[Path | None, typer.Option(help="Configuration file, for --engines configured.")] = None,
    timeout: Annotated[float, typer.Option(min=0.1, help="Seconds after which a turn has failed.")] = 30.0,
    client_processes: Annotated[
        int, typer.Option(min=1, help="Spread the callers over processes, when one is not fast enough.")
    ] = 1,
) -> None:
    """Measure from the end of a caller's speech to the first audio of the answer.

    Starts a server in a process of its own, and callers that stream audio in real time, silence included, as
    microphones do. The clock starts when the last frame of the question that is louder than silence has been sent,
    so the pause that ends the turn (--silence-ms) is part of every figure. No turn is a warm-up: the first one
    counts, and is shown beside the tenth. Callers begin at random moments and pause at random between turns.

    `vivavoce bench turn --engines instant --sessions 16`: the server's own overhead, with 16 callers

    `vivavoce bench turn --engines local`: one caller and the default models

    `vivavoce bench turn --url ws://127.0.0.1:8700 --json turns.json`: a running server

    Exit status 1 when a turn failed or the callers themselves were too slow to measure.
    """
    console, errors = Console(), Console(stderr=True)
    with explained(errors):
        if config and (url or engines is not EngineSet.configured):
            raise CommandError("--config goes with --engines configured, and not with --url.")
        wire = FORMATS["pcm"]
        speech = question(wav, wire) if wav else Speech.of(spoken_question(), wire)
        detection = {"type": "server_vad", "silence_duration_ms": silence_ms}
        with callee(url, key, config, errors, environment(engines, sessions)) as server:
            line = Line(server.url, server.key, model, wire, detection, timeout=timeout)
            check_connection(line)
            load = Load(line, speech, range(sessions), turns, speech.ms / 1000 + _CYCLE_S)
            settings = Settings(url or engines.value, sessions, turns, silence_ms, round(speech.ms, 1))
            found = _measure(load, settings, server, client_processes, errors)
        show(console, found)
        if json:
            write(json, found)
        if found.failed or not found.trustworthy:
            raise typer.Exit(1)


def _measure(load: Load, settings: Settings, server: Callee, processes: int, errors: Console) -> Report:
    expected = load.turns * (load.speech.ms / 1000 + _CYCLE_S) + load.spread_s
    errors.print(f"Measuring; this takes about {expected:.0f} s.", highlight=False)
    with watched(server.own.pid if server.own else None) as usage:
        results = run_callers(load, processes)
    return report(settings, results, usage)


app.command()(barge_in)
app.command()(browser)
app.command()(calls)
app.command()(context)
app.command()(long_call)
app.command()(network)
app.command()(noise)
app.command()(phone)
app.command()(sip)
app.command()(tools)
app.command()(truncation)
app.command()(transcription)
app.command()(voices)
app.command()(webrtc)
