"""The scripted model of the stock clients, and its voice."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator

from vivavoce.audio.pcm import Pcm
from vivavoce.engines.instant import InstantLlm, InstantTts
from vivavoce.ports import CallPart, Finished, Prompt, TextDelta, Voice

HEARD = "Was I heard?"
"""What the scripted recogniser hears in all speech."""
STORY = "Once there was a server. It answered and"
"""The answer to whoever asks for a story. It stops there and never ends by itself."""


class Parrot(InstantLlm):
    """Says its instructions and the last thing it was told; to a wish for a story, `STORY`."""

    async def generate(self, prompt: Prompt) -> AsyncGenerator[TextDelta | CallPart | Finished, None]:
        """Word by word."""
        # Some clients put what the user wrote into a system message.
        told = next(message for message in reversed(prompt.messages) if message.role != "assistant")
        words = " ".join(part for part in told.content if isinstance(part, str))
        answer = STORY if "story" in words else f"{prompt.instructions} {words}"
        async for part in InstantLlm(answer).generate(prompt):
            yield part


class Storyteller(InstantTts):
    """Speaks as the instant voice does, but at the end of `STORY` it holds on until it is stopped."""

    async def speak(self, text: str, voice: Voice) -> AsyncGenerator[Pcm, None]:
        """The instant voice's tones."""
        async for piece in super().speak(text, voice):
            yield piece
        if "answered and" in text:
            await asyncio.Event().wait()
