"""Whether a language model calls the right tool with the right arguments, and nothing when nobody asks for it."""

from __future__ import annotations

import json
import re
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import aclosing
from dataclasses import dataclass, replace

import msgspec

from vivavoce.audio.pcm import Pcm
from vivavoce.bench.tools_lines import Accepted, Line, Lines, Wait
from vivavoce.engines.calls import callable_tools
from vivavoce.ports import (
    Asr,
    AsrHint,
    CallArguments,
    CallBegan,
    CallEnded,
    Llm,
    Message,
    Prompt,
    TextDelta,
    Tool,
    ToolCall,
    ToolOutput,
    Tts,
    Voice,
)

MOST = 200
"""Tokens of one answer."""


class Called(msgspec.Struct, frozen=True):
    """What a model did."""

    text: str
    calls: list[tuple[str, str]]
    """Names and arguments of whole calls."""


class Turn(msgspec.Struct, frozen=True):
    """One line, and what came of it."""

    words: str
    heard: str
    wanted: str
    """The tool; empty: none."""
    called: Called
    right: bool


class Waited(msgspec.Struct, frozen=True):
    """One call that stayed open."""

    request: str
    answers: list[Called]
    """Of the three turns between, then of the turn after the result."""
    repeated: int
    """Times that it was called again while it was open."""
    needless: int
    """Times that something else was called, which nobody had asked for."""
    invented: list[str]
    """Answers that claimed a result, or held numbers which nobody had said, before it was known."""
    used: bool
    """The last answer holds the result."""


@dataclass(frozen=True, slots=True)
class Bench:
    """The engines, and what the assistant is told."""

    llm: Llm
    asr: Asr
    tts: Tts
    voice: str
    instructions: str

    def prompt(self, tools: Sequence[Tool], *messages: Message) -> Prompt:
        """A spoken answer to these."""
        return Prompt(self.instructions, messages, True, Voice(self.voice), MOST, tools=tuple(tools))

    async def heard(self, words: str) -> str:
        """The words as they are recognised when a voice says them."""
        parts = [part async for part in self.tts.speak(words, Voice(self.voice)) if isinstance(part, Pcm)]

        async def speech() -> AsyncIterator[Pcm]:
            for part in parts:
                yield part

        text = ""
        async with aclosing(self.asr.transcribe(speech(), AsrHint())) as transcripts:
            async for each in transcripts:
                text = each.text
        return text

    async def called(self, prompt: Prompt) -> Called:
        """What the model makes of it."""
        text, name, arguments, calls = "", "", "", list[tuple[str, str]]()
        async with aclosing(self.llm.generate(prompt)) as answer:
            async for part in answer:
                match part:
                    case TextDelta(more):
                        text += more
                    case CallBegan(name):
                        arguments = ""
                    case CallArguments(more):
                        arguments += more
                    case CallEnded():
                        calls.append((name, arguments))
        return Called(text, calls)


async def turns(bench: Bench, lines: Lines, tell: Callable[[Turn], None]) -> list[Turn]:
    """Each line is said in a conversation of its own."""
    found = []
    for line in [*lines.requests, *map(Line, lines.talk)]:
        heard = await bench.heard(line.words)
        called = await bench.called(bench.prompt(lines.tools, Message("user", (heard,))))
        found.append(Turn(line.words, heard, line.tool, called, right(line, called.calls)))
        tell(found[-1])
    return found


async def required(bench: Bench, lines: Lines, times: int, tell: Callable[[Turn], None]) -> list[Turn]:
    """A call is demanded whatever is said: any tool, then a certain one, by turns. Right: called, and allowed."""
    found = []
    words = [*lines.talk, *(line.words for line in lines.requests)]
    for index in range(times):
        said = words[index % len(words)]
        only = (lines.tools[index % len(lines.tools)].name,) if index % 2 else None
        asked = replace(bench.prompt(lines.tools, Message("user", (said,))), tool_choice="required", callable=only)
        called = await bench.called(asked)
        allowed = {tool.name for tool in callable_tools(asked)}
        good = bool(called.calls) and not called.text and all(name in allowed for name, _ in called.calls)
        found.append(Turn(said, said, only[0] if only else "any", called, good))
        tell(found[-1])
    return found


async def waits(bench: Bench, lines: Lines, several: Sequence[Wait], tell: Callable[[Waited], None]) -> list[Waited]:
    """A call stays open for three turns of other talk, and then its result comes."""
    found = []
    for wait in several:
        call = ToolCall("call_1", wait.tool, wait.arguments)
        messages = [Message("user", (wait.request,)), Message("assistant", (call,))]
        answers, invented = [], []
        for said in wait.talk:
            messages.append(Message("user", (said,)))
            answers.append(called := await bench.called(bench.prompt(lines.tools, *messages)))
            claimed = any(claim in called.text.lower() for claim in wait.claims)
            if claimed or made_up(called.text, _known(messages)):
                invented.append(called.text)
            # A call that it should not have made gets no answer here: what counts is that it was made.
            messages.append(Message("assistant", (called.text or "One moment, please.",)))
        made = [name for called in answers for name, _ in called.calls]
        repeated = made.count(wait.tool)
        messages.append(Message("tool", (ToolOutput("call_1", wait.output),)))
        answers.append(called := await bench.called(bench.prompt(lines.tools, *messages)))
        used = any(word.lower() in called.text.lower() for word in wait.told)
        found.append(Waited(wait.request, answers, repeated, len(made) - repeated, invented, used))
        tell(found[-1])
    return found


def right(line: Line, calls: Sequence[tuple[str, str]]) -> bool:
    """One call, of the right tool, and every argument as it should be; or none, where none is wanted."""
    if not line.tool:
        return not calls
    if len(calls) != 1 or calls[0][0] != line.tool:
        return False
    given: Mapping[str, object] = json.loads(calls[0][1])
    return given.keys() <= line.arguments.keys() and all(
        _accepts(accepted, given.get(name)) for name, accepted in line.arguments.items()
    )


def _accepts(accepted: Accepted, value: object) -> bool:
    return any(_plain(each) == _plain(value) for each in accepted)


def _plain(value: object) -> object:
    """A text without case, punctuation and articles."""
    if not isinstance(value, str):
        return value
    words = re.sub(r"[^\w\s]", "", value.lower()).split()
    return " ".join(word for word in words if word not in ("a", "an", "the"))


def made_up(answer: str, known: str) -> bool:
    """It gives a time, a price or a platform: digits that nobody has said."""
    times = re.findall(r"\d+[:.]\d+|(?:platform|track) \d+|[$€£]\s?\d+", answer.lower())
    return any(each not in known for each in times)


def _known(messages: Sequence[Message]) -> str:
    return " ".join(str(part) for message in messages for part in message.content).lower()
