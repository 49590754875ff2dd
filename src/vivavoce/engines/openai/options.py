"""The settings of engines on OpenAI-compatible servers, and what is made of them.

The server that uses none of them imports this all the same: what they need is imported when they are made.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, TypedDict

if TYPE_CHECKING:
    from vivavoce.engines.openai.http import Net
    from vivavoce.engines.openai.llm import OpenAiLlm
    from vivavoce.engines.openai.payload import Json
    from vivavoce.engines.openai.speech import SpeechPart


class RemoteOptions(TypedDict):
    """How to reach an OpenAI-compatible server, and how patient to be with it; times are in seconds."""

    connect_timeout_s: float
    first_byte_timeout_s: float
    silence_timeout_s: float
    retries: int
    connections: int
    proxy: str | None


class ChatOptions(RemoteOptions):
    """A model behind POST /chat/completions."""

    base_url: str
    model: str
    api_key: str | None
    max_tokens_field: str
    prewarm: bool
    context: int | None
    reasoning: bool
    tools: bool
    parallel_tool_calls: bool
    images: bool
    speech_part: SpeechPart
    speech_s: int
    speech_turns: int
    extra: dict[str, Json]


def net(options: RemoteOptions) -> Net:
    """The patience."""
    from vivavoce.engines.openai.http import Net

    return Net(
        connect=options["connect_timeout_s"],
        first_byte=options["first_byte_timeout_s"],
        between_bytes=options["silence_timeout_s"],
        retries=options["retries"],
        connections=options["connections"],
        proxy=options["proxy"],
    )


def chat_model(options: ChatOptions, *, hears: bool) -> OpenAiLlm:
    """The model. Raises `ValueError` for an unusable address or key."""
    from vivavoce.engines.openai.llm import OpenAiLlm

    return OpenAiLlm(
        options["base_url"],
        options["model"],
        options["api_key"],
        max_tokens_field=options["max_tokens_field"],
        extra=options["extra"],
        prewarm=options["prewarm"],
        context=options["context"],
        reasoning=options["reasoning"],
        tools=options["tools"],
        parallel_tool_calls=options["parallel_tool_calls"],
        images=options["images"],
        hears=options["speech_part"] if hears else None,
        speech_s=options["speech_s"],
        speech_turns=options["speech_turns"],
        net=net(options),
    )
