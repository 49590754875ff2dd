"""What the tests of the remote engines share: patience in milliseconds, and waiting for what a server sees."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from typing import Literal

import numpy as np

from vivavoce.audio.pcm import Pcm
from vivavoce.engines.openai.http import Net
from vivavoce.ports import Message, Prompt, Retention, Voice

HASTY = Net(connect=2.0, first_byte=0.4, between_bytes=0.4, retries=2, backoff=0.01, longest_retry_after=0.1)
"""For servers that misbehave: what stalls is given up soon."""


def prompt(
    *texts: str,
    instructions: str = "",
    spoken: bool = False,
    max_tokens: int | None = None,
    truncation: Literal["auto", "disabled"] | Retention = "auto",
) -> Prompt:
    """A conversation of the user's and the assistant's words, in turn."""
    messages = tuple(Message("assistant" if i % 2 else "user", (text,)) for i, text in enumerate(texts))
    return Prompt(instructions, messages, spoken, Voice("alloy"), max_tokens, truncation)


async def voice(*pieces: Pcm) -> AsyncIterator[Pcm]:
    """Speech for a recogniser."""
    for piece in pieces:
        yield piece


def noise(ms: float, rate: int = 24_000) -> Pcm:
    """Something to hear."""
    samples = np.random.default_rng(1).integers(-4000, 4000, round(rate * ms / 1000))
    return Pcm(samples.astype(np.int16), rate)


async def until(condition: Callable[[], bool], seconds: float = 3.0) -> None:
    """Wait for what happens in a server's thread."""
    async with asyncio.timeout(seconds):
        while not condition():  # noqa: ASYNC110 - what is waited for lives in a thread
            await asyncio.sleep(0.005)
