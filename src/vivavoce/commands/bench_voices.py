"""`vivavoce bench voices`: whether each voice is understood, as loud as the others, and told apart from them."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from contextlib import aclosing
from pathlib import Path
from typing import Annotated

import typer
import uvloop
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from vivavoce.bench.voice_measures import Embedder
from vivavoce.bench.voices import (
    LOUDNESS_DB,
    SENTENCES,
    WER_PERCENT,
    Sample,
    VoiceFigures,
    VoicesReport,
    figures,
    spoken,
    voices_report,
)
from vivavoce.commands.bench_shared import write
from vivavoce.commands.shared import CommandError, explained
from vivavoce.commands.startup import model_path, settings
from vivavoce.config import Config, engine_options
from vivavoce.config.tree import WhisperAsr as WhisperOptions
from vivavoce.engines import TTS, make
from vivavoce.engines.whisper import WhisperAsr
from vivavoce.ports import OPENAI_VOICES, EngineError, Tts, VoiceInfo

EMBEDDER = "speaker-embedder"


def voices(
    everyone: Annotated[bool, typer.Option("--all", help="All by their own names, not only OpenAI's ten.")] = False,
    only: Annotated[
        list[str] | None, typer.Option("--voice", metavar="NAME", help="Only this one; may be repeated.")
    ] = None,
    sentences: Annotated[
        int, typer.Option(min=2, max=min(map(len, SENTENCES.values())), help="Sentences that each voice says.")
    ] = 10,
    json: Annotated[Path | None, typer.Option(metavar="FILE", help="Write the figures and every mishearing.")] = None,
    config: Annotated[Path | None, typer.Option(help="Configuration file, with the engine to measure.")] = None,
) -> None:
    """Measure the voices of the configured [engines.tts].

    Each voice says the same sentences. **WER**: words that the local Whisper hears wrong. **LUFS**: loudness by ITU-R
    BS.1770. **pitch**: the median. **itself** and **nearest**: how much its speaker print is like its own from other
    sentences, and like the most similar other voice's; 1 is the same. The prints are those of the model
    `speaker-embedder` (`vivavoce models pull speaker-embedder`).

    `vivavoce bench voices`: OpenAI's ten names in the default engine

    `vivavoce bench voices --config kokoro.toml --all --json voices.json`

    Exit status 1 when a voice has a WER above 3 %, is more like another than like itself, the voices are more than
    1 dB apart, or none was measured.
    """
    console, errors = Console(), Console(stderr=True)
    chosen = settings(config, os.environ)
    with explained(errors):
        try:
            found = uvloop.run(_measure(chosen, everyone, only or (), sentences, errors))
        except EngineError as error:
            raise CommandError(error.message) from None
        show(console, found)
        if json:
            write(json, found)
        if not found.passed:
            raise typer.Exit(1)


async def _measure(
    config: Config, everyone: bool, only: Sequence[str], sentences: int, errors: Console
) -> VoicesReport:
    find = model_path(os.environ)
    tts = make("tts", TTS, engine_options(config), find)
    embedder = Embedder(find(EMBEDDER))
    texts = {language: each[:sentences] for language, each in SENTENCES.items()}
    async with aclosing(tts):
        await tts.start()
        samples: list[Sample] = []
        for info in _chosen(tts, everyone, only):
            language = next((code for code in info.languages if code in texts), None)
            if language is None:
                lacking = f"{info.name}: there are no sentences in {', '.join(info.languages)}."
                if only:
                    raise CommandError(lacking)
                errors.print(lacking, highlight=False)
                continue
            errors.print(f"{info.name} speaks", highlight=False)
            samples.append(await spoken(tts, info.name, language, texts[language]))
    asr = WhisperAsr(find(WhisperOptions().model))
    async with aclosing(asr):
        await asr.start()
        found = await figures(
            samples, texts, asr, embedder, lambda name: errors.print(f"{name} is heard", highlight=False)
        )
    return voices_report(tts.name, found, sentences)


def _chosen(tts: Tts, everyone: bool, only: Sequence[str]) -> list[VoiceInfo]:
    """Those named by `only`; otherwise OpenAI's ten, or all where there is none of them. Raises `CommandError`."""
    known = {info.name: info for info in tts.catalogue}
    if unknown := [name for name in only if name not in known]:
        raise CommandError(f"There is no voice {unknown[0]!r}. There are: {', '.join(known)}.")
    own = [name for name, info in known.items() if info.alias_of is None]
    ten = [name for name in OPENAI_VOICES if name in known]
    return [known[name] for name in only or (own if everyone else ten or own)]


def show(console: Console, found: VoicesReport) -> None:
    """Print it."""
    about = f"{escape(found.engine)}, {len(found.voices)} voices, {found.sentences} sentences each"
    console.print(f"{about}, {found.machine['cores']} cores", highlight=False, soft_wrap=True)
    table = Table(box=None, header_style="bold", pad_edge=False)
    table.add_column("voice", no_wrap=True)
    for column in ("WER", "LUFS", "peak dBFS", "pitch Hz", "itself", "nearest"):
        table.add_column(column, justify="right", no_wrap=True)
    table.add_column("who", no_wrap=True)
    for each in found.voices:
        table.add_row(*_row(each))
    console.print(table)
    for line in _lines(found):
        console.print(line, highlight=False, soft_wrap=True)


def _row(each: VoiceFigures) -> Iterator[str]:
    bad = "[red]{}[/]"
    wer = f"{each.wer_percent:.1f} %"
    likeness = f"{each.other:.3f}"
    yield escape(each.name)
    yield wer if each.wer_percent <= WER_PERCENT else bad.format(wer)
    yield f"{each.lufs:.1f}"
    yield f"{each.peak_dbfs:.1f}"
    yield f"{each.pitch_hz:.0f}"
    yield f"{each.itself:.3f}"
    yield likeness if each.distinct else bad.format(likeness)
    yield escape(each.nearest)


def _lines(found: VoicesReport) -> Iterator[str]:
    loud = f"loudness: {found.spread_db:.2f} dB from the softest to the loudest"
    yield loud if found.spread_db <= LOUDNESS_DB else f"[red]{loud}[/]"
    for each in found.voices:
        for text, heard in each.heard.items():
            yield f"{escape(each.name)}: {escape(text)} -> {escape(heard)}"
