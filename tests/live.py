"""A real server on a real socket for the tests, with instant engines and the real VAD, or any others."""

from __future__ import annotations

import asyncio
import base64
import ssl
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from starlette.types import ASGIApp

from vivavoce.app import Server, create_app
from vivavoce.audio.pcm import Pcm
from vivavoce.config import Config
from vivavoce.config.mcp import mcp_options
from vivavoce.engines import MCP, Engines
from vivavoce.engines.cascade import Cascade
from vivavoce.engines.instant import InstantAsr, InstantLlm, InstantTts, InstantTurnDetector, InstantVad
from vivavoce.ports import Asr, Duplex, Llm, Responder, Tts, TurnDetector, Vad
from vivavoce.serving import serving


@dataclass
class Live:
    """A server that is ready."""

    port: int
    server: Server

    @property
    def ws(self) -> str:
        """The WebSocket's base address."""
        return f"ws://127.0.0.1:{self.port}/v1/realtime"

    @property
    def http(self) -> str:
        """The base address that SDKs take."""
        return f"http://127.0.0.1:{self.port}/v1"


@asynccontextmanager
async def live(
    config: Config | None = None,
    *,
    vad: Vad | None = None,
    turn: TurnDetector | None = None,
    asr: Asr | None = None,
    llm: Llm | None = None,
    tts: Tts | None = None,
    responder: Responder | Duplex | None = None,
    tls: ssl.SSLContext | None = None,
    wrap: Callable[[ASGIApp], ASGIApp] = lambda app: app,
) -> AsyncIterator[Live]:
    """A server with these engines, instant ones where none is given; `wrap` may put something around it.

    `responder` is in the place of a cascade of `llm` and `tts`. A model that calls tools gets the way to MCP servers
    too, as it is configured.
    """
    config = config or Config()
    if responder is None:
        llm, tts = llm or InstantLlm(), tts or InstantTts()
        responder = Cascade(llm, tts)
    engines = Engines(
        vad=vad or InstantVad(),
        turn=turn or InstantTurnDetector(),
        asr=asr or InstantAsr(),
        llm=llm,
        tts=tts,
        responder=responder,
        tools=MCP["mcp"](model_folder, **mcp_options(config.mcp)) if "tools" in responder.features else None,
    )
    server = Server(config, engines)
    ready = asyncio.Event()
    async with serving(wrap(create_app(server, lambda _: ready.set())), tls=tls) as port:
        await ready.wait()
        yield Live(port, server)


def tone(ms: int, rate: int = 24_000) -> Pcm:
    """What the instant VAD takes for speech."""
    time = np.arange(rate * ms // 1000) / rate
    return Pcm((np.sin(time * 2 * np.pi * 300) * 9000).astype(np.int16), rate)


def spoken(ms: int = 600, before: int = 200, after: int = 600) -> Pcm:
    """A tone between silences, at 24 kHz."""
    return Pcm.join([Pcm.silence(before), tone(ms), Pcm.silence(after)])


def frames(pcm: Pcm, ms: int = 40) -> list[str]:
    """Base64 pieces, as a client appends them."""
    return [base64.b64encode(piece.to_bytes()).decode() for piece in pcm.chunks(ms)]


def model_folder(name: str) -> Path:
    """Where a pulled model lies."""
    import os

    from vivavoce.models import asset_dir, cache_dir, catalogue

    return asset_dir(catalogue().asset(name), cache_dir(os.environ))
