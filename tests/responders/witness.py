"""The model of these tests, and its ears: the same whoever hears, thinks and speaks with it."""

from __future__ import annotations

from collections.abc import AsyncGenerator, AsyncIterator

from tests.clients.parrot import HEARD, STORY

from vivavoce.audio.pcm import Pcm
from vivavoce.engines.instant import InstantAsr, InstantLlm
from vivavoce.ports import (
    AsrHint,
    CallPart,
    EngineError,
    Finished,
    Image,
    LlmFeature,
    Message,
    Prompt,
    TextDelta,
    Transcript,
)

WISH = "Tell me a story."
RECITE = "Recite."
BREAK = "Break off."
LONG_MS = 1000
"""Speech with more sound than this is long."""
FAULT = "The model has lost its thread."


class Witness(InstantLlm):
    """Says its instructions and the last thing it was told, as the stock clients' model does, and `STORY` to a wish for
    one. Asked to `RECITE` it says all that it knows of the conversation, asked to `BREAK` it fails in mid-answer."""

    features: tuple[LlmFeature, ...] = ("window", "tools", "images")

    async def generate(self, prompt: Prompt) -> AsyncGenerator[TextDelta | CallPart | Finished, None]:
        """Word by word. Raises `EngineError`."""
        lines = [line for line in map(_line, prompt.messages) if line]
        told = lines[-1].partition(": ")[2] if lines else ""
        if told == BREAK:
            yield TextDelta("I begin")
            raise EngineError("engine_failed", FAULT)
        answer = f"{prompt.instructions} {told}"
        if told == WISH:
            answer = STORY
        elif told == RECITE:
            answer = f"I know: {'; '.join(lines[:-1])}."
        async for part in InstantLlm(answer).generate(prompt):
            yield part


def _line(message: Message) -> str:
    content = [part for part in message.content if isinstance(part, str | Image)]
    words = " ".join(part if isinstance(part, str) else f"a picture of {len(part.data)} bytes" for part in content)
    return f"{message.role}: {words.strip()}" if content else ""


class Ears(InstantAsr):
    """Hears `long` in long speech, `HEARD` in short."""

    long = WISH

    def __init__(self) -> None:
        super().__init__(HEARD)
        self.asked = 0
        """How often somebody wanted to know the words."""

    async def transcribe(self, speech: AsyncIterator[Pcm], hint: AsrHint) -> AsyncGenerator[Transcript, None]:
        """One transcript, at the end."""
        self.asked += 1
        pieces = [piece async for piece in speech]
        loud_ms = sum(piece.ms for whole in pieces for piece in whole.chunks(20) if abs(piece.samples).max() > 1000)
        yield Transcript((self.long if loud_ms > LONG_MS else HEARD) if loud_ms else "")
