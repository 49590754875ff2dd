"""`vivavoce talk`: play recordings into a server as a caller would, and hear the answers."""

from __future__ import annotations

import asyncio
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from vivavoce.audio.wav import write_wav
from vivavoce.commands.conversation import Conversation, Question, hold
from vivavoce.commands.shared import CommandError, callee, explained, question
from vivavoce.testing.call import Line
from vivavoce.testing.client import DEFAULT_MODEL, Event
from vivavoce.testing.microphone import FORMATS


class Detection(StrEnum):
    """Who decides that a turn is over."""

    server = "server"
    semantic = "semantic"
    manual = "manual"


class Eagerness(StrEnum):
    """How soon `semantic` takes a pause for the end (PROTOCOL.md 3.4)."""

    low = "low"
    medium = "medium"
    high = "high"
    auto = "auto"


class Format(StrEnum):
    """Audio on the wire, both ways."""

    pcm = "pcm"
    pcmu = "pcmu"
    pcma = "pcma"


def talk(
    questions: Annotated[
        list[Path], typer.Argument(metavar="QUESTION.wav [MORE.wav ...]", help="What to say, one turn each.")
    ],
    output: Annotated[
        Path | None, typer.Option("--output", "-o", metavar="ANSWER.wav", help="Write what the caller hears.")
    ] = None,
    url: Annotated[
        str | None, typer.Option(help="A running server, as in ws://127.0.0.1:8700. Without it one is started.")
    ] = None,
    key: Annotated[str | None, typer.Option(envvar="OPENAI_API_KEY", help="API key for --url.")] = None,
    model: Annotated[str, typer.Option(help="Model to ask for.")] = DEFAULT_MODEL,
    voice: Annotated[str | None, typer.Option(help="Voice of the answers, as in alloy or cedar.")] = None,
    instructions: Annotated[str | None, typer.Option(help="Instructions for the model.")] = None,
    vad: Annotated[
        Detection,
        typer.Option(
            help="Who decides that a turn is over: **server** by the length of the pause, **semantic** by "
            "how the speech sounded, **manual** the caller, as with a key that is held down while speaking."
        ),
    ] = Detection.server,
    silence_ms: Annotated[int | None, typer.Option(help="Pause that ends a turn, for --vad server.")] = None,
    eagerness: Annotated[Eagerness | None, typer.Option(help="Impatience of --vad semantic.")] = None,
    barge_in: Annotated[
        int | None,
        typer.Option(
            min=0, metavar="MS", help="Say the next turn this long after an answer begins, not after it ends."
        ),
    ] = None,
    wire: Annotated[Format, typer.Option("--format", help="Audio on the wire; pcmu and pcma are 8 kHz.")] = Format.pcm,
    timeout: Annotated[float, typer.Option(min=0.1, help="Seconds to wait for an answer, or for more of it.")] = 30.0,
    config: Annotated[
        Path | None, typer.Option(help="Configuration of the server that is started without --url.")
    ] = None,
) -> None:
    """Call a server and hold a conversation with it.

    Each WAV (any rate, mono or stereo) is played in real time, as a microphone would deliver it, and is one turn;
    the next begins when the answer has been heard. Printed for each turn: what the server heard, what it
    answered, and the time line in ms after the caller's last sound, which is found in the WAV itself.

    `vivavoce talk question.wav -o answer.wav`: starts a server and asks it

    `vivavoce talk my-name-is.wav what-is-my-name.wav --url ws://127.0.0.1:8700`: two turns, a running server

    `vivavoce talk tell-me-a-story.wav stop.wav --barge-in 800`: interrupts the first answer

    Exit status 1 when a turn got no answer.
    """
    console, errors = Console(), Console(stderr=True)
    with explained(errors):
        wire_format = FORMATS[wire.value]
        detection = _detection(vad, silence_ms, eagerness)
        plan = Conversation([Question(path.name, question(path, wire_format)) for path in questions], barge_in)
        _check_folder(output)
        if url is not None and config is not None:
            raise CommandError("--config is for the server that is started without --url; leave one of them out.")
        with callee(url, key, config, errors) as server:
            line = Line(server.url, server.key, model, wire_format, detection, voice, instructions, timeout)
            outcome = asyncio.run(hold(line, plan, console))
        if output:
            write_wav(output, outcome.heard)
            console.print(f"Written to {output}: {outcome.heard.ms / 1000:.1f} s.", highlight=False, soft_wrap=True)
        if outcome.failed:
            raise typer.Exit(1)


def _detection(vad: Detection, silence_ms: int | None, eagerness: Eagerness | None) -> Event | None:
    """`turn_detection` as the wire has it. Raises `CommandError` for an option that would have no effect."""
    if silence_ms is not None and vad is not Detection.server:
        raise CommandError(f"--silence-ms is for --vad server; {vad} has no such setting.")
    if eagerness is not None and vad is not Detection.semantic:
        raise CommandError(f"--eagerness is for --vad semantic; {vad} has no such setting.")
    match vad:
        case Detection.manual:
            return None
        case Detection.semantic:
            return {"type": "semantic_vad", **({"eagerness": eagerness.value} if eagerness else {})}
        case Detection.server:
            return {"type": "server_vad", **({} if silence_ms is None else {"silence_duration_ms": silence_ms})}


def _check_folder(output: Path | None) -> None:
    """Before the conversation, not after it."""
    if output and (output.is_dir() or not output.absolute().parent.is_dir()):
        raise CommandError(f"{output} cannot be written: {'it is a folder' if output.is_dir() else 'no such folder'}.")
