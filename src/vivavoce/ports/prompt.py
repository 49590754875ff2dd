"""All that an answer is made from."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Literal

from vivavoce.audio.pcm import Pcm


@dataclass(frozen=True, slots=True, eq=False)
class Speech:
    """A caller's voice in a prompt: a native model hears `audio`, a cascade awaits `transcript()`.

    `transcript` raises `EngineError` when recognition failed.
    """

    audio: Pcm
    transcript: Callable[[], Awaitable[str]]
    item: str = ""
    """The same for the same recording in every prompt of a session, whether its audio is still kept or not; empty: it
    may go on."""
    language: Callable[[], str | None] = lambda: None
    """ISO-639-1, as it was named or detected, once `transcript` has the words; None: nothing tells."""


@dataclass(frozen=True, slots=True, eq=False)
class Image:
    """A picture in a prompt: a model that sees gets `data`, any other awaits `description()`.

    `description` raises `EngineError` when the picture could not be read.
    """

    data: bytes
    media_type: Literal["image/png", "image/jpeg", "image/webp"]
    detail: Literal["auto", "low", "high"]
    description: Callable[[], Awaitable[str]]
    width: int
    height: int
    """Pixels, as the header says."""


@dataclass(frozen=True, slots=True)
class ToolCall:
    """A call that the assistant has made; `arguments` is a JSON object as text. It is pending until its
    `ToolOutput` comes, which may be many messages later."""

    call_id: str
    name: str
    arguments: str


@dataclass(frozen=True, slots=True)
class ToolOutput:
    """What a call returned, or why it did not."""

    call_id: str
    output: str


@dataclass(frozen=True, slots=True)
class Message:
    """One turn of the conversation. Calls are in messages of the assistant, outputs in messages of a "tool"."""

    role: Literal["system", "user", "assistant", "tool"]
    content: tuple[str | Speech | Image | ToolCall | ToolOutput, ...]


@dataclass(frozen=True, slots=True)
class Tool:
    """Something that a model may call."""

    name: str
    """Unique in its prompt."""
    description: str
    parameters: Mapping[str, object]
    """The JSON schema of its arguments."""


@dataclass(frozen=True, slots=True)
class Voice:
    """Who speaks, and how fast."""

    name: str
    speed: float = 1.0
    """1.0 is the voice's own pace; 0.25 to 1.5 on the wire (PROTOCOL.md 3.2)."""
    language: str | None = None
    """One of `Tts.languages`; None: the voice's own."""


@dataclass(frozen=True, slots=True)
class Retention:
    """When the conversation outgrows its limit, it is cut at once to `ratio` of the limit (PROTOCOL.md 5.3)."""

    ratio: float
    """0 to 1."""
    post_instructions: int | None = None
    """Tokens that all messages together may have at most; None: as many as the model's window holds."""


@dataclass(frozen=True, slots=True)
class Prompt:
    """All that an answer is made from."""

    instructions: str
    messages: tuple[Message, ...]
    spoken: bool
    """The answer will be heard: whole short sentences, no markdown, no lists."""
    voice: Voice
    max_tokens: int | None = None
    """Upper bound on generated tokens; None is the engine's own limit."""
    truncation: Literal["auto", "disabled"] | Retention = "auto"
    """When the conversation outgrows the model's window: drop the oldest messages, or raise `context_too_long`."""
    effort: Literal["minimal", "low", "medium", "high", "xhigh"] | None = None
    """How much a model that reasons may think; None: as it likes."""
    parallel_tool_calls: bool | None = None
    """Whether a model may call several tools at once; None: as it likes."""
    plain: bool = False
    """The instructions say everything, as for an interpreter: an engine adds nothing about the manner of an answer."""
    tools: tuple[Tool, ...] = ()
    tool_choice: Literal["none", "auto", "required"] = "auto"
    """Enforced: "none" calls nothing, "required" calls at least one tool."""
    callable: tuple[str, ...] | None = None
    """Names of the tools that may be called now; None: all of them."""
    verbatim: str | None = None
    """Speak exactly this; no model is asked."""
    aside: bool = False
    """Not the conversation, or not to become part of it: what an engine keeps of that is better left as it is. Only a
    hint: the messages are what is answered."""
    described: tuple[str, ...] = ()
    """Words in the messages that stand for pictures, so that their tokens can be told apart (`image_tokens`)."""
