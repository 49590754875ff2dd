"""The command line: `vivavoce`."""

import os

import typer

from vivavoce.commands.check import check
from vivavoce.commands.serve import serve
from vivavoce.models.cli import create as models_commands

app = typer.Typer(no_args_is_help=True)
app.command()(serve)
app.command()(check)
app.add_typer(models_commands(os.environ), name="models")


@app.callback()
def options() -> None:
    """Vivavoce: a self-hosted realtime speech-to-speech server."""


def main() -> None:
    """The `vivavoce` program."""
    app()
