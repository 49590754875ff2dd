"""What a session begins with: the server's defaults, and what a client secret binds over them (PROTOCOL.md 1.3, 3)."""

from __future__ import annotations

from typing import Literal

from msgspec import UnsetType
from msgspec.structs import replace

from vivavoce.core import translation_settings
from vivavoce.core.capabilities import Capabilities
from vivavoce.core.settings import merge, unanswered
from vivavoce.protocol import translation as wire
from vivavoce.protocol.errors import ProtocolError
from vivavoce.protocol.session import (
    PCM_24K,
    AnySessionPatch,
    AudioInput,
    AudioOutput,
    ServerVad,
    SessionAudio,
    SessionObject,
    SessionPatch,
    TranscriptionSessionPatch,
)


def opening(
    kind: Literal["realtime", "transcription"], session_id: str, model: str, voice: str, can: Capabilities
) -> SessionObject:
    """A session with all defaults; its `expires_at` is 0 until it begins."""
    heard = AudioInput()
    if kind == "transcription":
        heard = replace(heard, turn_detection=unanswered(ServerVad()))
    return SessionObject(
        type=kind,
        id=session_id,
        model=model,
        instructions=can.instructions,
        expires_at=0,
        audio=SessionAudio(input=heard, output=AudioOutput(voice=voice)),
    )


def over_the_line(session: SessionObject) -> SessionObject:
    """The session of a call: its formats are the line's business, so it shows the server's own."""
    audio = session.audio
    heard, spoken = replace(audio.input, format=PCM_24K), replace(audio.output, format=PCM_24K)
    return replace(session, audio=replace(audio, input=heard, output=spoken))


def bound(
    patch: AnySessionPatch | UnsetType, session_id: str, model: str, voice: str, can: Capabilities
) -> SessionObject:
    """What the sessions of a client secret begin with. Raises `ProtocolError` with params from `session` on."""
    session = opening(
        "transcription" if isinstance(patch, TranscriptionSessionPatch) else "realtime", session_id, model, voice, can
    )
    if isinstance(patch, UnsetType):
        return session
    if isinstance(patch, SessionPatch) and not isinstance(patch.model, UnsetType):
        session = replace(session, model=patch.model)
    return merge(session, patch, can, voice_locked=False)


def translation_opening(model: str, session_id: str, can: Capabilities) -> wire.TranslationSession:
    """A translation session with all defaults; its `expires_at` is 0 until it begins.

    Raises `ProtocolError` (`invalid_model`, param `session.model`).
    """
    if model not in can.translation_models or not can.output_languages:
        supported = ", ".join(can.translation_models if can.output_languages else ()) or "none"
        message = f'Model "{model}" is not supported in translation mode. Supported models: {supported}.'
        raise ProtocolError("invalid_model", message, param="session.model")
    audio = wire.Audio(output=wire.Output(can.output_languages[0]))
    return wire.TranslationSession(id=session_id, model=model, expires_at=0, audio=audio)


def bound_translation(request: wire.TranslationRequest, session_id: str, can: Capabilities) -> wire.TranslationSession:
    """What the translation sessions of a client secret begin with. Raises `ProtocolError` like `bound`."""
    return translation_settings.merge(translation_opening(request.model, session_id, can), request, can)
