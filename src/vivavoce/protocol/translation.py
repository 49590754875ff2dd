"""Translation sessions on the wire (PROTOCOL.md 1.6, 2.1, 2.2, A.3, A.4): a vocabulary beside the realtime one.

Three client events, six server events and `error`; the session object has no turns, no voice and no instructions.
"""

from __future__ import annotations

from typing import Literal

import msgspec
from msgspec import UNSET, Struct, UnsetType

from vivavoce.protocol import client as c
from vivavoce.protocol.codec import decoded
from vivavoce.protocol.server import ErrorEvent, ServerEvent
from vivavoce.protocol.session import NoiseReduction, NoiseReductionPatch

# --- the session ---


class Captions(Struct, frozen=True, forbid_unknown_fields=True):
    """With it the words that were said are told too, and not only their translation."""

    model: str


class InputPatch(Struct, frozen=True, forbid_unknown_fields=True):
    """`session.audio.input` of an update; null switches off."""

    transcription: Captions | UnsetType | None = UNSET
    noise_reduction: NoiseReductionPatch | UnsetType | None = UNSET


class OutputPatch(Struct, frozen=True, forbid_unknown_fields=True):
    """`session.audio.output` of an update."""

    language: str | UnsetType = UNSET


class AudioPatch(Struct, frozen=True, forbid_unknown_fields=True):
    """`session.audio` of an update."""

    input: InputPatch | UnsetType = UNSET
    output: OutputPatch | UnsetType = UNSET


class TranslationPatch(Struct, frozen=True, forbid_unknown_fields=True):
    """`session` of `session.update`: neither `type` nor `model`, which stay as they are."""

    audio: AudioPatch | UnsetType = UNSET


class TranslationRequest(Struct, frozen=True, forbid_unknown_fields=True):
    """`session` of a request for a client secret: what its sessions begin with (1.6)."""

    model: str
    audio: AudioPatch | UnsetType = UNSET


class Input(Struct, frozen=True):
    """`session.audio.input` in force."""

    transcription: Captions | None = None
    noise_reduction: NoiseReduction | None = None


class Output(Struct, frozen=True):
    """`session.audio.output` in force; an ISO-639-1 code."""

    language: str


class Audio(Struct, frozen=True, kw_only=True):
    """`session.audio` in force."""

    input: Input = Input()
    output: Output


class TranslationSession(Struct, frozen=True, kw_only=True):
    """The effective session, as `session.created` and `session.updated` show it (A.3)."""

    id: str
    type: Literal["translation"] = "translation"
    model: str
    expires_at: int
    """Unix seconds; 0: never."""
    audio: Audio


# --- client events ---


class SessionUpdate(c.ClientEvent, frozen=True, tag="session.update"):
    """Change what is present in `session`; refused whole if any of it is refused."""

    session: TranslationPatch


class InputAudioBufferAppend(c.InputAudioBufferAppend, frozen=True, tag="session.input_audio_buffer.append"):
    """24 kHz mono PCM16; base64 on the wire."""


class SessionClose(c.ClientEvent, frozen=True, tag="session.close"):
    """Translate what was said so far, then end the session."""


ClientRequest = SessionUpdate | SessionClose
"""What the core decides about; an append reaches it as plain audio."""
AnyClientEvent = InputAudioBufferAppend | ClientRequest
_decoder: msgspec.json.Decoder[AnyClientEvent] = msgspec.json.Decoder(AnyClientEvent)


def decode(frame: str | bytes) -> AnyClientEvent:
    """The client event in a frame. Raises `ProtocolError` with the code, `param` and client `event_id` to answer."""
    return decoded(frame, _decoder, AnyClientEvent)


# --- server events ---


class SessionCreated(ServerEvent, frozen=True, tag="session.created"):
    """Always the first event."""

    session: TranslationSession


class SessionUpdated(ServerEvent, frozen=True, tag="session.updated"):
    """The whole effective session after a change."""

    session: TranslationSession


class SessionClosed(ServerEvent, frozen=True, tag="session.closed"):
    """Everything that was said has been translated; the connection closes."""


class InputTranscriptDelta(ServerEvent, frozen=True, tag="session.input_transcript.delta"):
    """Words that were said. Deltas are joined as they are: they bring their own spaces."""

    delta: str
    elapsed_ms: int
    """So much of the caller's audio is covered, in steps of 200 ms."""


class OutputTranscriptDelta(ServerEvent, frozen=True, tag="session.output_transcript.delta"):
    """Words of the translation, before the audio that says them; joined as they are."""

    delta: str
    elapsed_ms: int


class OutputAudioDelta(ServerEvent, frozen=True, kw_only=True, tag="session.output_audio.delta"):
    """The translation spoken: 200 ms, or less at the end of a passage; base64 on the wire."""

    delta: bytes
    sample_rate: Literal[24000] = 24_000
    channels: Literal[1] = 1
    format: Literal["pcm16"] = "pcm16"
    elapsed_ms: int


AnyServerEvent = (
    SessionCreated
    | SessionUpdated
    | SessionClosed
    | InputTranscriptDelta
    | OutputTranscriptDelta
    | OutputAudioDelta
    | ErrorEvent
)
