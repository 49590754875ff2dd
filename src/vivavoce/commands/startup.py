"""What the commands that run a server do first: read the settings, find the models."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path

import typer

from vivavoce.config import Config, ConfigError, load
from vivavoce.engines.installed import installed
from vivavoce.models import ModelError, asset_dir, cache_dir, catalogue, state
from vivavoce.ports import EngineError

BAD_SETTINGS = 2
"""The exit status of wrong settings, as of wrong options."""


def settings(
    file: Path | None, environ: Mapping[str, str], *, host: str | None = None, port: int | None = None
) -> Config:
    """The settings of a file, the environment over it, and the options over both.

    Prints every mistake and exits with `BAD_SETTINGS` when there are any, and with 1 when an engine of another package
    cannot tell what its settings are.
    """
    given = {"VIVAVOCE_SERVER__HOST": host, "VIVAVOCE_SERVER__PORT": None if port is None else str(port)}
    options = {variable: value for variable, value in given.items() if value is not None}
    try:
        models = {asset.name: asset.role for asset in catalogue().assets}
        return load(file, {**environ, **options}, models, installed())
    except ConfigError as error:
        for problem in error.problems:
            typer.echo(problem, err=True)
        raise typer.Exit(BAD_SETTINGS) from None
    except EngineError as error:
        typer.echo(error.message, err=True)
        raise typer.Exit(1) from None


def model_path(environ: Mapping[str, str]) -> Callable[[str], Path]:
    """Finds models in the cache that `environ` chooses: a model's file, or its folder where it has several.

    What it returns raises `EngineError` (`engine_unavailable`) for a model that is not there in full.
    """
    cache = cache_dir(environ)

    def find(name: str) -> Path:
        try:
            asset = catalogue().asset(name)
            found = state(asset, cache)
            folder = asset_dir(asset, cache)
        except ModelError as error:
            raise EngineError("engine_unavailable", str(error)) from error
        if found != "present":
            message = f"The model {name} is {found}. Fetch it with `vivavoce models pull {name}`."
            raise EngineError("engine_unavailable", message)
        return folder / asset.files[0].name if len(asset.files) == 1 else folder

    return find
