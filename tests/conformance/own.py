"""Our server for the suite: instant engines, one of which tells a story long enough to be spoken into."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Callable
from contextlib import asynccontextmanager

from starlette.types import ASGIApp
from tests.live import Live, live, spoken
from tests.patience import PATIENCE_S

from vivavoce.audio.pcm import Pcm
from vivavoce.config import Config
from vivavoce.config.tree import Server
from vivavoce.conformance.client import Target
from vivavoce.engines.instant import InstantLlm
from vivavoce.ports import CallPart, Finished, Prompt, TextDelta

KEY = "sk-own"
_SENTENCES = 60
_PAUSE_S = 0.02


class Storyteller(InstantLlm):
    """Answers at once, except when it is asked for a long story: that takes a second or more."""

    async def generate(self, prompt: Prompt) -> AsyncGenerator[TextDelta | CallPart | Finished, None]:
        last = str(prompt.messages[-1].content) if prompt.messages else ""
        if "long story" in last:
            for number in range(_SENTENCES):
                yield TextDelta(f"Chapter {number}. ")
                await asyncio.sleep(_PAUSE_S)
        async for part in super().generate(prompt):
            yield part


def speech() -> Pcm:
    """What instant engines take for somebody who speaks."""
    return spoken(600, 0, 0)


@asynccontextmanager
async def own_server(wrap: Callable[[ASGIApp], ASGIApp] = lambda app: app) -> AsyncIterator[Live]:
    """One that wants a key."""
    async with live(Config(server=Server(keys=(KEY,))), llm=Storyteller(), wrap=wrap) as server:
        yield server


def target(server: Live, timeout: float = PATIENCE_S) -> Target:
    """The suite's view of it."""
    return Target(url=server.http, model="gpt-realtime", key=KEY, timeout=timeout, speech=speech(), fast=True)
