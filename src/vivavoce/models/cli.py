"""`vivavoce models`: what there is, what is in the cache, and fetching the rest."""

import logging
from collections.abc import Generator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table

from .catalogue import Asset, Catalogue, ModelError, catalogue
from .fetch import pull
from .report import megabytes, report_to
from .store import asset_dir, cache_dir, state, verify

INTERRUPTED = 130
"""The exit status of a program that Ctrl-C ended, as shells have it."""

STATE_STYLES = {"present": "green", "partial": "yellow", "missing": "dim", "corrupt": "bold red"}

Names = Annotated[list[str] | None, typer.Argument(help="Names from `vivavoce models list`.")]
All = Annotated[bool, typer.Option("--all", help="Every model in the catalogue.")]


def create(environ: Mapping[str, str]) -> typer.Typer:
    """The sub-commands, for a cache folder that `environ` chooses."""
    app = typer.Typer(name="models", help="List, fetch and check the models.", no_args_is_help=True)
    cache = cache_dir(environ)
    console, errors = Console(), Console(stderr=True)

    @app.command("list")
    def list_models() -> None:
        """List every model: its role, size, licence, first source and state."""
        console.print(_table(catalogue(), cache))

    @app.command("pull")
    def pull_models(names: Names = None, everything: All = False) -> None:
        """Fetch models into the cache (without names: those that the server uses by default)."""
        with _explained(errors):
            pull(_chosen(names, everything), cache, report_to(errors))

    @app.command("verify")
    def verify_models(names: Names = None, everything: All = False) -> None:
        """Compare every byte with the catalogue (without names: the default models)."""
        with _explained(errors):
            problems = [line for asset in _chosen(names, everything) for line in verify(asset, cache)]
        for line in problems:
            errors.print(line, markup=False, highlight=False, soft_wrap=True)
        if problems:
            raise typer.Exit(1)
        console.print("Every byte is right.")

    @app.command("path")
    def path(name: Annotated[str, typer.Argument(help="A name from `vivavoce models list`.")]) -> None:
        """Print the folder of a model."""
        with _explained(errors):
            folder = asset_dir(catalogue().asset(name), cache)
        # For scripts: exactly one line, however narrow the terminal.
        typer.echo(folder)

    return app


def _chosen(names: list[str] | None, everything: bool) -> tuple[Asset, ...]:
    known = catalogue()
    if everything:
        return known.assets
    return tuple(known.asset(name) for name in names) if names else known.defaults()


def _table(known: Catalogue, cache: Path) -> Table:
    table = Table(box=None, header_style="bold", caption=f"* used by default   cache: {cache}", caption_justify="left")
    for column in ("name", "role", "size", "licence", "source", "state"):
        table.add_column(column, justify="right" if column == "size" else "left", no_wrap=column != "source")
    for asset in known.assets:
        found = state(asset, cache)
        name = f"{asset.name} *" if asset.default else asset.name
        styled = f"[{STATE_STYLES[found]}]{found}[/]"
        table.add_row(name, asset.role, megabytes(asset.size), asset.licence, str(asset.sources[0]), styled)
    return table


@contextmanager
def _explained(errors: Console) -> Generator[None]:
    """End the program with one sentence, instead of a traceback, on what people can do something about."""
    # httpx logs every request at INFO; where a program configured logging, that is noise between the bars.
    logging.getLogger("httpx").setLevel(logging.WARNING)
    try:
        yield
    except ModelError as error:
        errors.print(str(error), markup=False, highlight=False, soft_wrap=True)
        raise typer.Exit(1) from None
    except KeyboardInterrupt:
        errors.print("Stopped. What has arrived is kept; the next pull goes on from there.")
        raise typer.Exit(INTERRUPTED) from None
