"""One session: its answers, and the connection over which they are made."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Mapping
from contextlib import aclosing
from dataclasses import dataclass, replace

from vivavoce.engines.realtime.answer import Answer, Reading
from vivavoce.engines.realtime.conversation import Conversation
from vivavoce.engines.realtime.events import Event
from vivavoce.engines.realtime.history import wanted
from vivavoce.engines.realtime.link import Lost, Remote
from vivavoce.ports import EngineError, Prompt, ResponsePart, Voice

TRIES = 2
"""How often an answer is begun: once more where the connection was lost before anything came of it."""


@dataclass(frozen=True, slots=True)
class Offer:
    """What that server can do. `voices`: its names for those that sessions choose from."""

    voices: Mapping[str, str]
    images: bool


class RealtimeDialogue:
    """Ports `Dialogue`."""

    def __init__(self, remote: Remote, offer: Offer) -> None:
        self._remote = remote
        self._offer = offer
        self._conversation: Conversation | None = None
        self._opening: asyncio.Task[None] | None = None
        self._turn = asyncio.Lock()
        """One prompt after the other is brought to that server."""

    async def respond(self, prompt: Prompt) -> AsyncGenerator[ResponsePart, None]:
        """The answer. Raises `EngineError`: that server's own, or what became of it."""
        if prompt.verbatim is not None:
            raise self._remote.failure("unsupported", "cannot be made to say given words")
        prompt = self._voiced(prompt)
        for left in reversed(range(TRIES)):
            begun = False
            try:
                async with aclosing(self._answer(prompt)) as parts:
                    async for part in parts:
                        begun = True
                        yield part
                return
            except Lost:
                if begun or not left:
                    raise

    async def warm(self, prompt: Prompt) -> None:
        """Connect, and have that server know what the answer will be made from, a turn that may go on included."""
        async with self._turn:
            conversation = await self._ready()
            if not conversation.busy:
                items = await wanted(prompt.messages, self._offer.images, conversation.known)
                conversation.link.check()
                conversation.prepare(self._voiced(prompt), items)

    async def aclose(self) -> None:
        """Hang up."""
        if self._opening is not None:
            self._opening.cancel()
            await asyncio.wait([self._opening])
        if self._conversation is not None:
            await self._conversation.link.aclose()

    async def _answer(self, prompt: Prompt) -> AsyncGenerator[ResponsePart, None]:
        self._remote.running += 1
        conversation: Conversation | None = None
        answer: Answer | None = None
        try:
            async with self._turn:
                conversation = await self._ready()
                items = await wanted(prompt.messages, self._offer.images, conversation.known)
                conversation.link.check()
                answer = conversation.ask(prompt, items, prompt.aside or conversation.busy)
            reading = Reading(self._remote, prompt)
            limit = self._remote.patience.first
            while True:
                event = await self._next(conversation, answer, limit)
                for part in reading.take(event):
                    yield part
                if event.type == "response.done":
                    return
                limit = self._remote.patience.silence
        finally:
            if conversation is not None and answer is not None:
                conversation.leave(answer)
            if answer is None:
                self._stopped()
            else:
                answer.over.add_done_callback(self._stopped)

    async def _next(self, conversation: Conversation, answer: Answer, limit: float) -> Event:
        try:
            async with asyncio.timeout(limit):
                return await answer.next()
        except TimeoutError:
            # Whoever is silent for so long may be gone: the next answer gets a connection of its own.
            why = self._remote.failure("engine_timeout", f"sent nothing for {limit:g} s")
            conversation.link.end(why)
            raise why from None

    def _stopped(self, *_: object) -> None:
        self._remote.running -= 1

    async def _ready(self) -> Conversation:
        """A conversation that can be brought in line. Raises `EngineError`."""
        if self._conversation is None or self._conversation.link.over.done():
            if self._opening is None:
                self._opening = asyncio.create_task(self._open())
                self._opening.add_done_callback(_heeded)
            opening = self._opening
            # Who waits for it may give up, as a warming does when the answer begins: it goes on for the next.
            await asyncio.shield(opening)
        assert self._conversation is not None
        await self._conversation.at_rest()
        return self._conversation

    async def _open(self) -> None:
        try:
            if self._conversation is not None:
                await self._conversation.link.aclose()
            conversation = Conversation(self._remote)
            await conversation.open()
            self._conversation = conversation
        finally:
            self._opening = None

    def _voiced(self, prompt: Prompt) -> Prompt:
        """With that server's name for the voice."""
        name = self._offer.voices.get(prompt.voice.name)
        if name is None and prompt.spoken:
            known = ", ".join(self._offer.voices)
            raise EngineError("unknown_voice", f"There is no voice {prompt.voice.name!r}. There are: {known}.")
        return replace(prompt, voice=Voice(name or prompt.voice.name, prompt.voice.speed))


def _heeded(opening: asyncio.Task[None]) -> None:
    """Nobody may be left who waits for it; the next one tries again."""
    if not opening.cancelled():
        opening.exception()
