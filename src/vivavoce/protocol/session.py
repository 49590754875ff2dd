"""The session object (PROTOCOL.md 3): the patch that a client sends, and the effective session that the server shows.

In a patch every field may be absent (`UNSET`): only what is present changes. The effective session has no absent
fields, so that a client always sees what is in force.
"""

from __future__ import annotations

from typing import Annotated, Literal

from msgspec import UNSET, Meta, Struct, UnsetType
from msgspec.structs import replace

from vivavoce.protocol.tools import JsonObject, Tool, ToolChoice, public

Modality = Literal["text", "audio"]
Eagerness = Literal["low", "medium", "high", "auto"]
MaxTokens = Annotated[int, Meta(ge=1, le=4096)] | Literal["inf"]
Speed = Annotated[float, Meta(ge=0.25, le=1.5)]
Probability = Annotated[float, Meta(ge=0.0, le=1.0)]
Milliseconds = Annotated[int, Meta(ge=0, le=60_000)]
Delay = Literal["minimal", "low", "medium", "high", "xhigh"]
Effort = Literal["minimal", "low", "medium", "high", "xhigh"]
Logprobs = Literal["item.input_audio_transcription.logprobs"]


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
    """3.5. What is left out stays as it is."""

    type: Literal["near_field", "far_field"] | UnsetType = UNSET
    strength: Probability | UnsetType = UNSET


class TranscriptionPatch(Struct, frozen=True, forbid_unknown_fields=True):
    """3.6."""

    model: str | UnsetType = UNSET
    language: str | UnsetType | None = UNSET
    prompt: str | UnsetType | None = UNSET
    delay: Delay | UnsetType | None = UNSET
    keywords: list[str] | UnsetType | None = UNSET
    languages: list[str] | UnsetType | None = UNSET


class AudioInputPatch(Struct, frozen=True, forbid_unknown_fields=True):
    """`session.audio.input`."""

    format: AudioFormat | UnsetType = UNSET
    transcription: TranscriptionPatch | UnsetType | None = UNSET
    noise_reduction: NoiseReductionPatch | UnsetType | None = UNSET
    turn_detection: ServerVadPatch | SemanticVadPatch | UnsetType | None = UNSET


CUSTOM_VOICE = "voice_"
"""What the id of a custom voice begins with (1.8)."""


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


class TokenLimits(Struct, frozen=True, forbid_unknown_fields=True):
    """`token_limits` of a retention ratio."""

    post_instructions: Annotated[int, Meta(ge=0, le=2**31 - 1)] | UnsetType = UNSET


class RetentionRatio(Struct, frozen=True, forbid_unknown_fields=True, tag_field="type", tag="retention_ratio"):
    """When the conversation outgrows its limit, cut it to this share of the limit at once (5.3)."""

    retention_ratio: Probability
    token_limits: TokenLimits | UnsetType = UNSET


Truncation = Literal["auto", "disabled"] | RetentionRatio


class TracingConfig(Struct, frozen=True, forbid_unknown_fields=True):
    """Names that the spans of a traced session carry (3.1)."""

    workflow_name: str | UnsetType = UNSET
    group_id: str | UnsetType = UNSET
    metadata: JsonObject | UnsetType = UNSET


class Reasoning(Struct, frozen=True, forbid_unknown_fields=True):
    """How much the model may think before it answers (3.1)."""

    effort: Effort


class PromptText(Struct, frozen=True, forbid_unknown_fields=True, tag_field="type", tag="input_text"):
    """A variable of a stored prompt in its long form."""

    text: str


class PromptReference(Struct, frozen=True, forbid_unknown_fields=True):
    """A prompt that the server has stored, and what to put into it (3.1)."""

    id: str
    version: str | None = None
    variables: dict[str, str | PromptText] | None = None


class SessionPatch(Struct, frozen=True, forbid_unknown_fields=True, tag_field="type", tag="realtime"):
    """`session` of `session.update` (3.1)."""

    model: str | UnsetType = UNSET
    output_modalities: list[Modality] | UnsetType = UNSET
    instructions: str | UnsetType = UNSET
    audio: AudioPatch | UnsetType = UNSET
    max_output_tokens: MaxTokens | UnsetType = UNSET
    truncation: Truncation | UnsetType = UNSET
    tools: list[Tool] | UnsetType = UNSET
    tool_choice: ToolChoice | UnsetType = UNSET
    parallel_tool_calls: bool | UnsetType | None = UNSET
    include: list[Logprobs] | UnsetType | None = UNSET
    reasoning: Reasoning | UnsetType | None = UNSET
    tracing: Literal["auto"] | TracingConfig | UnsetType | None = UNSET
    prompt: PromptReference | UnsetType | None = UNSET


class TranscriptionAudioPatch(Struct, frozen=True, forbid_unknown_fields=True):
    """`session.audio` of a transcription session."""

    input: AudioInputPatch | UnsetType = UNSET


