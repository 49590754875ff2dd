"""`session.update` and `response.create`: merge what the client sent over what is in force, or refuse it whole.

The honesty rule lives here: a field that is known to the protocol and not served is refused by its name
(PROTOCOL.md 2.1, 3). Nothing is changed before everything has been checked.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TypeVar, assert_never

from msgspec import UNSET, Struct, UnsetType
from msgspec.structs import asdict, replace

from vivavoce.protocol.client import ResponseParams
from vivavoce.protocol.errors import ProtocolError, invalid_value, unsupported
from vivavoce.protocol.session import (
    AudioInput,
    AudioInputPatch,
    AudioOutput,
    AudioOutputPatch,
    JsonObject,
    Modality,
    SemanticVad,
    SemanticVadPatch,
    ServerVad,
    ServerVadPatch,
    SessionObject,
    SessionPatch,
    Transcription,
    TranscriptionPatch,
    VoiceId,
)

_T = TypeVar("_T")


class Capabilities(Struct, frozen=True, kw_only=True):
    """What the configured engines can do: values beyond it are refused with the list of what there is."""

    models: tuple[str, ...]
    """Names for this conversation model, aliases included."""
    voices: tuple[str, ...]
    min_speed: float = 1.0
    max_speed: float = 1.0
    transcription_models: tuple[str, ...]
    """Names for this speech recognition; the first is the default."""
    semantic_vad: bool = False
    """A turn detector is configured."""


def merge(session: SessionObject, patch: SessionPatch, can: Capabilities, voice_locked: bool) -> SessionObject:
    """The session after the patch. Raises `ProtocolError`; then nothing has changed."""
    for param, message in _refused(patch):
        raise unsupported(f"session.{param}", message)
    if patch.model is not UNSET and patch.model not in can.models:
        raise invalid_value("session.model", patch.model, can.models)
    audio = session.audio
    if patch.audio is not UNSET:
        if patch.audio.input is not UNSET:
            audio = replace(audio, input=_audio_input(audio.input, patch.audio.input, can))
        if patch.audio.output is not UNSET:
            audio = replace(audio, output=_audio_output(audio.output, patch.audio.output, can, voice_locked))
    choice = patch.tool_choice
    return replace(
        session,
        output_modalities=(
            one_modality(patch.output_modalities, "session.output_modalities")
            if patch.output_modalities is not UNSET
            else session.output_modalities
        ),
        instructions=either(patch.instructions, session.instructions),
        max_output_tokens=either(patch.max_output_tokens, session.max_output_tokens),
        truncation=patch.truncation if isinstance(patch.truncation, str) else session.truncation,
        tool_choice=choice if choice == "none" or choice == "auto" else session.tool_choice,
        audio=audio,
    )


def check_response(params: ResponseParams) -> None:
    """Raises `ProtocolError` for an override that is not served."""
    for param, message in _refused_in_response(params):
        raise unsupported(f"response.{param}", message)


def check_voice(voice: str | VoiceId, can: Capabilities, param: str) -> str:
    """The voice's name. Raises `ProtocolError` with the list of voices."""
    if isinstance(voice, VoiceId):
        raise unsupported(f"{param}.id", "Custom voices are not supported by the configured speech engine.")
    if voice not in can.voices:
        raise invalid_value(param, voice, can.voices)
    return voice


def voice_locked_error() -> ProtocolError:
    """The assistant has been heard: it keeps its voice (PROTOCOL.md 2.1)."""
    return ProtocolError("cannot_update_voice", "Cannot update a conversation's voice if assistant audio is present.")


def one_modality(modalities: list[Modality], param: str) -> tuple[Modality, ...]:
    """Exactly one of text and audio (PROTOCOL.md 3.1)."""
    if len(modalities) != 1:
        raise ProtocolError(
            "invalid_value",
            f"Invalid modalities: {modalities}. Supported combinations are: ['text'] and ['audio'].",
            param=param,
        )
    return (modalities[0],)


def either(value: _T | UnsetType, current: _T) -> _T:
    """The new value where there is one."""
    return current if isinstance(value, UnsetType) else value


# --- parts of the session ---


def _audio_input(current: AudioInput, patch: AudioInputPatch, can: Capabilities) -> AudioInput:
    if patch.noise_reduction:
        raise unsupported("session.audio.input.noise_reduction", "Noise reduction is not supported by this server.")
    transcription, detection = current.transcription, current.turn_detection
    if not isinstance(patch.transcription, UnsetType):
        transcription = _transcription(transcription, patch.transcription, can)
    if not isinstance(patch.turn_detection, UnsetType):
        detection = _turn_detection(detection, patch.turn_detection, can)
    return replace(
        current,
        format=either(patch.format, current.format),
        transcription=transcription,
        turn_detection=detection,
    )


