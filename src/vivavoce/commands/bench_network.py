"""`vivavoce bench network`: whether a caller is still understood over a bad network."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Annotated

import typer
import uvloop
from rich.console import Console
from rich.table import Table

from vivavoce.bench.network import CONDITIONS, speak
from vivavoce.bench.network_report import (
    MOST_GROWTH_MS,
    MOST_WORSE_PERCENT,
    NetworkReport,
    Through,
    monologue,
    network_report,
    through,
)
from vivavoce.bench.noise import Said
from vivavoce.bench.question import spoken_question
from vivavoce.bench.transcription import SENTENCES
from vivavoce.commands.bench_shared import recordings, write
from vivavoce.commands.shared import CommandError, explained
from vivavoce.commands.startup import model_path
from vivavoce.config.tree import WhisperAsr as WhisperOptions
from vivavoce.engines.whisper import WhisperAsr
from vivavoce.ports import EngineError


def network(
    seconds: Annotated[float, typer.Option(min=1.0, help="How long each caller speaks, at least.")] = 60.0,
    speech: Annotated[
        Path | None,
        typer.Option(
            metavar="FOLDER",
            help="What callers say: WAV files, each with its words in a .txt file of the same name. Default: ten "
            "sentences in the default voice.",
        ),
    ] = None,
    json: Annotated[Path | None, typer.Option(metavar="FILE", help="Write the figures.")] = None,
) -> None:
    """Speak into WebRTC calls over emulated bad networks, and compare what is understood.

    Callers speak at the same time, each through a relay of UDP that loses datagrams, delays them, and lets later ones
    overtake, in both directions, from the first packet of the handshake on. Its chances have a seed. What the server
    hears is transcribed by the local Whisper and compared with what was said. The delay is that of the sound, from
    leaving the caller to being handed to a session, what the codec takes (6.5 ms) included; it is found by laying what
    was heard over what was said, in the first 10 s and in the last.

    `vivavoce bench network`: a minute of speech over each network

    `vivavoce bench network --seconds 300 --speech recordings --json network.json`

    Exit status 1 when a network costs more than 15 % of the words, or a delay grows by more than 100 ms.
    """
    console, errors = Console(), Console(stderr=True)
    with explained(errors):
        said = recordings(speech) if speech else [Said(each, spoken_question(each)) for each in SENTENCES]
        try:
            found = uvloop.run(_measure(said, seconds, errors))
        except EngineError as error:
            raise CommandError(error.message) from None
        show(console, found)
        if json:
            write(json, found)
        if not found.good:
            raise typer.Exit(1)


async def _measure(said: list[Said], seconds: float, errors: Console) -> NetworkReport:
    pcm, places = monologue(said, seconds)
    errors.print(f"Speaking for {pcm.ms / 1000:.0f} s.", highlight=False)
    passages = await speak(pcm, list(CONDITIONS))
    asr = WhisperAsr(model_path(os.environ)(WhisperOptions().model), language=WhisperOptions().language)

    def tell(each: Through) -> None:
        errors.print(f"{each.condition}: {each.errors} of {each.words} words wrong", highlight=False)

    try:
        await asr.start()
        return network_report(pcm.ms / 1000, await through(passages, places, asr, tell))
    finally:
        await asr.aclose()


def show(console: Console, found: NetworkReport) -> None:
    """Print it."""
    about = f"{found.seconds:.0f} s of speech, {found.through[0].words} words, over each network"
    console.print(f"{about}, {found.machine['cores']} cores", highlight=False, soft_wrap=True)
    table = Table(box=None, header_style="bold", pad_edge=False)
    table.add_column("network", no_wrap=True)
    for column in ("lost", "WER", "delay, ms", "at the end", "growth"):
        table.add_column(column, justify="right", no_wrap=True)
    least = found.through[0].error_percent
    for each in found.through:
        bad = each.growth_ms > MOST_GROWTH_MS or each.error_percent > least + MOST_WORSE_PERCENT
        figures = (f"{each.lost_percent:.1f} %", f"{each.error_percent:.1f} %")
        delay = (f"{each.begin_ms:.0f}", f"{each.end_ms:.0f}", f"{each.growth_ms:+.0f}")
        table.add_row(each.condition, *figures, *delay, style="red" if bad else "")
    console.print(table)
