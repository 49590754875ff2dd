"""`vivavoce conformance`: does a server keep the protocol?"""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from vivavoce.audio.pcm import Pcm
from vivavoce.audio.wav import read_wav
from vivavoce.commands.shared import CommandError, explained
from vivavoce.conformance.checks import SECTIONS
from vivavoce.conformance.client import DEFAULT_TRANSLATION_MODEL, Suite, Target
from vivavoce.conformance.report import Report, document, failed
from vivavoce.conformance.run import conform
from vivavoce.conformance.verdict import Section
from vivavoce.testing.client import DEFAULT_MODEL


def conformance(
    url: Annotated[str, typer.Option(help="The server, as in ws://127.0.0.1:8700 or wss://example.org/v1.")],
    key: Annotated[str | None, typer.Option(envvar="OPENAI_API_KEY", help="API key.")] = None,
    model: Annotated[str, typer.Option(help="Model to ask for.")] = DEFAULT_MODEL,
    translation_model: Annotated[str, typer.Option(help="Model of translation sessions.")] = DEFAULT_TRANSLATION_MODEL,
    only: Annotated[
        list[str] | None, typer.Option(metavar="SECTION", help="Only this section; may be given several times.")
    ] = None,
    speech: Annotated[
        Path | None,
        typer.Option(
            metavar="WAV",
            help="Somebody who says a sentence. Default: one is made by the local voice, where it is there.",
        ),
    ] = None,
    fast: Annotated[
        bool, typer.Option("--fast", help="Send audio as fast as the server takes it, and not in real time.")
    ] = False,
    timeout: Annotated[float, typer.Option(min=0.1, help="Seconds that any single answer may take.")] = 20.0,
    call_id: Annotated[str | None, typer.Option(help="A call in progress, for the checks of the sideband.")] = None,
    json: Annotated[bool, typer.Option("--json", help="Print the whole report as JSON.")] = False,
) -> None:
    """Check any server of the OpenAI Realtime API from the outside.

    Every check is a short session of its own. It **holds**, it **fails** (then it says what was expected, and shows
    the event that came instead), or it is **not offered**: the server refused it by name, which is honest and no
    failure. What could not be tried is **left out**, and why. Rules that hold for every event, such as unique ids or
    deltas that add up, watch over all sessions and come last.

    All sections open some 180 sessions and ask for some 60 answers, and as speech is sent in real time they take
    about two minutes with a quick server. Where answers cost money, begin with one section.

    `vivavoce conformance --url ws://127.0.0.1:8700`: everything

    `vivavoce conformance --url ws://127.0.0.1:8700 --only text-response --only errors`: two sections

    `vivavoce conformance --url wss://example.org/v1 --key sk-... --model some-model --json > report.json`

    Exit status 1 when anything fails.
    """
    console, errors = Console(), Console(stderr=True)
    with explained(errors):
        sections = _sections(only)
        target = Target(
            url=url,
            model=model,
            key=key,
            timeout=timeout,
            speech=_speech(speech, errors),
            fast=fast,
            translation_model=translation_model,
            call_id=call_id,
        )
        report = Report(console)
        results = asyncio.run(conform(target, sections, (lambda _: None) if json else report.tell))
        if json:
            typer.echo(document(url, model, results))
        else:
            report.end(results)
        if failed(results):
            raise typer.Exit(1)


def _sections(only: list[str] | None) -> list[Section[Suite]]:
    keys = [section.key for section in SECTIONS]
    unknown = [each for each in only or () if each not in keys]
    if unknown:
        raise CommandError(f"There is no section {unknown[0]!r}. Sections: {', '.join(keys)}.")
    return [section for section in SECTIONS if not only or section.key in only]


def _speech(path: Path | None, errors: Console) -> Pcm | None:
    """The recording, or one that the local voice makes; None, and why, where there is no such voice."""
    if path is not None:
        try:
            return read_wav(path)
        except OSError as error:
            raise CommandError(f"{path}: {error.strerror}.") from None
        except ValueError as error:
            raise CommandError(f"{path}: {error}.") from None
    try:
        from vivavoce.bench.question import spoken_question

        return spoken_question()
    except Exception as error:  # whatever a voice that is not there raises: the other checks need none
        errors.print(f"No voice to speak with ({error}): give one with --speech.", markup=False, highlight=False)
        return None
