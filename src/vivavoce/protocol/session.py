"""The session object (PROTOCOL.md 3): the patch that a client sends, and the effective session that the server shows.

In a patch every field may be absent (`UNSET`): only what is present changes. The effective session has no absent
fields, so that a client always sees what is in force.
"""

from __future__ import annotations

from typing import Annotated, Literal

from msgspec import UNSET, Meta, Struct, UnsetType

Modality = Literal["text", "audio"]
Eagerness = Literal["low", "medium", "high", "auto"]
MaxTokens = Annotated[int, Meta(ge=1, le=4096)] | Literal["inf"]
Speed = Annotated[float, Meta(ge=0.25, le=1.5)]
Probability = Annotated[float, Meta(ge=0.0, le=1.0)]
Milliseconds = Annotated[int, Meta(ge=0, le=60_000)]


# --- audio formats (3.2, 3.3) ---


class AudioPcm(Struct, frozen=True, forbid_unknown_fields=True, tag_field="type", tag="audio/pcm"):
    """16-bit little-endian mono; 24 kHz is the only rate of the wire."""

    rate: Annotated[int, Meta(ge=24_000, le=24_000)]


class AudioPcmu(Struct, frozen=True, forbid_unknown_fields=True, tag_field="type", tag="audio/pcmu"):
    """G.711 mu-law, 8 kHz."""


class AudioPcma(Struct, frozen=True, forbid_unknown_fields=True, tag_field="type", tag="audio/pcma"):
    """G.711 A-law, 8 kHz."""


AudioFormat = AudioPcm | AudioPcmu | AudioPcma
PCM_24K = AudioPcm(rate=24_000)


# --- the patch ---


class ServerVadPatch(Struct, frozen=True, forbid_unknown_fields=True, tag_field="type", tag="server_vad"):
    """Turns end after a fixed silence (3.4)."""

    threshold: Probability | UnsetType = UNSET
    prefix_padding_ms: Milliseconds | UnsetType = UNSET
    silence_duration_ms: Milliseconds | UnsetType = UNSET
    idle_timeout_ms: Annotated[int, Meta(ge=5000, le=30000)] | UnsetType | None = UNSET
    create_response: bool | UnsetType = UNSET
    interrupt_response: bool | UnsetType = UNSET


class SemanticVadPatch(Struct, frozen=True, forbid_unknown_fields=True, tag_field="type", tag="semantic_vad"):
    """Turns end when the caller sounds finished (3.4)."""

    eagerness: Eagerness | UnsetType = UNSET
    create_response: bool | UnsetType = UNSET
    interrupt_response: bool | UnsetType = UNSET


class NoiseReductionPatch(Struct, frozen=True, forbid_unknown_fields=True):
    """3.5; not served yet."""

    type: Literal["near_field", "far_field"]
    strength: float | UnsetType = UNSET


class TranscriptionPatch(Struct, frozen=True, forbid_unknown_fields=True):
    """3.6."""

    model: str | UnsetType = UNSET
    language: str | UnsetType | None = UNSET
    prompt: str | UnsetType | None = UNSET
    delay: Literal["minimal", "low", "medium", "high", "xhigh"] | UnsetType | None = UNSET
    keywords: list[str] | UnsetType | None = UNSET
    languages: list[str] | UnsetType | None = UNSET


class AudioInputPatch(Struct, frozen=True, forbid_unknown_fields=True):
    """`session.audio.input`."""

    format: AudioFormat | UnsetType = UNSET
    transcription: TranscriptionPatch | UnsetType | None = UNSET
    noise_reduction: NoiseReductionPatch | UnsetType | None = UNSET
    turn_detection: ServerVadPatch | SemanticVadPatch | UnsetType | None = UNSET


class VoiceId(Struct, frozen=True, forbid_unknown_fields=True):
    """A custom voice (1.8)."""

    id: str


class AudioOutputPatch(Struct, frozen=True, forbid_unknown_fields=True):
    """`session.audio.output`."""

    format: AudioFormat | UnsetType = UNSET
    voice: str | VoiceId | UnsetType = UNSET
    speed: Speed | UnsetType = UNSET


class AudioPatch(Struct, frozen=True, forbid_unknown_fields=True):
    """`session.audio`."""

    input: AudioInputPatch | UnsetType = UNSET
    output: AudioOutputPatch | UnsetType = UNSET


JsonObject = dict[str, object]


class SessionPatch(Struct, frozen=True, forbid_unknown_fields=True):
    """`session` of `session.update` (3.1). Fields that are typed loosely are those that are refused by name."""

    type: Literal["realtime"]
    model: str | UnsetType = UNSET
    output_modalities: list[Modality] | UnsetType = UNSET
    instructions: str | UnsetType = UNSET
    audio: AudioPatch | UnsetType = UNSET
    max_output_tokens: MaxTokens | UnsetType = UNSET
    truncation: Literal["auto", "disabled"] | JsonObject | UnsetType = UNSET
    tools: list[JsonObject] | UnsetType = UNSET
    tool_choice: Literal["none", "auto", "required"] | JsonObject | UnsetType = UNSET
    parallel_tool_calls: bool | UnsetType | None = UNSET
    include: list[Literal["item.input_audio_transcription.logprobs"]] | UnsetType | None = UNSET
    reasoning: JsonObject | UnsetType | None = UNSET
    tracing: Literal["auto"] | JsonObject | UnsetType | None = UNSET
    prompt: JsonObject | UnsetType | None = UNSET


# --- the effective session ---


class ServerVad(Struct, frozen=True, tag_field="type", tag="server_vad"):
    """The defaults are those of the live service, whose silence is 200 ms although its schema says 500 (3.1)."""

    threshold: float = 0.5
    prefix_padding_ms: int = 300
    silence_duration_ms: int = 200
    idle_timeout_ms: None = None
    create_response: bool = True
    interrupt_response: bool = True


class SemanticVad(Struct, frozen=True, tag_field="type", tag="semantic_vad"):
    """`auto` means medium (3.4)."""

    eagerness: Eagerness = "auto"
    create_response: bool = True
    interrupt_response: bool = True


class Transcription(Struct, frozen=True):
    """Captions of the caller's turns."""

    model: str
    language: str | None = None
    prompt: str | None = None


class AudioInput(Struct, frozen=True):
    """`session.audio.input` in force."""

    format: AudioFormat = PCM_24K
    transcription: Transcription | None = None
    noise_reduction: None = None
    turn_detection: ServerVad | SemanticVad | None = ServerVad()


class AudioOutput(Struct, frozen=True, kw_only=True):
    """`session.audio.output` in force."""

    format: AudioFormat = PCM_24K
    voice: str
    speed: float = 1.0


class SessionAudio(Struct, frozen=True, kw_only=True):
    """`session.audio` in force."""

    input: AudioInput = AudioInput()
    output: AudioOutput


class SessionObject(Struct, frozen=True, kw_only=True):
    """The effective session, as `session.created` and `session.updated` show it (3.1)."""

    type: Literal["realtime"] = "realtime"
    object: Literal["realtime.session"] = "realtime.session"
    id: str
    model: str
    output_modalities: tuple[Modality, ...] = ("audio",)
    instructions: str
    tools: tuple[()] = ()
    tool_choice: Literal["none", "auto"] = "auto"
    max_output_tokens: int | Literal["inf"] = "inf"
    tracing: None = None
    truncation: Literal["auto", "disabled"] = "auto"
    prompt: None = None
    expires_at: int
    audio: SessionAudio
    include: None = None
