"""What the commands that call a server have in common: their errors, and a server to call."""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Callable, Generator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import typer
from rich.console import Console

from vivavoce.audio.pcm import WIRE_RATE, Pcm
from vivavoce.audio.resample import resample
from vivavoce.audio.wav import read_wav
from vivavoce.commands.local_server import LocalServer, ServerFailed, local_server
from vivavoce.testing.client import ClientError
from vivavoce.testing.microphone import Speech, WireFormat, speech_span

INTERRUPTED = 130
"""The exit status of a program that Ctrl-C ended, as shells have it."""
TERMINATED = 143


class CommandError(Exception):
    """The command cannot do what was asked; the message is for people."""


@dataclass(frozen=True, slots=True)
class Callee:
    """A server to call."""

    url: str
    key: str | None
    own: LocalServer | None = None
    """Set when it was started for this command."""


def question(path: Path, wire: WireFormat) -> Speech:
    """A WAV file as something to say. Raises `CommandError`."""
    with _readable(path):
        return Speech.of(read_wav(path), wire)


def recording(path: Path) -> Pcm:
    """A WAV file of something that is said, at 24 kHz. Raises `CommandError`."""
    with _readable(path):
        audio = resample(read_wav(path), WIRE_RATE)
        speech_span(audio)  # raises for silence
        return audio


@contextmanager
def callee(
    url: str | None, key: str | None, config: Path | None, errors: Console, environ: Mapping[str, str] | None = None
) -> Generator[Callee]:
    """The server at `url`, or without one a server of our own with this environment (None: the process's)."""
    if url is not None:
        yield Callee(url, key)
        return
    environ = os.environ if environ is None else environ
    with (
        _terminable(),
        _starting(errors) as (progress, ready),
        local_server(environ, config, progress) as server,
    ):
        ready(server)
        yield Callee(server.url, server.key, server)


@contextmanager
def explained(errors: Console) -> Generator[None]:
    """End the program with a sentence, instead of a traceback, on what people can do something about."""
    try:
        yield
    except (CommandError, ClientError, ServerFailed) as error:
        errors.print(str(error), markup=False, highlight=False, soft_wrap=True, style="red")
        raise typer.Exit(1) from None
    except KeyboardInterrupt:
        errors.print("Stopped.")
        raise typer.Exit(INTERRUPTED) from None


@contextmanager
def _readable(path: Path) -> Generator[None]:
    try:
        yield
    except OSError as error:
        raise CommandError(f"{path}: {error.strerror}.") from None
    except ValueError as error:
        raise CommandError(f"{path}: {error}.") from None


@contextmanager
def _starting(errors: Console) -> Generator[tuple[Callable[[str], None], Callable[[LocalServer], None]]]:
    """Says that a server starts, and what it says; on a terminal in one line that goes away again."""
    status = errors.status("Starting a server") if errors.is_terminal else None
    if status:
        status.start()
    else:
        errors.print("Starting a server.")

    def progress(line: str) -> None:
        if status:
            status.update(f"Starting a server: {line[: errors.width - 24]}".replace("[", "\\["))

    def ready(server: LocalServer) -> None:
        if status:
            status.stop()
        errors.print(f"The server was ready after {server.ready_after:.1f} s.", highlight=False)

    try:
        yield progress, ready
    finally:
        if status:
            status.stop()


@contextmanager
def _terminable() -> Generator[None]:
    """A polite kill ends the server too, instead of leaving it behind."""
    before = signal.signal(signal.SIGTERM, lambda *_: sys.exit(TERMINATED))
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)
