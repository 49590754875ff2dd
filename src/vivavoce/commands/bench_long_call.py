"""`vivavoce bench long-call`: what one call over WebRTC makes a server hold while it lasts."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Annotated

import typer
import uvloop
from rich.console import Console

from vivavoce.audio.pcm import Pcm
from vivavoce.bench.callers import check_connection
from vivavoce.bench.counters import NoCounters
from vivavoce.bench.holdings import CannotLook, Holdings
from vivavoce.bench.long_call import LongCallReport, talk_long
from vivavoce.bench.question import spoken_question
from vivavoce.bench.rtc_caller import opus_packets
from vivavoce.commands.bench_calls import holdings_table
from vivavoce.commands.bench_shared import EngineSet, environment, needs_proc, write
from vivavoce.commands.shared import CommandError, callee, explained, recording
from vivavoce.testing.call import Line
from vivavoce.testing.microphone import speech_span

_TOLD_EVERY = 10


def long_call(
    minutes: Annotated[float, typer.Option(min=0.1, help="How long to talk; it takes as long.")] = 30.0,
    engines: Annotated[
        EngineSet,
        typer.Option(
            help="**instant**: real voice detection, the rest takes no time. **local**: the default models. "
            "**configured**: as the environment says."
        ),
    ] = EngineSet.instant,
    wav: Annotated[
        Path | None, typer.Option("--question", metavar="WAV", help="What to say. Default: a spoken question is made.")
    ] = None,
    json: Annotated[Path | None, typer.Option(metavar="FILE", help="Write the figures of every turn.")] = None,
    timeout: Annotated[float, typer.Option(min=0.1, help="Seconds to wait for an answer.")] = 60.0,
) -> None:
    """Talk on one WebRTC call for a long time, and show whether the server holds more and more.

    Starts a server and asks it a question, waits until the whole answer was played, and asks again. After each answer
    the server's tasks, threads, file descriptors and memory are read. The caller deletes what was said, turn by turn:
    a session must keep its conversation, so that may grow. Compared are the third to the fifth turn with the last
    three. Linux only.

    `vivavoce bench long-call`: half an hour

    `vivavoce bench long-call --minutes 5 --json call.json`

    Exit status 1 when an answer failed, anything but memory grew, or memory by more than 5 MB.
    """
    console, errors = Console(), Console(stderr=True)
    with explained(errors):
        needs_proc()
        said = recording(wav) if wav else spoken_question()
        _, end = speech_span(said)  # the clock of an answer begins where the caller falls silent
        packets = opus_packets(Pcm(said.samples[:end], said.rate))
        with callee(None, None, None, errors, environment(engines, 1)) as server:
            assert server.own is not None
            detection = {"type": "server_vad", "silence_duration_ms": 200}
            line = Line(server.url, server.key, turn_detection=detection, timeout=timeout)
            check_connection(line)
            try:
                found = uvloop.run(talk_long(line, server.own.pid, packets, minutes, _teller(errors)))
            except (CannotLook, NoCounters) as error:
                raise CommandError(str(error)) from None
        show(console, found)
        if json:
            write(json, found)
        if not found.good:
            raise typer.Exit(1)


def _teller(errors: Console) -> Callable[[int, Holdings], None]:
    def tell(turn: int, held: Holdings) -> None:
        if turn % _TOLD_EVERY == 0:
            errors.print(f"turn {turn:>4}: {held.tasks} tasks, {held.rss / 1e6:.1f} MB", highlight=False)

    return tell


def show(console: Console, found: LongCallReport) -> None:
    """Print it."""
    about = f"one call of {found.minutes:.1f} minutes, {found.turns} turns"
    console.print(about, highlight=False, soft_wrap=True)
    console.print(holdings_table(found.growth))
    if found.answered_ms:
        halves = f"{found.first_half_ms:.0f} ms in the first half, {found.second_half_ms:.0f} ms in the second"
        console.print(f"{'first sound':<15} median {halves}", highlight=False, soft_wrap=True)
