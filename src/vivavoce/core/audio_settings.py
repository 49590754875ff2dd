"""`session.audio`: what the client sent merged over what is in force (PROTOCOL.md 3.2 to 3.6)."""

from __future__ import annotations

from typing import TypeVar, assert_never

from msgspec import UNSET, Struct, UnsetType
from msgspec.structs import asdict, replace

from vivavoce.core.capabilities import Capabilities, TranscriptionFeature
from vivavoce.languages import main_code
from vivavoce.protocol.errors import ProtocolError, invalid_value, near_names, unsupported
from vivavoce.protocol.session import (
    CUSTOM_VOICE,
    AudioFormat,
    AudioInput,
    AudioInputPatch,
    AudioOutput,
    AudioOutputPatch,
    AudioPcma,
    AudioPcmu,
    NoiseReduction,
    NoiseReductionPatch,
    SemanticVad,
    SemanticVadPatch,
    ServerVad,
    ServerVadPatch,
    Transcription,
    TranscriptionPatch,
    VoiceId,
)

_T = TypeVar("_T")
_INPUT = "session.audio.input"


def audio_input(current: AudioInput, patch: AudioInputPatch, can: Capabilities) -> AudioInput:
    """The caller's side after the patch. Raises `ProtocolError`."""
    check_format(patch.format, can, f"{_INPUT}.format")
    transcription, detection, noise = current.transcription, current.turn_detection, current.noise_reduction
    if not isinstance(patch.transcription, UnsetType):
        transcription = _transcription(transcription, patch.transcription, can)
    if not isinstance(patch.turn_detection, UnsetType):
        detection = _turn_detection(detection, patch.turn_detection, can)
    if not isinstance(patch.noise_reduction, UnsetType):
        noise = _noise_reduction(noise, patch.noise_reduction, can)
    return replace(
        current,
        format=either(patch.format, current.format),
        transcription=transcription,
        turn_detection=detection,
        noise_reduction=noise,
    )


def audio_output(current: AudioOutput, patch: AudioOutputPatch, can: Capabilities, voice_locked: bool) -> AudioOutput:
    """The assistant's side after the patch. Raises `ProtocolError`."""
    check_format(patch.format, can, "session.audio.output.format")
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


def check_format(audio_format: AudioFormat | UnsetType, can: Capabilities, param: str) -> None:
    """Raises `ProtocolError` where the audio is not in the events, and another format would change nothing."""
    if can.media and isinstance(audio_format, AudioPcmu | AudioPcma):
        raise unsupported(param, "The audio of this call is no part of the events: its format was negotiated with it.")


def check_voice(voice: str | VoiceId, can: Capabilities, param: str) -> str:
    """The voice's name; a custom voice's is its id. Raises `ProtocolError` with the list of voices."""
    if isinstance(voice, VoiceId):
        if not can.custom_voices:
            message = "Custom voices are not supported by the configured speech engine: it cannot clone."
            raise unsupported(f"{param}.id", message)
        if not voice.id.startswith(CUSTOM_VOICE):
            message = f"Invalid value: '{voice.id}'. The id of a custom voice begins with '{CUSTOM_VOICE}'."
            raise ProtocolError("invalid_value", message, param=f"{param}.id")
        return voice.id
    if voice in can.voices or (can.custom_voices and voice.startswith(CUSTOM_VOICE)):
        return voice
    refusal = invalid_value(param, voice, can.voices)
    raise ProtocolError(refusal.code, refusal.message + near_names(voice, can.voices), param=param)


def voice_locked_error() -> ProtocolError:
    """The assistant has been heard: it keeps its voice (PROTOCOL.md 2.1)."""
    return ProtocolError("cannot_update_voice", "Cannot update a conversation's voice if assistant audio is present.")


def either(value: _T | UnsetType, current: _T) -> _T:
    """The new value where there is one."""
    return current if isinstance(value, UnsetType) else value


# --- parts of the input ---


def _noise_reduction(
    current: NoiseReduction | None, patch: NoiseReductionPatch | None, can: Capabilities
) -> NoiseReduction | None:
    if patch is None:
        return None
    if not can.noise_reduction:
        raise unsupported(f"{_INPUT}.noise_reduction", "No noise reduction is configured on this server.")
    if current is not None:
        return NoiseReduction(either(patch.type, current.type), either(patch.strength, current.strength))
    if isinstance(patch.type, UnsetType):
        raise _missing(f"{_INPUT}.noise_reduction.type")
    return NoiseReduction(patch.type, either(patch.strength, 1.0))


def _transcription(
    current: Transcription | None, patch: TranscriptionPatch | None, can: Capabilities
) -> Transcription | None:
    if patch is None:
        return None
    where = f"{_INPUT}.transcription"
    wanted: dict[TranscriptionFeature, object] = {
        "prompt": patch.prompt,
        "delay": patch.delay,
        "keywords": patch.keywords,
        "languages": patch.languages,
    }
    for feature, value in wanted.items():
        if value and feature not in can.transcription_features:
            raise unsupported(f"{where}.{feature}", f"The configured speech recognition does not support '{feature}'.")
    if isinstance(patch.model, str) and patch.model not in can.transcription_models:
        raise invalid_value(f"{where}.model", patch.model, can.transcription_models)
    _check_language(f"{where}.language", patch.language, can)
    for index, language in enumerate(patch.languages or ()):
        _check_language(f"{where}.languages[{index}]", language, can)
    base = current or Transcription(can.transcription_models[0])
    return Transcription(
        model=either(patch.model, base.model),
        language=either(patch.language, base.language),
        prompt=either(patch.prompt, base.prompt),
        delay=base.delay if patch.delay is UNSET else patch.delay or UNSET,
        keywords=base.keywords if isinstance(patch.keywords, UnsetType) else tuple(patch.keywords or ()) or UNSET,
        languages=base.languages if isinstance(patch.languages, UnsetType) else tuple(patch.languages or ()) or UNSET,
    )


def _check_language(param: str, language: str | UnsetType | None, can: Capabilities) -> None:
    if isinstance(language, str) and can.languages and main_code(language) not in can.languages:
        raise invalid_value(param, language, can.languages)


def _turn_detection(
    current: ServerVad | SemanticVad | None,
    patch: ServerVadPatch | SemanticVadPatch | None,
    can: Capabilities,
) -> ServerVad | SemanticVad | None:
    match patch:
        case None:
            return None
        case ServerVadPatch():
            return replace(current if isinstance(current, ServerVad) else ServerVad(), **_present(patch))
        case SemanticVadPatch():
            if not can.semantic_vad:
                raise unsupported(
                    f"{_INPUT}.turn_detection.type",
                    "semantic_vad needs a turn detector, and none is configured. Use 'server_vad'.",
                )
            return replace(current if isinstance(current, SemanticVad) else SemanticVad(), **_present(patch))
        case _:
            assert_never(patch)


def _present(patch: Struct) -> dict[str, object]:
    return {name: value for name, value in asdict(patch).items() if value is not UNSET}


def _missing(param: str) -> ProtocolError:
    return ProtocolError("missing_required_parameter", f"Missing required parameter: '{param}'.", param=param)
