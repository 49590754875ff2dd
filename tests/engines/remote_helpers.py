"""What the tests of the remote engines share: patience in milliseconds, and waiting for what a server sees."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import aclosing
from dataclasses import replace
from typing import Literal

import numpy as np

from vivavoce.audio.pcm import Pcm
from vivavoce.engines.openai.http import Net
from vivavoce.ports import CallPart, Finished, Llm, Message, Prompt, Retention, TextDelta, Tool, Voice
from vivavoce.testing.remote import Fault

PATIENT = Net(connect=30.0, first_byte=30.0, between_bytes=30.0, retries=2, backoff=0.01, longest_retry_after=0.1)
"""For servers that answer: however busy the machine is, none is given up."""
HASTY = replace(PATIENT, between_bytes=3.0)
"""For servers that stall in mid-answer: they are given up soon, but not while the machine stands still."""


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


WEATHER = Tool(
    "weather",
    "Tells the weather of a city.",
    {
        "type": "object",
        "properties": {"city": {"type": "string"}, "days": {"type": "integer", "minimum": 1}},
        "required": ["city"],
        "additionalProperties": False,
    },
)
CLOCK = Tool("clock", "Tells the time.", {"type": "object", "properties": {}})

STOP = {"choices": [{"index": 0, "delta": {}, "finish_reason": "stop"}]}


def streamed(*chunks: object, end: bytes = b"data: [DONE]\n\n") -> Fault:
    """A stream of these chunks; text stands for a delta."""
    events = []
    for chunk in chunks:
        payload = {"choices": [{"index": 0, "delta": {"content": chunk}}]} if isinstance(chunk, str) else chunk
        events.append(b"data: " + json.dumps(payload).encode() + b"\n\n")
    return Fault(body=b"".join(events) + end, content_type="text/event-stream")


def answered(llm: Llm, *prompts: Prompt) -> list[TextDelta | CallPart | Finished]:
    """All parts of the answer to the last of the prompts; the text is one part."""

    async def main() -> list[TextDelta | CallPart | Finished]:
        parts: list[TextDelta | CallPart | Finished] = []
        async with aclosing(llm):
            for asked in prompts:
                parts = [part async for part in llm.generate(asked)]
        return parts

    parts = asyncio.run(main())
    text = "".join(part.text for part in parts if isinstance(part, TextDelta))
    others = [part for part in parts if not isinstance(part, TextDelta)]
    return [TextDelta(text), *others] if text else list(others)


async def voice(*pieces: Pcm) -> AsyncIterator[Pcm]:
    """Speech for a recogniser."""
    for piece in pieces:
        yield piece


def noise(ms: float, rate: int = 24_000) -> Pcm:
    """Something to hear."""
    samples = np.random.default_rng(1).integers(-4000, 4000, round(rate * ms / 1000))
    return Pcm(samples.astype(np.int16), rate)
