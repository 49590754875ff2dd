"""A translation session's settings: what the client sent merged over what is in force, or refused whole."""

from __future__ import annotations

from msgspec import UnsetType
from msgspec.structs import replace

from vivavoce.core.audio_settings import audio_input
from vivavoce.core.capabilities import Capabilities
from vivavoce.languages import main_code
from vivavoce.protocol import translation as wire
from vivavoce.protocol.errors import invalid_value
from vivavoce.protocol.session import AudioInput, AudioInputPatch, Transcription, TranscriptionPatch


def merge(
    session: wire.TranslationSession, patch: wire.TranslationPatch | wire.TranslationRequest, can: Capabilities
) -> wire.TranslationSession:
    """The session after the patch. Raises `ProtocolError`; then nothing has changed."""
    audio = session.audio
    if isinstance(patch.audio, UnsetType):
        return session
    if not isinstance(patch.audio.input, UnsetType):
        audio = replace(audio, input=_input(audio.input, patch.audio.input, can))
    if not isinstance(patch.audio.output, UnsetType) and not isinstance(patch.audio.output.language, UnsetType):
        audio = replace(audio, output=wire.Output(_language(patch.audio.output.language, can)))
    return replace(session, audio=audio)


def _language(tag: str, can: Capabilities) -> str:
    code = main_code(tag)
    if code not in can.output_languages:
        raise invalid_value("session.audio.output.language", tag, can.output_languages)
    return code


def _input(current: wire.Input, patch: wire.InputPatch, can: Capabilities) -> wire.Input:
    """By the rules of the realtime session, which knows the same two fields among others."""
    captions = patch.transcription
    merged = audio_input(
        AudioInput(
            transcription=Transcription(current.transcription.model) if current.transcription else None,
            noise_reduction=current.noise_reduction,
        ),
        AudioInputPatch(
            transcription=TranscriptionPatch(model=captions.model) if isinstance(captions, wire.Captions) else captions,
            noise_reduction=patch.noise_reduction,
        ),
        can,
    )
    return wire.Input(
        transcription=wire.Captions(merged.transcription.model) if merged.transcription else None,
        noise_reduction=merged.noise_reduction,
    )
