"""How a pull tells people what it is doing: bars on a terminal, plain lines in a log, or nothing."""

from collections.abc import Callable, Generator
from contextlib import AbstractContextManager, contextmanager
from typing import Protocol

from rich.console import Console
from rich.progress import (
    BarColumn,
    DownloadColumn,
    Progress,
    TextColumn,
    TimeRemainingColumn,
    TransferSpeedColumn,
)

Advance = Callable[[int], None]
"""Called with the number of bytes that just arrived."""


class Report(Protocol):
    """What a pull tells."""

    def say(self, line: str) -> None:
        """One sentence."""
        ...

    def transfer(self, name: str, total: int | None, done: int) -> AbstractContextManager[Advance]:
        """A download of `total` bytes (None: unknown) begins, of which `done` are already here."""
        ...


class Silent:
    """Tells nothing."""

    def say(self, line: str) -> None:
        """Drop the line."""

    @contextmanager
    def transfer(self, name: str, total: int | None, done: int) -> Generator[Advance]:
        """Count nothing."""
        yield lambda _: None


class Lines:
    """Tells in plain lines: a download when it begins, and no progress within it."""

    def __init__(self, write: Callable[[str], None]) -> None:
        self._write = write

    def say(self, line: str) -> None:
        """Write the line."""
        self._write(line)

    @contextmanager
    def transfer(self, name: str, total: int | None, done: int) -> Generator[Advance]:
        """Write one line."""
        size = "unknown size" if total is None else megabytes(total)
        resumed = f", resuming at {megabytes(done)}" if done else ""
        self._write(f"{name}: downloading ({size}{resumed})")
        yield lambda _: None


class Bars:
    """Tells on a terminal: one bar per download, with size, speed and the time left."""

    def __init__(self, console: Console) -> None:
        self._console = console

    def say(self, line: str) -> None:
        """Print the line."""
        self._console.print(line, markup=False, highlight=False)

    @contextmanager
    def transfer(self, name: str, total: int | None, done: int) -> Generator[Advance]:
        """Show a bar until the download ends."""
        columns = (
            TextColumn("{task.description}"),
            BarColumn(),
            DownloadColumn(),
            TransferSpeedColumn(),
            TimeRemainingColumn(),
        )
        with Progress(*columns, console=self._console, transient=True) as progress:
            task = progress.add_task(name, total=total, completed=done)
            yield lambda count: progress.advance(task, count)


def megabytes(size: int) -> str:
    """A size for people, in decimal megabytes."""
    return f"{size / 1e6:,.1f} MB"


def report_to(console: Console) -> Report:
    """Bars if the console is a terminal, else lines."""
    if console.is_terminal:
        return Bars(console)
    return Lines(lambda line: console.print(line, markup=False, highlight=False, soft_wrap=True))
