"""The ASGI server around the application, with the options that this protocol needs."""

from __future__ import annotations

import asyncio
import gc
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import uvicorn
from starlette.types import ASGIApp

from vivavoce.transports.ws import MAX_FRAME_BYTES

PING_S = 20.0
"""Seconds between pings, and until a peer that does not answer counts as gone (PROTOCOL.md 1.2)."""


def tls_context(cert: str, key: str) -> ssl.SSLContext:
    """For https:// and wss://, from two PEM files. Raises `OSError` when they cannot be read or do not fit."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    # A password that no key has: without one, OpenSSL would ask for it on the terminal.
    context.load_cert_chain(cert, key, password="")
    return context


def uvicorn_server(app: ASGIApp, host: str, port: int, tls: ssl.SSLContext | None = None) -> uvicorn.Server:
    """A server that has not started. Logging is left to whoever runs it."""
    return uvicorn.Server(
        uvicorn.Config(
            app,
            host=host,
            port=port,
            loop="uvloop",
            http="httptools",
            ws="websockets-sansio",
            ws_max_size=MAX_FRAME_BYTES,
            ws_ping_interval=PING_S,
            ws_ping_timeout=PING_S,
            ws_per_message_deflate=False,  # base64 audio hardly shrinks, and the time it takes is the caller's
            log_config=None,
            access_log=False,
            timeout_graceful_shutdown=10,
            ssl_context_factory=(lambda _config, _default: tls) if tls else None,
        )
    )


def settle() -> None:
    """From now on a garbage collection looks only at what was made later.

    The libraries and models that the start has loaded are over a hundred thousand objects that nothing ever frees, and
    to look at all of them holds up every call's audio for a tenth of a second.
    """
    gc.collect()
    gc.freeze()


def bound_port(server: uvicorn.Server) -> int:
    """The port that a started server listens on."""
    port: int = server.servers[0].sockets[0].getsockname()[1]
    return port


@asynccontextmanager
async def serving(
    app: ASGIApp, host: str = "127.0.0.1", port: int = 0, tls: ssl.SSLContext | None = None
) -> AsyncIterator[int]:
    """Serve inside this event loop; gives the port."""
    server = uvicorn_server(app, host, port, tls)
    task = asyncio.create_task(server.serve())
    while not server.started and not task.done():  # noqa: ASYNC110  # uvicorn has no event for it
        await asyncio.sleep(0.01)
    try:
        yield bound_port(server)
    finally:
        server.should_exit = True
        await task
