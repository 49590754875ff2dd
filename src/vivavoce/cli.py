"""The command line: `vivavoce`."""

import os

import typer

from vivavoce.commands.bench import app as bench
from vivavoce.commands.check import check
from vivavoce.commands.conformance import conformance
from vivavoce.commands.replay import replay
from vivavoce.commands.serve import serve
from vivavoce.commands.talk import talk
from vivavoce.models.cli import create as models_commands

app = typer.Typer(no_args_is_help=True, rich_markup_mode="markdown")
app.command()(serve)
app.command()(check)
app.command()(talk)
app.command()(replay)
app.command()(conformance)
app.add_typer(models_commands(os.environ), name="models")
app.add_typer(bench)


@app.callback()
def options() -> None:
    """Vivavoce: a self-hosted realtime speech-to-speech server."""
