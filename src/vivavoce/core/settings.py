"""`session.update` and `response.create`: merge what the client sent over what is in force, or refuse it whole.

The honesty rule lives here: a field that is known to the protocol and not served is refused by its name
(PROTOCOL.md 2.1, 3). Nothing is changed before everything has been checked.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Literal, TypeVar

from msgspec import UNSET, UnsetType
from msgspec.structs import replace

from vivavoce.core.audio_settings import audio_input, audio_output, either
from vivavoce.core.capabilities import Capabilities
from vivavoce.core.duplex import check_session
from vivavoce.core.mcp_definitions import resolve
from vivavoce.core.prompts import render
from vivavoce.core.tools import check_choice, check_tools
from vivavoce.protocol.client import ResponseParams
from vivavoce.protocol.errors import ProtocolError, invalid_value, unsupported
from vivavoce.protocol.session import (
    AnySessionPatch,
    AudioInputPatch,
    AudioPatch,
    Logprobs,
    Modality,
    Reasoning,
    RetentionRatio,
    SemanticVad,
    ServerVad,
    SessionAudio,
    SessionObject,
    SessionPatch,
    TracingConfig,
    TranscriptionSessionPatch,
)
from vivavoce.protocol.tools import McpTool, Tool

_T = TypeVar("_T")
_Tracing = Literal["auto"] | TracingConfig | None


def merge(
    session: SessionObject,
    patch: AnySessionPatch,
    can: Capabilities,
    voice_locked: bool,
    known: Mapping[str, McpTool] | None = None,
    begun: bool = False,
) -> SessionObject:
    """The session after the patch. Raises `ProtocolError`; then nothing has changed.

    `known`: the MCP servers that were defined in it, by label. `begun`: the caller has been heard.
    """
    kind = "transcription" if isinstance(patch, TranscriptionSessionPatch) else "realtime"
    if kind != session.type:
        message = f"Passing a {kind} session update event to a {session.type} session is not allowed."
        raise ProtocolError("invalid_value", message, param="session.type")
    if isinstance(patch, TranscriptionSessionPatch):
        return _merge_transcription(session, patch, can)
    for param, message in _refused(patch, can):
        raise unsupported(f"session.{param}", message)
    if patch.model is not UNSET and patch.model not in can.models:
        raise invalid_value("session.model", patch.model, can.models)
    audio = _audio(session.audio, patch.audio, can, voice_locked)
    tools = session.tools if isinstance(patch.tools, UnsetType) else _tools(patch.tools, can, known or {})
    choice = either(patch.tool_choice, session.tool_choice)
    check_choice(choice, tools, can, "session.tool_choice")
    after = replace(
        session,
        output_modalities=(
            one_modality(patch.output_modalities, "session.output_modalities")
            if patch.output_modalities is not UNSET
            else session.output_modalities
        ),
        instructions=_instructions(session, patch, can),
        prompt=either(patch.prompt, session.prompt),
        max_output_tokens=either(patch.max_output_tokens, session.max_output_tokens),
        truncation=either(patch.truncation, session.truncation),
        tools=tools,
        tool_choice=choice,
        parallel_tool_calls=(
            session.parallel_tool_calls if patch.parallel_tool_calls is UNSET else _set(patch.parallel_tool_calls)
        ),
        reasoning=session.reasoning if patch.reasoning is UNSET else _set(patch.reasoning),
        tracing=_tracing(session.tracing, patch.tracing, can),
        include=_include(session.include, patch.include, can),
        audio=audio,
    )
    check_session(session, after, can, begun)
    return after


def check_response(params: ResponseParams, can: Capabilities) -> None:
    """Raises `ProtocolError` for an override that is not served."""
    for param, message in _refused_anywhere(
        can,
        parallel_tool_calls=params.parallel_tool_calls,
        reasoning=params.reasoning,
    ):
        raise unsupported(f"response.{param}", message)


def one_modality(modalities: list[Modality], param: str) -> tuple[Modality, ...]:
    """Exactly one of text and audio (PROTOCOL.md 3.1)."""
    if len(modalities) != 1:
        raise ProtocolError(
            "invalid_value",
            f"Invalid modalities: {modalities}. Supported combinations are: ['text'] and ['audio'].",
            param=param,
        )
    return (modalities[0],)


# --- parts of the session ---


def _audio(audio: SessionAudio, patch: AudioPatch | UnsetType, can: Capabilities, voice_locked: bool) -> SessionAudio:
    if isinstance(patch, UnsetType):
        return audio
    if patch.input is not UNSET:
        audio = replace(audio, input=audio_input(audio.input, patch.input, can))
    if patch.output is not UNSET:
        audio = replace(audio, output=audio_output(audio.output, patch.output, can, voice_locked))
    return audio


def _merge_transcription(session: SessionObject, patch: TranscriptionSessionPatch, can: Capabilities) -> SessionObject:
    audio = session.audio
    if patch.audio is not UNSET and patch.audio.input is not UNSET:
        audio = replace(audio, input=audio_input(audio.input, patch.audio.input, can))
        _check_unanswered(patch.audio.input)
    detection = audio.input.turn_detection
    where = "session.audio.input.turn_detection"
    if isinstance(detection, ServerVad) and detection.idle_timeout_ms is not None:
        raise unsupported(f"{where}.idle_timeout_ms", "A transcription session answers nothing: nothing can be idle.")
    if isinstance(detection, ServerVad | SemanticVad):
        audio = replace(audio, input=replace(audio.input, turn_detection=unanswered(detection)))
    return replace(session, audio=audio, include=_include(session.include, patch.include, can))


def _check_unanswered(patch: AudioInputPatch) -> None:
    """Nothing is answered there, so nothing may be asked to be. False is what is so anyway."""
    for field in ("create_response", "interrupt_response"):
        if getattr(patch.turn_detection, field, False) is True:
            param = f"session.audio.input.turn_detection.{field}"
            raise unsupported(param, "A transcription session answers nothing, so there is nothing to create or cut.")


def unanswered(detection: ServerVad | SemanticVad) -> ServerVad | SemanticVad:
    """Turn detection of a session without answers: both booleans mean nothing there, and are not shown (3.8)."""
    return replace(detection, create_response=False, interrupt_response=False)


def _instructions(session: SessionObject, patch: SessionPatch, can: Capabilities) -> str:
    """A prompt gives the instructions, unless the same update brings its own."""
    if patch.prompt is not UNSET and patch.prompt is not None:
        rendered = render(patch.prompt, can, "session.prompt")
        return either(patch.instructions, rendered)
    if patch.prompt is None and session.prompt is not None:
        return either(patch.instructions, can.instructions)
    return either(patch.instructions, session.instructions)


def _tracing(current: _Tracing, wanted: _Tracing | UnsetType, can: Capabilities) -> _Tracing:
    # "auto" leaves it to the server; one that traces nothing goes on showing null. Stock agent SDKs send it unasked
    # right after `session.created` (PROTOCOL.md 3.1).
    if isinstance(wanted, UnsetType) or (wanted == "auto" and not can.tracing):
        return current
    if current is not None and wanted != current:
        raise ProtocolError(
            "cannot_update_tracing", "Tracing cannot be changed once it is enabled.", param="session.tracing"
        )
    return wanted


def _include(
    current: tuple[Logprobs, ...] | None, wanted: list[Logprobs] | UnsetType | None, can: Capabilities
) -> tuple[Logprobs, ...] | None:
    if isinstance(wanted, UnsetType):
        return current
    if wanted and "logprobs" not in can.transcription_features:
        raise unsupported(
            "session.include", "Log probabilities are not supported by the configured speech recognition."
        )
    return tuple(wanted) if wanted else None


def _tools(wanted: list[Tool], can: Capabilities, known: Mapping[str, McpTool]) -> tuple[Tool, ...]:
    check_tools(wanted, can, "session.tools")
    return tuple(resolve(wanted, known, can, "session.tools"))


def _set(value: _T | UnsetType | None) -> _T | UnsetType:
    """A field that is shown only while it is set: null takes it away."""
    return UNSET if value is None else value


# --- what is refused by name ---


def _refused(patch: SessionPatch, can: Capabilities) -> Iterator[tuple[str, str]]:
    yield from _refused_anywhere(
        can,
        parallel_tool_calls=patch.parallel_tool_calls,
        reasoning=patch.reasoning,
    )
    if isinstance(patch.tracing, TracingConfig) and not can.tracing:
        yield "tracing", "No tracing is configured on this server."
    if isinstance(patch.truncation, RetentionRatio) and not can.retention and not _has_limit(patch.truncation):
        limit = "token_limits.post_instructions"
        yield "truncation", f"The window of the configured language model is not known: '{limit}' is needed."


def _has_limit(truncation: RetentionRatio) -> bool:
    limits = truncation.token_limits
    return not isinstance(limits, UnsetType) and not isinstance(limits.post_instructions, UnsetType)


def _refused_anywhere(
    can: Capabilities,
    *,
    parallel_tool_calls: bool | UnsetType | None,
    reasoning: Reasoning | UnsetType | None,
) -> Iterator[tuple[str, str]]:
    if isinstance(parallel_tool_calls, bool) and not can.parallel_tool_calls:
        yield "parallel_tool_calls", "The configured language model does not know parallel tool calls."
    if reasoning and not can.reasoning:
        yield "reasoning", "The configured language model does not support reasoning effort."