def _transcription(
    current: Transcription | None, patch: TranscriptionPatch | None, can: Capabilities
) -> Transcription | None:
    if patch is None:
        return None
    where = "session.audio.input.transcription"
    for name in ("delay", "keywords", "languages"):
        if getattr(patch, name):
            raise unsupported(f"{where}.{name}", f"The configured speech recognition does not support '{name}'.")
    if isinstance(patch.model, str) and patch.model not in can.transcription_models:
        raise invalid_value(f"{where}.model", patch.model, can.transcription_models)
    base = current or Transcription(can.transcription_models[0])
    return Transcription(
        model=either(patch.model, base.model),
        language=either(patch.language, base.language),
        prompt=either(patch.prompt, base.prompt),
    )


def _turn_detection(
    current: ServerVad | SemanticVad | None,
    patch: ServerVadPatch | SemanticVadPatch | None,
    can: Capabilities,
) -> ServerVad | SemanticVad | None:
    match patch:
        case None:
            return None
        case ServerVadPatch():
            if patch.idle_timeout_ms:
                raise unsupported(
                    "session.audio.input.turn_detection.idle_timeout_ms", "Idle timeouts are not supported."
                )
            return replace(current if isinstance(current, ServerVad) else ServerVad(), **_present(patch))
        case SemanticVadPatch():
            if not can.semantic_vad:
                raise unsupported(
                    "session.audio.input.turn_detection.type",
                    "semantic_vad needs a turn detector, and none is configured. Use 'server_vad'.",
                )
            return replace(current if isinstance(current, SemanticVad) else SemanticVad(), **_present(patch))
        case _:
            assert_never(patch)


def _audio_output(current: AudioOutput, patch: AudioOutputPatch, can: Capabilities, voice_locked: bool) -> AudioOutput:
    voice = current.voice
    if not isinstance(patch.voice, UnsetType):
        voice = check_voice(patch.voice, can, "session.audio.output.voice")
        if voice_locked and voice != current.voice:
            raise voice_locked_error()
    speed = either(patch.speed, current.speed)
    if speed != 1.0 and not can.min_speed <= speed <= can.max_speed:
        raise unsupported(
            "session.audio.output.speed",
            f"The configured speech engine speaks at speeds from {can.min_speed:g} to {can.max_speed:g}.",
        )
    return replace(current, format=either(patch.format, current.format), voice=voice, speed=speed)


def _present(patch: Struct) -> dict[str, object]:
    return {name: value for name, value in asdict(patch).items() if value is not UNSET}


# --- what is refused by name ---


def _refused(patch: SessionPatch) -> Iterator[tuple[str, str]]:
    yield from _refused_anywhere(
        tools=patch.tools,
        tool_choice=patch.tool_choice,
        parallel_tool_calls=patch.parallel_tool_calls,
        reasoning=patch.reasoning,
        prompt=patch.prompt,
    )
    if patch.include:
        yield "include", "Log probabilities are not supported by the configured speech recognition."
    if isinstance(patch.tracing, dict):
        # "auto" leaves it to the server, which traces nothing: the session goes on showing null. Stock agent SDKs
        # send it unasked right after `session.created` (PROTOCOL.md 3.1).
        yield "tracing", "Tracing is not supported by this server."
    if isinstance(patch.truncation, dict):
        yield "truncation", "Only 'auto' and 'disabled' are supported."


def _refused_in_response(params: ResponseParams) -> Iterator[tuple[str, str]]:
    yield from _refused_anywhere(
        tools=params.tools,
        tool_choice=params.tool_choice,
        parallel_tool_calls=params.parallel_tool_calls,
        reasoning=params.reasoning,
        prompt=params.prompt,
    )


def _refused_anywhere(
    *,
    tools: list[JsonObject] | UnsetType | None,
    tool_choice: str | JsonObject | UnsetType | None,
    parallel_tool_calls: bool | UnsetType | None,
    reasoning: JsonObject | UnsetType | None,
    prompt: JsonObject | UnsetType | None,
) -> Iterator[tuple[str, str]]:
    if tools:
        yield "tools", "Tools are not supported by this server."
    if tool_choice == "required" or isinstance(tool_choice, dict):
        yield "tool_choice", "Without tools only 'auto' and 'none' are supported."
    if isinstance(parallel_tool_calls, bool):
        yield "parallel_tool_calls", "Tools are not supported by this server."
    if reasoning:
        yield "reasoning", "The configured language model does not support reasoning effort."
    if prompt:
        yield "prompt", "Stored prompts are not supported by this server."
