"""`vivavoce bench transcription`: when a caller's words can be read, and whether they are right."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer
import uvloop
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from vivavoce.bench.question import spoken_question
from vivavoce.bench.report import STARVED_MS
from vivavoce.bench.transcription import SENTENCES, Dictated, Plan, Utterance, dictate_all
from vivavoce.bench.transcription_report import FIRST_DELTA_MS, TranscriptionReport, transcription_report
from vivavoce.bench.usage import watched
from vivavoce.commands.bench_shared import EngineSet, environment, write
from vivavoce.commands.shared import CommandError, callee, explained, question
from vivavoce.testing.call import Line
from vivavoce.testing.client import DEFAULT_MODEL
from vivavoce.testing.microphone import FORMATS, Speech


class Delay(StrEnum):
    """How captions come."""

    none = "none"
    minimal = "minimal"
    low = "low"
    medium = "medium"
    high = "high"
    xhigh = "xhigh"


def transcription(
    engines: Annotated[
        EngineSet,
        typer.Option(
            help="**local**: the default models. **configured**: as --config and the environment say. **instant**: "
            "an engine that knows no words, for the server's own share of the times."
        ),
    ] = EngineSet.local,
    delay: Annotated[
        Delay,
        typer.Option(
            help="Asked of the server: **minimal** is soonest, **xhigh** surest, **none** is at the end only."
        ),
    ] = Delay.minimal,
    times: Annotated[int, typer.Option(min=1, help="Utterances, one after the other.")] = 20,
    speech: Annotated[
        Path | None,
        typer.Option(
            metavar="FOLDER",
            help="What to say: WAV files, each with its words in a .txt file of the same name. Default: ten sentences "
            "in the default voice.",
        ),
    ] = None,
    silence_ms: Annotated[int, typer.Option(min=0, help="Pause that ends a turn.")] = 500,
    url: Annotated[str | None, typer.Option(help="A running server, instead of starting one.")] = None,
    key: Annotated[str | None, typer.Option(envvar="OPENAI_API_KEY", help="API key for --url.")] = None,
    json: Annotated[Path | None, typer.Option(metavar="FILE", help="Write the figures and every utterance.")] = None,
    config: Annotated[Path | None, typer.Option(help="Configuration file, for --engines configured.")] = None,
    timeout: Annotated[float, typer.Option(min=0.1, help="Seconds to wait for a transcript.")] = 30.0,
) -> None:
    """Dictate in a transcription session, and measure when the words can be read.

    A caller streams audio in real time, silence included. The clocks: from the first sound of an utterance to its
    first `...transcription.delta`, and from the end of the speech, as it was sent, to the last `completed`; the pause
    that ends the turn (--silence-ms) is part of the latter. Words that were told and that the final transcript has
    otherwise are counted as revised. The word error rate is that of the final transcripts.

    `vivavoce bench transcription`: the default models, captions as soon as possible

    `vivavoce bench transcription --delay low --times 50 --json captions.json`

    `vivavoce bench transcription --speech recordings --delay none`: recordings, and no captions before the end

    Exit status 1 when an utterance failed, the median first words with --delay minimal took longer than 700 ms, or the
    caller itself was too slow to measure.
    """
    console, errors = Console(), Console(stderr=True)
    with explained(errors):
        if config and (url or engines is not EngineSet.configured):
            raise CommandError("--config goes with --engines configured, and not with --url.")
        wire = FORMATS["pcm"]
        said = _recordings(speech) if speech else [_spoken(sentence) for sentence in SENTENCES]
        wanted = None if delay is Delay.none else delay.value
        with callee(url, key, config, errors, environment(engines, 1)) as server:
            detection = {"type": "server_vad", "silence_duration_ms": silence_ms}
            line = Line(server.url, server.key, DEFAULT_MODEL, wire, detection, timeout=timeout)
            with watched(server.own.pid if server.own else None) as usage:
                found = uvloop.run(dictate_all(Plan(line, said, times, wanted), _teller(errors, times)))
        figures = transcription_report(url or engines.value, wanted, found, usage.others_cores if usage else None)
        show(console, figures)
        if json:
            write(json, figures)
        if figures.failed or _too_slow(figures) or not figures.trustworthy:
            raise typer.Exit(1)


def _spoken(sentence: str) -> Utterance:
    return Utterance(Speech.of(spoken_question(sentence), FORMATS["pcm"]), sentence)


def _recordings(folder: Path) -> list[Utterance]:
    """Raises `CommandError`."""
    found: list[Utterance] = []
    for path in sorted(folder.glob("*.wav")):
        try:
            found.append(Utterance(question(path, FORMATS["pcm"]), path.with_suffix(".txt").read_text().strip()))
        except OSError as error:
            raise CommandError(f"{path.with_suffix('.txt')}: {error.strerror}.") from None
    if not found:
        raise CommandError(f"{folder}: there are no WAV files.")
    return found


def _teller(errors: Console, times: int) -> Callable[[Dictated], None]:
    def tell(found: Dictated) -> None:
        first = "" if found.first_delta is None else f"first words after {found.first_delta:.0f} ms: "
        errors.print(
            f"{found.number + 1:>3} of {times}  {escape(found.problem or first + found.transcript)}", highlight=False
        )

    return tell


def _too_slow(found: TranscriptionReport) -> bool:
    first = found.first_delta
    return found.delay == "minimal" and (first is None or first.median > FIRST_DELTA_MS)


def show(console: Console, found: TranscriptionReport) -> None:
    """Print it."""
    about = f"{escape(found.engines)}, delay {found.delay or 'none'}, {found.times} utterances"
    console.print(f"{about}, {found.machine['cores']} cores", highlight=False, soft_wrap=True)
    table = Table(box=None, header_style="bold", pad_edge=False)
    table.add_column("ms", no_wrap=True)
    for column in ("min", "median", "p95", "max"):
        table.add_column(column, justify="right", no_wrap=True)
    rows = {"first sound to first words": found.first_delta, "end of speech to transcript": found.final}
    for name, spread in rows.items():
        if spread:
            values = (f"{each:.0f}" for each in (spread.min, spread.median, spread.p95, spread.max))
            table.add_row(name, *values)
    console.print(table)
    for head, body in _lines(found):
        console.print(f"{head:<15} {body}", highlight=False, soft_wrap=True)


def _lines(found: TranscriptionReport) -> Iterator[tuple[str, str]]:
    if found.delay == "minimal":
        yield "first words", f"{found.slow} of {found.times} took longer than {FIRST_DELTA_MS:.0f} ms"
    yield "read early", f"{found.early_percent:g} % of the words that were told came before the end of the speech"
    yield "revised", f"{found.revised} of {found.told} words that were told"
    rate = f" ({100 * found.errors / found.words:.1f} %)" if found.words else ""
    yield "word errors", f"{found.errors} of {found.words} words{rate}"
    yield "failed", f"{found.failed} of {found.times}"
    for problem, times in found.problems.items():
        yield "", f"[red]{times} x[/] {escape(problem)}"
    if found.others_cores is not None:
        yield "other programs", f"{found.others_cores:.2f} of {found.machine['cores']} cores"
    if found.lag:
        lag = found.lag
        yield "caller's lag", f"median {lag.median:.1f} ms, p95 {lag.p95:.1f} ms, max {lag.max:.1f} ms"
    if not found.trustworthy:
        yield (
            "",
            f"[red]Measurement not trustworthy:[/] the caller itself was late by more than {STARVED_MS:.0f} ms.",
        )
