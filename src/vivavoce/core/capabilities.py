"""What the configured engines can do: what a session asks for beyond it is refused by name."""

from __future__ import annotations

from typing import Literal

from msgspec import Struct

TranscriptionFeature = Literal["prompt", "keywords", "languages", "delay", "logprobs"]
"""What a speech recognition may know besides the words (PROTOCOL.md 3.6); any of them knows one language at a time."""


class StoredPrompt(Struct, frozen=True, kw_only=True):
    """Instructions that the server keeps for its clients, with `{{name}}` where a variable goes (PROTOCOL.md 3.1)."""

    version: str
    """The one that a client gets which names none."""
    versions: dict[str, str]
    """The text of each."""


class Capabilities(Struct, frozen=True, kw_only=True):
    """What one server can do for a session. Values beyond it are refused with the list of what there is."""

    models: tuple[str, ...]
    """Names for this conversation model, aliases included."""
    instructions: str = ""
    """Those of a session that brings none."""
    voices: tuple[str, ...]
    custom_voices: bool = False
    """The speech engine can clone, and speaks in voices that it alone knows (PROTOCOL.md 1.8)."""
    min_speed: float = 1.0
    max_speed: float = 1.0
    transcription_models: tuple[str, ...]
    """Names for this speech recognition; the first is the default."""
    transcription_features: tuple[TranscriptionFeature, ...] = ("prompt",)
    languages: tuple[str, ...] = ()
    """ISO-639-1 codes that the speech recognition knows; none: it does not say, and any code is passed on."""
    translation_models: tuple[str, ...] = ()
    """Names for this interpreter; none: there are no translation sessions."""
    output_languages: tuple[str, ...] = ()
    """ISO-639-1 codes of what the voices can speak: the languages that can be translated into."""
    semantic_vad: bool = False
    """A turn detector is configured."""
    noise_reduction: bool = False
    """A noise reducer is configured."""
    retention: bool = False
    """The language model knows its window: a conversation can be cut by it, without a limit of the session's own."""
    reasoning: bool = False
    """The language model takes a reasoning effort."""
    parallel_tool_calls: bool = False
    """The language model can be told whether to call several tools at once."""
    tools: bool = False
    """The language model can call tools."""
    mcp: tuple[str, ...] | None = None
    """MCP servers may be named by clients; the labels are those that the server's own configuration gives an address
    for. None: there are no MCP tools."""
    filler: str = ""
    """Said while a function of the client's takes its time; empty: nothing is."""
    filler_after_s: float = 3.0
    """How long nobody has spoken then, in seconds."""
    duplex: bool = False
    """The model hears and speaks all the time, and decides by itself when: see `core.duplex`."""
    instructed: bool = True
    """Sessions may bring instructions; one with `duplex` takes them, if it does, only before the first audio."""
    hears: bool = False
    """The model hears the caller's voice itself: words are recognised only for a client that asks for them."""
    images: bool = False
    """Pictures are seen, by the model or by a reader of ours."""
    image_urls: bool = False
    """Pictures may be given by an https address."""
    tracing: bool = False
    """Traces of sessions go somewhere."""
    media: bool = False
    """The session's audio travels on a line of its own, which negotiates its formats: WebRTC, SIP."""
    tokens_per_minute: int = 0
    """What one session may use; 0: as many as it likes."""
    prompts: dict[str, StoredPrompt] = {}
