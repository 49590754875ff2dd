"""PROVISIONAL, to be replaced by the full cascade: whole answer, then speech."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from contextlib import aclosing
from dataclasses import replace

from vivavoce.ports import (
    Began,
    Finished,
    Llm,
    Message,
    Prompt,
    ResponsePart,
    SpokenAudio,
    SpokenText,
    TextDelta,
    Tts,
)


class Cascade:
    name = "cascade"

    def __init__(self, llm: Llm, tts: Tts) -> None:
        self._llm, self._tts = llm, tts

    @property
    def running(self) -> int:
        return self._llm.running + self._tts.running

    @property
    def voices(self) -> tuple[str, ...]:
        return self._tts.voices

    @property
    def speeds(self) -> tuple[float, float]:
        return self._tts.speeds

    async def start(self) -> None:
        return

    async def aclose(self) -> None:
        return

    async def warm(self, prompt: Prompt) -> None:
        await self._llm.warm(replace(prompt, messages=()))

    async def respond(self, prompt: Prompt) -> AsyncGenerator[ResponsePart, None]:
        messages = []
        for message in prompt.messages:
            words = [part if isinstance(part, str) else await part.transcript() for part in message.content]
            messages.append(Message(message.role, (" ".join(words),)))
        text, end = "", Finished()
        async with aclosing(self._llm.generate(replace(prompt, messages=tuple(messages)))) as parts:
            async for part in parts:
                if isinstance(part, TextDelta):
                    if not text:
                        yield Began()
                    text += part.text
                    if not prompt.spoken:
                        yield part
                else:
                    end = part
        if prompt.spoken and text:
            yield SpokenText(text)
            async with aclosing(self._tts.speak(text, prompt.voice)) as audio:
                async for piece in audio:
                    yield SpokenAudio(piece)
        yield end