class TranscriptionSessionPatch(Struct, frozen=True, forbid_unknown_fields=True, tag_field="type", tag="transcription"):
    """`session` of `session.update` in a transcription session (3.8)."""

    audio: TranscriptionAudioPatch | UnsetType = UNSET
    include: list[Logprobs] | UnsetType | None = UNSET


AnySessionPatch = SessionPatch | TranscriptionSessionPatch


# --- the effective session ---


class ServerVad(Struct, frozen=True, tag_field="type", tag="server_vad"):
    """The defaults are those of the live service, whose silence is 200 ms although its schema says 500 (3.1)."""

    threshold: float = 0.5
    prefix_padding_ms: int = 300
    silence_duration_ms: int = 200
    idle_timeout_ms: int | None = None
    create_response: bool = True
    interrupt_response: bool = True


class SemanticVad(Struct, frozen=True, tag_field="type", tag="semantic_vad"):
    """`auto` means medium (3.4)."""

    eagerness: Eagerness = "auto"
    create_response: bool = True
    interrupt_response: bool = True


class NoiseReduction(Struct, frozen=True):
    """The caller's audio is cleaned before anybody hears it (3.5)."""

    type: Literal["near_field", "far_field"]
    strength: float = 1.0


class Transcription(Struct, frozen=True):
    """Captions of the caller's turns. What only some models have is shown only where it is set, as the service does."""

    model: str
    language: str | None = None
    prompt: str | None = None
    delay: Delay | UnsetType = UNSET
    keywords: tuple[str, ...] | UnsetType = UNSET
    languages: tuple[str, ...] | UnsetType = UNSET


class AudioInput(Struct, frozen=True):
    """`session.audio.input` in force."""

    format: AudioFormat = PCM_24K
    transcription: Transcription | None = None
    noise_reduction: NoiseReduction | None = None
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
    """The effective session, as `session.created` and `session.updated` show it (3.1).

    A transcription session is kept as one too, and shown as a `TranscriptionSessionObject` (`shown`).
    """

    type: Literal["realtime", "transcription"] = "realtime"
    object: Literal["realtime.session"] = "realtime.session"
    id: str
    model: str
    output_modalities: tuple[Modality, ...] = ("audio",)
    instructions: str
    tools: tuple[Tool, ...] = ()
    tool_choice: ToolChoice = "auto"
    parallel_tool_calls: bool | UnsetType = UNSET
    reasoning: Reasoning | UnsetType = UNSET
    max_output_tokens: int | Literal["inf"] = "inf"
    tracing: Literal["auto"] | TracingConfig | None = None
    truncation: Truncation = "auto"
    prompt: PromptReference | None = None
    expires_at: int
    audio: SessionAudio
    include: tuple[Logprobs, ...] | None = None


class TranscriptionServerVad(Struct, frozen=True, tag_field="type", tag="server_vad"):
    """`server_vad` where nothing is answered (3.8)."""

    threshold: float
    prefix_padding_ms: int
    silence_duration_ms: int


class TranscriptionSemanticVad(Struct, frozen=True, tag_field="type", tag="semantic_vad"):
    """`semantic_vad` where nothing is answered (3.8)."""

    eagerness: Eagerness


class TranscriptionAudioInput(Struct, frozen=True):
    """`session.audio.input` of a transcription session in force."""

    format: AudioFormat
    transcription: Transcription | None
    noise_reduction: NoiseReduction | None
    turn_detection: TranscriptionServerVad | TranscriptionSemanticVad | None


class TranscriptionAudio(Struct, frozen=True):
    """`session.audio` of a transcription session in force."""

    input: TranscriptionAudioInput


class TranscriptionSessionObject(Struct, frozen=True, kw_only=True):
    """The effective transcription session (3.8)."""

    type: Literal["transcription"] = "transcription"
    object: Literal["realtime.transcription_session"] = "realtime.transcription_session"
    id: str
    expires_at: int
    audio: TranscriptionAudio
    include: tuple[Logprobs, ...] | None


def shown(session: SessionObject) -> SessionObject | TranscriptionSessionObject:
    """The session as its clients see it."""
    if session.type == "realtime":
        return replace(session, tools=tuple(public(tool) for tool in session.tools))
    given = session.audio.input
    detection: TranscriptionServerVad | TranscriptionSemanticVad | None = None
    match given.turn_detection:
        case ServerVad(threshold=threshold, prefix_padding_ms=padding, silence_duration_ms=silence):
            detection = TranscriptionServerVad(threshold, padding, silence)
        case SemanticVad(eagerness=eagerness):
            detection = TranscriptionSemanticVad(eagerness)
    audio = TranscriptionAudioInput(given.format, given.transcription, given.noise_reduction, detection)
    return TranscriptionSessionObject(
        id=session.id, expires_at=session.expires_at, audio=TranscriptionAudio(audio), include=session.include
    )
