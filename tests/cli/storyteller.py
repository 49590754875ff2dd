"""A model that takes its time."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator

from vivavoce.engines.instant import InstantLlm
from vivavoce.ports import Finished, Prompt, TextDelta


class Storyteller(InstantLlm):
    """As slow as a model."""

    async def generate(self, prompt: Prompt) -> AsyncGenerator[TextDelta | Finished, None]:
        """A sentence every fifth of a second, for a minute."""
        with self:
            for _ in range(300):
                yield TextDelta("And so it went on. ")
                await asyncio.sleep(0.2)
            yield Finished()
