"""A prompt as a language model takes it: words stand for the voices that it does not hear and the pictures that it does
not see."""

from __future__ import annotations

from collections.abc import Awaitable, Iterable
from dataclasses import dataclass, replace
from typing import TypeVar

from vivavoce.engines.following import Following
from vivavoce.ports import EngineError, Image, Message, Prompt, Speech, ToolCall, ToolOutput

Content = str | Speech | Image | ToolCall | ToolOutput
_T = TypeVar("_T")

UNHEARD = "(The user said something here that is not sent again, and nobody has written it down.)"
"""For a model that hears, in the place of an old voice without words. Without it two answers would follow one another,
which some chat templates refuse."""


@dataclass(frozen=True, slots=True)
class Takes:
    """What a language model is given as it is, and not as words."""

    images: bool
    speech: bool


async def heard_by(prompt: Prompt, takes: Takes, following: Following | None = None) -> Prompt | None:
    """The prompt with words in place of speech, and of pictures that the model does not see; None when the user's
    last turn has none. `following` says in which language to answer."""
    messages: list[Message] = []
    described: list[str] = []
    silent = False
    for message in prompt.messages:
        read = [await _read(part, takes) for part in message.content]
        pairs = zip(message.content, read, strict=True)
        described += [words for part, words in pairs if isinstance(part, Image) and isinstance(words, str)]
        content = _joined([*read, *_lines(following, message)])
        if told := content or _lost(message, takes):
            messages.append(Message(message.role, told))
        spoke = any(isinstance(part, Speech) for part in message.content)
        # Not after an answer, nor after a word to the model: it may say what to make of the silence. Nor after the
        # output of a tool, which somebody waits for.
        silent = message.role == "user" and spoke and not content
    return None if silent else replace(prompt, messages=tuple(messages), described=tuple(described))


async def _read(part: Content, takes: Takes) -> Content:
    if isinstance(part, Speech) and not (takes.speech and len(part.audio.samples)):  # old recordings are not kept
        return await part.transcript()
    if isinstance(part, Image) and not takes.images:
        return await part.description()
    return part


def _lines(following: Following | None, message: Message) -> tuple[str, ...]:
    return following.lines(message) if following else ()


def _lost(message: Message, takes: Takes) -> tuple[str, ...]:
    """What stands for a message of which nothing is left: its recording is not kept, and it has no words."""
    return (UNHEARD,) if takes.speech and any(isinstance(part, Speech) for part in message.content) else ()


def known_to(prompt: Prompt, takes: Takes, following: Following | None = None) -> Prompt:
    """The prompt up to the first thing whose words are not known yet: nothing after it can be prefilled."""
    messages: list[Message] = []
    for message in prompt.messages:
        known: list[Content] = []
        for part in message.content:
            if (read := at_once(_read(part, takes))) is None:
                break
            known.append(read)
        whole = len(known) == len(message.content)
        content = _joined([*known, *(_lines(following, message) if whole else ())])
        if told := content or (_lost(message, takes) if whole else ()):
            messages.append(Message(message.role, told))
        if not whole:
            break
    return replace(prompt, messages=tuple(messages))


def _joined(parts: Iterable[Content]) -> tuple[Content, ...]:
    """Words that follow one another as one text; blank ones are left out."""
    joined: list[Content] = []
    for part in parts:
        if not isinstance(part, str):
            joined.append(part)
        elif text := part.strip():
            before = joined.pop() if joined and isinstance(joined[-1], str) else None
            joined.append(text if before is None else f"{before}\n{text}")
    return tuple(joined)


def at_once(awaitable: Awaitable[_T]) -> _T | None:
    """The result if it is there already. Takes one step by hand: a task for it would have to be cancelled, and
    might take with it the recognition that others wait for."""
    steps = awaitable.__await__()
    try:
        next(steps)
    except StopIteration as done:
        result: _T = done.value
        return result
    except EngineError:
        return None
    if close := getattr(steps, "close", None):
        close()
    return None
