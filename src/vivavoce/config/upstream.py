"""The settings of an engine that is another server of the Realtime wire."""

from __future__ import annotations

from typing import Annotated, Literal

from msgspec import Meta, field

from vivavoce.config.remote import EngineOptions, Seconds
from vivavoce.config.section import Variable


class RealtimeResponder(EngineOptions, frozen=True, kw_only=True, tag="realtime"):
    """Another server of the Realtime API hears and speaks: no [engines.llm], no [engines.tts]."""

    url: Annotated[str, Meta(pattern="^wss?://[^/]", description="Its WebSocket address, as in wss://host/v1/realtime")]
    model: Annotated[str, Meta(min_length=1, description="The model's name on that server.")]
    api_key_env: Annotated[
        Variable | None, Meta(description="Environment variable that holds the key. Absent: no key is sent.")
    ] = None
    api_key: Annotated[str | None, Meta(description="The key itself; api_key_env keeps it out of files.")] = None
    key_header: Annotated[
        Literal["authorization", "api-key"], Meta(description="Where the key is sent; Azure wants api-key.")
    ] = "authorization"
    voices: Annotated[tuple[str, ...], Meta(description="Voices of that server beyond OpenAI's ten.")] = ()
    voice_map: Annotated[
        dict[str, str], Meta(description="Names that callers use, and that server's names for them.")
    ] = field(default_factory=dict)
    min_speed: Annotated[float, Meta(ge=0.25, le=1, description="Slowest pace that server takes.")] = 0.25
    max_speed: Annotated[float, Meta(ge=1, le=1.5, description="Fastest pace that server takes.")] = 1.5
    languages: Annotated[
        tuple[Annotated[str, Meta(pattern="^[a-z]{2}$")], ...],
        Meta(min_length=1, description="Languages that server speaks, ISO-639-1: what can be translated into."),
    ] = ("en",)
    images: Annotated[
        bool,
        Meta(description="The model sees pictures (input_image). Otherwise it is told what could be read there."),
    ] = False
    tools: Annotated[bool, Meta(description="That server takes tools. Otherwise sessions have none.")] = True
    parallel_tool_calls: Annotated[bool, Meta(description="It takes parallel_tool_calls.")] = False
    reasoning: Annotated[bool, Meta(description="The model knows reasoning.effort.")] = False
    connect_timeout_s: Annotated[Seconds, Meta(description="To open a session.")] = 5.0
    first_event_timeout_s: Annotated[
        Seconds, Meta(description="From a request to the answer's first event, and for whatever is acknowledged.")
    ] = 20.0
    silence_timeout_s: Annotated[Seconds, Meta(description="Longest silence in an answer.")] = 10.0
    proxy: Annotated[str | None, Meta(description="URL of a proxy; the environment's is not used.")] = None
