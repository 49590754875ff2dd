"""What the tests of the realtime engine share."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Callable, Coroutine, Sequence
from contextlib import aclosing, asynccontextmanager
from typing import TypeVar

from tests.live import tone
from tests.patience import WHOLE_S

from vivavoce.audio.pcm import Pcm
from vivavoce.engines.realtime.dialogue import RealtimeDialogue
from vivavoce.engines.realtime.link import Patience
from vivavoce.engines.realtime.responder import RealtimeResponder
from vivavoce.ports import (
    Dialogue,
    Finished,
    Message,
    Prompt,
    ResponsePart,
    Speech,
    SpokenAudio,
    SpokenText,
    TextDelta,
    Voice,
)
from vivavoce.testing.remote_realtime import RemoteRealtime
from vivavoce.testing.remote_reply import Reply

T = TypeVar("T")
PATIENT = Patience(cancelled=20.0)
HASTY = Patience(connect=3.0, first=3.0, silence=3.0)
"""For servers that misbehave: longer than a machine stands still."""


@asynccontextmanager
async def session(
    *replies: Reply, patience: Patience = PATIENT, **options: object
) -> AsyncGenerator[tuple[RealtimeDialogue, RemoteRealtime]]:
    """A session, and its server."""
    async with RemoteRealtime(*replies) as server:
        responder = RealtimeResponder(server.url, "any", patience=patience, **options)  # type: ignore[arg-type]
        async with aclosing(responder.open()) as dialogue:
            yield dialogue, server
        assert responder.running == 0


def run(main: Callable[[], Coroutine[object, object, T]]) -> T:
    """With real sockets, in real time."""

    async def timed() -> T:
        async with asyncio.timeout(WHOLE_S):
            return await main()

    return asyncio.run(timed())


def spoken(ms: int = 400, item: str = "") -> Message:
    """The caller says something."""
    return Message("user", (said(tone(ms), item),))


def said(pcm: Pcm, item: str = "", words: str = "hello") -> Speech:
    """A recording, and the words that a recogniser would hear."""

    async def transcript() -> str:
        await asyncio.sleep(0)
        return words

    return Speech(pcm, transcript, item)


def prompt(*messages: Message, spoken: bool = True, instructions: str = "Be brief.", **more: object) -> Prompt:
    """What is asked."""
    return Prompt(instructions, messages, spoken, Voice("alloy"), **more)  # type: ignore[arg-type]


def user(text: str) -> Message:
    """The caller writes."""
    return Message("user", (text,))


def assistant(text: str) -> Message:
    """What was answered."""
    return Message("assistant", (text,))


async def parts_of(dialogue: Dialogue, asked: Prompt) -> list[ResponsePart]:
    """A whole answer."""
    async with aclosing(dialogue.respond(asked)) as parts:
        return [part async for part in parts]


def words(parts: Sequence[ResponsePart]) -> str:
    """Spoken or written."""
    return "".join(part.text for part in parts if isinstance(part, SpokenText | TextDelta))


def heard_ms(parts: Sequence[ResponsePart]) -> float:
    """How long it sounds."""
    return sum(part.audio.ms for part in parts if isinstance(part, SpokenAudio))


def ending(parts: Sequence[ResponsePart]) -> Finished:
    """Its last part."""
    last = parts[-1]
    assert isinstance(last, Finished)
    return last
