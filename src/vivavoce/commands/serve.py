"""`vivavoce serve`: run the server, and say how to talk to it."""

from __future__ import annotations

import asyncio
import logging
import os
import socket
import ssl
from pathlib import Path
from typing import Annotated

import typer
import uvloop
from msgspec.structs import replace

from vivavoce.app import create_app, create_server
from vivavoce.commands.startup import model_path, settings
from vivavoce.config import Config
from vivavoce.config.tree import Server
from vivavoce.observe import log
from vivavoce.ports import EngineError
from vivavoce.serving import settle, tls_context, uvicorn_server

_log = logging.getLogger(__name__)

NEXT_STEPS = """
Vivavoce is ready at {url} (Ctrl-C stops it){page}

  curl {url}/v1/models{auth}

  from openai import OpenAI
  client = OpenAI(base_url="{url}/v1", api_key="{key}")
  with client.realtime.connect(model="gpt-realtime") as connection:
      connection.session.update(session={{"type": "realtime", "output_modalities": ["text"]}})
      content = [{{"type": "input_text", "text": "Say hello in three words."}}]
      connection.conversation.item.create(item={{"type": "message", "role": "user", "content": content}})
      connection.response.create()
      for event in connection:
          if event.type == "response.output_text.delta": print(event.delta, end="", flush=True)
          if event.type == "response.done": break

  vivavoce talk QUESTION.wav --url {url}
"""

ConfigFile = Annotated[
    Path | None,
    typer.Option("--config", "-c", envvar="VIVAVOCE_CONFIG", metavar="FILE", help="Settings, as TOML."),
]
Host = Annotated[str | None, typer.Option(help="Address to listen on. Beyond this machine only with keys.")]
Port = Annotated[int | None, typer.Option(min=0, max=65_535, help="TCP port; 0 takes any free one.")]
NoTls = Annotated[bool, typer.Option("--no-tls", help="Plain http:// and ws://, whatever the settings say.")]


def serve(config: ConfigFile = None, host: Host = None, port: Port = None, no_tls: NoTls = False) -> None:
    """Load the models and serve the Realtime API until Ctrl-C.

    Any client of the OpenAI Realtime API works: change its base URL.

    Examples:

      vivavoce serve

      vivavoce serve --port 9000

      VIVAVOCE_SERVER__KEYS='["sk-..."]' vivavoce serve --host 0.0.0.0

      vivavoce serve --config vivavoce.toml   (vivavoce check > vivavoce.toml writes one to start from)
    """
    chosen = settings(config, os.environ, host=host, port=port)
    if no_tls:
        chosen = replace(chosen, server=replace(chosen.server, tls_cert=None, tls_key=None))
    log.setup(chosen.log.level, as_json=chosen.log.json, secrets=_secrets(chosen))
    if chosen.trace.folder is not None:
        _log.warning("traces are on: ALL AUDIO AND TEXT of every session is written to %s", chosen.trace.folder)
    # First: these fail at once, and models load for seconds.
    tls = _tls(chosen.server)
    listener = _bind(chosen.server.host, chosen.server.port)
    try:
        with listener, asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
            runner.run(_serve(chosen, listener, tls))
    except EngineError as error:
        typer.echo(error.message, err=True)
        raise typer.Exit(1) from None
    except KeyboardInterrupt:
        pass  # the server has shut down in order before this comes


def _tls(server: Server) -> ssl.SSLContext | None:
    if not server.tls_cert or not server.tls_key:
        return None  # the settings have both or neither
    try:
        return tls_context(server.tls_cert, server.tls_key)
    except OSError as error:
        why = error.strerror or str(error)
        typer.echo(
            f"Cannot serve TLS with server.tls_cert {server.tls_cert} and server.tls_key {server.tls_key}: {why}. "
            "Both are PEM files, and the key is not encrypted.",
            err=True,
        )
        raise typer.Exit(1) from None


def _bind(host: str, port: int) -> socket.socket:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        return socket.create_server((host.strip("[]"), port), family=family)
    except OSError as error:
        why = (error.strerror or str(error)).partition(" (while")[0]  # the address is named here already
        message = f"Cannot listen on port {port} of {host}: {why}. Choose another with --port or --host."
        typer.echo(message, err=True)
        raise typer.Exit(1) from None


async def _serve(config: Config, listener: socket.socket, tls: ssl.SSLContext | None) -> None:
    """Until a signal. Raises `EngineError` when the engines cannot be started."""
    _log.info("loading")
    loaded: asyncio.Future[EngineError | None] = asyncio.get_running_loop().create_future()
    ours = create_server(config, model_path(os.environ))
    app = create_app(ours, loaded.set_result)
    server = uvicorn_server(app, config.server.host, config.server.port, tls)
    serving = asyncio.create_task(server.serve([listener]))
    either: list[asyncio.Task[None] | asyncio.Future[EngineError | None]] = [serving, loaded]
    await asyncio.wait(either, return_when=asyncio.FIRST_COMPLETED)
    failure = loaded.result() if loaded.done() else None
    if failure is not None:
        server.should_exit = True
    elif not serving.done():
        settle()
        typer.echo(next_steps(config, listener.getsockname()[1]))
        for why in ours.unreachable.values():
            typer.echo(f"Answers have to wait: {why}", err=True)
    await serving
    if failure is not None:
        raise failure


def next_steps(config: Config, port: int) -> str:
    """What to type now."""
    host = config.server.host
    if host in ("0.0.0.0", "::", ""):
        host = "127.0.0.1"  # listening everywhere; from here it is reached here
    scheme = "https" if config.server.tls_cert else "http"
    url = f"{scheme}://{f'[{host}]' if ':' in host else host}:{port}"
    keyed = bool(config.server.keys or config.projects)
    # The keys themselves stay out of terminals and of what collects their output.
    auth = ' -H "Authorization: Bearer YOUR-KEY"' if keyed else ""
    page = "; open it in a browser to talk to it" if config.server.playground else ""
    return NEXT_STEPS.format(url=url, auth=auth, key="YOUR-KEY" if keyed else "any", page=page)


def _secrets(config: Config) -> list[str]:
    engines = [getattr(config.engines, role) for role in config.engines.__struct_fields__]
    keys = [getattr(engine, "api_key", None) for engine in engines]
    theirs = [key for project in config.projects.values() for key in project.keys]
    for server in config.mcp.servers.values():
        theirs += [*server.headers.values(), *server.env.values()]
    return [*config.server.keys, *theirs, *filter(None, [*keys, config.webrtc.turn_password])]
