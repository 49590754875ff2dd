"""`vivavoce check`: the settings in force, or what is wrong with them."""

from __future__ import annotations

import os

import typer

from vivavoce.commands.serve import ConfigFile, Host, Port
from vivavoce.commands.startup import model_path, settings
from vivavoce.config import catalogue_models, render
from vivavoce.ports import EngineError


def check(config: ConfigFile = None, host: Host = None, port: Port = None) -> None:
    """Print every setting in force, with its meaning, or every mistake, with what would be right.

    Secrets are masked. What it prints is a settings file itself. Exits with 2 when the settings are wrong, and with
    1 when they name models that are not in the cache.

    Examples:

      vivavoce check

      vivavoce check --config vivavoce.toml

      VIVAVOCE_ENGINES__TTS__NAME=kokoro vivavoce check
    """
    chosen = settings(config, os.environ, host=host, port=port)
    typer.echo(render(chosen), nl=False)
    find, missing = model_path(os.environ), False
    for model in catalogue_models(chosen.engines):
        try:
            find(model)
        except EngineError as error:
            missing = True
            typer.echo(error.message, err=True)
    if missing:
        raise typer.Exit(1)
