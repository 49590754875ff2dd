"""Language models that call tools, each in one wrong way."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from dataclasses import replace

from vivavoce.engines.instant import InstantLlm
from vivavoce.ports import CallArguments, CallBegan, CallEnded, CallPart, Finished, Prompt, TextDelta

Parts = AsyncGenerator[TextDelta | CallPart | Finished, None]


class ShyLlm(InstantLlm):
    """It never calls."""

    def generate(self, prompt: Prompt) -> Parts:
        return super().generate(replace(prompt, tools=()))


class HastyLlm(InstantLlm):
    """It calls the first tool whichever may be called."""

    def generate(self, prompt: Prompt) -> Parts:
        return super().generate(replace(prompt, callable=None))


class PushyLlm(InstantLlm):
    """It calls even when it may not."""

    def generate(self, prompt: Prompt) -> Parts:
        return super().generate(replace(prompt, tool_choice="required") if prompt.tools else prompt)


class SloppyLlm(InstantLlm):
    """It leaves out the last piece of the arguments."""

    async def generate(self, prompt: Prompt) -> Parts:
        held: CallArguments | None = None
        async for part in super().generate(prompt):
            if not isinstance(part, CallArguments):
                yield part
                continue
            if held is not None:
                yield held
            held = part


class CarefreeLlm(InstantLlm):
    """It calls without arguments."""

    async def generate(self, prompt: Prompt) -> Parts:
        async for part in super().generate(prompt):
            if isinstance(part, CallEnded):
                yield CallArguments("{}")
            if not isinstance(part, CallArguments):
                yield part


class TrailingLlm(InstantLlm):
    """It does not end its calls."""

    async def generate(self, prompt: Prompt) -> Parts:
        async for part in super().generate(prompt):
            if not isinstance(part, CallEnded):
                yield part


class StutteringLlm(InstantLlm):
    """It begins twice."""

    async def generate(self, prompt: Prompt) -> Parts:
        async for part in super().generate(prompt):
            yield part
            if isinstance(part, CallBegan):
                yield part


class HeadlessLlm(InstantLlm):
    """It does not begin its calls."""

    async def generate(self, prompt: Prompt) -> Parts:
        async for part in super().generate(prompt):
            if not isinstance(part, CallBegan):
                yield part


class DoggedLlm(InstantLlm):
    """What it calls, it calls to the end."""

    async def generate(self, prompt: Prompt) -> Parts:
        async for part in super().generate(prompt):
            try:
                yield part
            except GeneratorExit:
                if isinstance(part, CallBegan):
                    self._running += 1
                    asyncio.get_running_loop().call_later(9.0, self.__exit__)
                raise
