"""Engines on OpenAI-compatible servers: how such a server is reached, and what its chat model can do."""

from __future__ import annotations

from typing import Annotated, Literal

from msgspec import Meta, field

from vivavoce.config.section import Section, Variable

Seconds = Annotated[float, Meta(gt=0, le=3600)]


class EngineOptions(Section, frozen=True, kw_only=True, tag_field="name"):
    """An engine, chosen by `name`."""


class Remote(EngineOptions, frozen=True, kw_only=True):
    """What every engine on an OpenAI-compatible server needs."""

    base_url: Annotated[
        str, Meta(pattern="^https?://[^/]", description="Up to and with the version, as in http://host:8000/v1")
    ]
    model: Annotated[str, Meta(min_length=1, description="The model's name on that server.")]
    api_key_env: Annotated[
        Variable | None, Meta(description="Environment variable that holds the key. Absent: no key is sent.")
    ] = None
    api_key: Annotated[str | None, Meta(description="The key itself; api_key_env keeps it out of files.")] = None
    connect_timeout_s: Annotated[Seconds, Meta(description="To open a connection.")] = 5.0
    first_byte_timeout_s: Annotated[Seconds, Meta(description="From a request to the answer's first byte.")] = 20.0
    silence_timeout_s: Annotated[Seconds, Meta(description="Longest silence after the first byte.")] = 10.0
    retries: Annotated[int, Meta(ge=0, le=10, description="Further attempts, before the first byte only.")] = 2
    connections: Annotated[int, Meta(ge=1, le=10_000, description="Most connections at once.")] = 100
    proxy: Annotated[str | None, Meta(description="URL of an HTTP proxy; the environment's is not used.")] = None


class Chat(Remote, frozen=True, kw_only=True):
    """A model behind POST /chat/completions."""

    max_tokens_field: Annotated[
        Literal["max_tokens", "max_completion_tokens"], Meta(description="What that server calls the limit.")
    ] = "max_tokens"
    prewarm: Annotated[bool, Meta(description="Ask for one token early, where a prefix cache makes it pay.")] = False
    context: Annotated[
        Annotated[int, Meta(ge=512, le=100_000_000)] | None,
        Meta(
            description="Tokens of the model's window. With it conversations are cut before that server refuses them, "
            "and sessions may choose a retention_ratio. A quarter of it is left for the answer.",
        ),
    ] = None
    reasoning: Annotated[bool, Meta(description="The model knows reasoning_effort.")] = False
    tools: Annotated[
        bool, Meta(description="That server takes tools, and gives back tool_calls. Otherwise sessions have none.")
    ] = True
    parallel_tool_calls: Annotated[
        bool,
        Meta(description="It takes parallel_tool_calls. Otherwise calls beyond the first are passed over where asked."),
    ] = False
    images: Annotated[
        bool,
        Meta(description="The model sees pictures (image_url). Otherwise it is told what could be read and measured."),
    ] = False
    speech_part: Annotated[
        Literal["input_audio", "audio_url"],
        Meta(description="How that server takes audio: as OpenAI does, or as a data URI (SGLang)."),
    ] = "input_audio"
    speech_s: Annotated[
        int,
        Meta(
            ge=0,
            le=3600,
            description="Seconds of the caller's voice that a model which hears is given at most: older turns are told "
            "in words where they were transcribed, and left out with a note where not. The last is always heard.",
        ),
    ] = 60
    speech_turns: Annotated[
        int,
        Meta(
            ge=1,
            le=1000,
            description="Turns of the caller's voice that a model which hears is given at most: a server may take only "
            "so many in a request.",
        ),
    ] = 32
    extra: Annotated[
        dict[str, object], Meta(description="Further fields of every request, such as temperature = 0.7.")
    ] = field(default_factory=dict)


class ChatAudioResponder(Chat, frozen=True, kw_only=True, tag="chat-audio"):
    """A model behind POST /chat/completions that hears and speaks by itself: no [engines.llm], no [engines.tts]."""

    voices: Annotated[tuple[str, ...], Meta(description="Voices of that model beyond OpenAI's ten.")] = ()
    voice_map: Annotated[
        dict[str, str], Meta(description="Names that callers use, and that model's names for them.")
    ] = field(default_factory=dict)
    voice_field: Annotated[
        Literal["audio", "speaker"],
        Meta(description="Where a request names the voice: in audio, as OpenAI has it, or in speaker (vLLM-Omni)."),
    ] = "audio"
    audio_format: Annotated[
        Literal["pcm16", "wav"], Meta(description="What audio is asked for; what comes is read for what it is.")
    ] = "pcm16"
    rate: Annotated[
        int, Meta(ge=8000, le=192_000, description="Hz of the audio, where it has no WAV header that says.")
    ] = 24_000
    languages: Annotated[
        tuple[Annotated[str, Meta(pattern="^[a-z]{2}$")], ...],
        Meta(min_length=1, description="Languages that the model speaks, ISO-639-1: what can be translated into."),
    ] = ("en",)
