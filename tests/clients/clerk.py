"""A scripted model that uses tools as it is told to."""

from __future__ import annotations

import re
from collections.abc import AsyncGenerator, Sequence
from dataclasses import replace

from vivavoce.engines.calls import callable_tools
from vivavoce.engines.instant import InstantLlm
from vivavoce.ports import (
    CallArguments,
    CallBegan,
    CallEnded,
    CallPart,
    Finished,
    Message,
    Prompt,
    TextDelta,
    ToolCall,
    ToolOutput,
)

SPOKEN_WISH = 'Say so first and use weather with {"city": "Bergen"}.'
_WISH = re.compile(r"use (\S+) with (\{.*?\})", re.IGNORECASE)


class Clerk(InstantLlm):
    """Calls what it is told to, as in `Use weather with {"city": "Oslo"}`, and then tells what came back.

    Told to "say so first" it speaks before it calls; a tool that it was not given it does not call, nor one whose
    result it is waiting for. Told anything else it says what it heard.
    """

    async def generate(self, prompt: Prompt) -> AsyncGenerator[TextDelta | CallPart | Finished, None]:
        """Words one by one, arguments in two pieces."""
        spoken, calls = _answer(prompt)
        async for part in InstantLlm(spoken).generate(replace(prompt, tools=(), tool_choice="auto")):
            if isinstance(part, TextDelta):
                yield part
        for name, arguments in calls:
            yield CallBegan(name)
            yield CallArguments(arguments[:3])
            yield CallArguments(arguments[3:])
            yield CallEnded()
        yield Finished()


def _answer(prompt: Prompt) -> tuple[str, list[tuple[str, str]]]:
    """What it says, and then calls: names and arguments."""
    since = _since(prompt.messages)
    words = " ".join(part for part in since[0].content if isinstance(part, str)) if since else ""
    calls: list[tuple[str, str]] = _WISH.findall(words)
    parts = [part for message in since for part in message.content]
    said = " ".join(part for message in since[1:] for part in message.content if isinstance(part, str))
    outputs = [part for part in parts if isinstance(part, ToolOutput)]
    if news := [each.output for each in outputs if each.output not in said]:
        return f"It returned {', '.join(news)}.", []
    if made := {part.call_id for part in parts if isinstance(part, ToolCall)}:
        waiting = made - {each.call_id for each in outputs}
        return "I am still waiting." if waiting else "I have told you.", []
    known = {tool.name for tool in callable_tools(prompt)}
    if missing := [name for name, _ in calls if name not in known]:
        return f"There is no {missing[0]}.", []
    if calls:
        return "One moment." if "say so first" in words.lower() else "", calls
    return f"I heard: {words}", []


def _since(messages: Sequence[Message]) -> Sequence[Message]:
    """From the last thing on that somebody else than the assistant said; some clients let the system say it."""
    said = [index for index, message in enumerate(messages) if message.role in ("user", "system")]
    return messages[said[-1] :] if said else ()
