"""Server events (PROTOCOL.md 2.2): exactly the fields of each, in the shapes that the strictest clients accept (9.3).

`event_id` is stamped by the core at its one exit; every other field is set where the event is made.
"""

from __future__ import annotations

from typing import Literal

from msgspec import UNSET, Struct, UnsetType

from vivavoce.protocol.event import ServerEvent as ServerEvent
from vivavoce.protocol.items import Item
from vivavoce.protocol.session import AudioFormat, Modality, SessionObject, TranscriptionSessionObject
from vivavoce.protocol.tool_events import AnyToolEvent
from vivavoce.protocol.transcripts import DurationUsage, Language, TokenLogprob, TranscriptionError
from vivavoce.protocol.usage import Usage

# --- session and errors ---


class SessionCreated(ServerEvent, frozen=True, tag="session.created"):
    """Always the first event."""

    session: SessionObject | TranscriptionSessionObject


class SessionUpdated(ServerEvent, frozen=True, tag="session.updated"):
    """The whole effective session after a change."""

    session: SessionObject | TranscriptionSessionObject


class ErrorBody(Struct, frozen=True, kw_only=True):
    """All five keys are always present (2.3)."""

    type: str
    code: str | None
    message: str
    param: str | None = None
    event_id: str | None = None


class ErrorEvent(ServerEvent, frozen=True, tag="error"):
    """Something was refused. The session goes on unless a close follows."""

    error: ErrorBody


# --- input audio buffer ---


class InputAudioBufferCommitted(ServerEvent, frozen=True, tag="input_audio_buffer.committed"):
    """The buffer became a user item."""

    item_id: str
    previous_item_id: str | None


class InputAudioBufferCleared(ServerEvent, frozen=True, tag="input_audio_buffer.cleared"):
    """The buffer is empty."""


class SpeechStarted(ServerEvent, frozen=True, tag="input_audio_buffer.speech_started"):
    """The caller speaks; `audio_start_ms` includes the prefix padding."""

    item_id: str
    audio_start_ms: int


class TimeoutTriggered(ServerEvent, frozen=True, tag="input_audio_buffer.timeout_triggered"):
    """Nobody has spoken for the idle timeout; the silence becomes an item (4.3)."""

    item_id: str
    audio_start_ms: int
    audio_end_ms: int


class SpeechStopped(ServerEvent, frozen=True, tag="input_audio_buffer.speech_stopped"):
    """The turn is over; `audio_end_ms` includes the trailing silence."""

    item_id: str
    audio_end_ms: int


class KeyPressed(ServerEvent, frozen=True, tag="input_audio_buffer.dtmf_event_received"):
    """The caller has pressed a key of the telephone: 0 to 9, *, #, A to D. `received_at`: Unix seconds.

    The service's has no `event_id` (2.0); it is stamped like any other, and harmless.
    """

    event: str
    received_at: int


# --- conversation ---


class ConversationItemAdded(ServerEvent, frozen=True, tag="conversation.item.added"):
    """An item entered the conversation."""

    previous_item_id: str | None
    item: Item


class ConversationItemDone(ServerEvent, frozen=True, tag="conversation.item.done"):
    """An item is final."""

    previous_item_id: str | None
    item: Item


class ConversationItemRetrieved(ServerEvent, frozen=True, tag="conversation.item.retrieved"):
    """The only event that carries an item's audio."""

    item: Item


class ConversationItemTruncated(ServerEvent, frozen=True, tag="conversation.item.truncated"):
    """What lay behind `audio_end_ms` is forgotten."""

    item_id: str
    content_index: int
    audio_end_ms: int


class ConversationItemDeleted(ServerEvent, frozen=True, tag="conversation.item.deleted"):
    """An item is gone."""

    item_id: str


class TranscriptionDelta(ServerEvent, frozen=True, tag="conversation.item.input_audio_transcription.delta"):
    """A piece of what the caller said; `logprobs` only where the session's `include` asks for them."""

    item_id: str
    content_index: int
    delta: str
    logprobs: tuple[TokenLogprob, ...] | UnsetType = UNSET


class TranscriptionCompleted(ServerEvent, frozen=True, tag="conversation.item.input_audio_transcription.completed"):
    """What the caller said; `languages` only where they were detected."""

    item_id: str
    content_index: int
    transcript: str
    usage: DurationUsage
    logprobs: tuple[TokenLogprob, ...] | UnsetType = UNSET
    languages: tuple[Language, ...] | UnsetType = UNSET


class TranscriptionFailed(ServerEvent, frozen=True, tag="conversation.item.input_audio_transcription.failed"):
    """The caller could not be understood."""

    item_id: str
    content_index: int
    error: TranscriptionError


# --- responses ---

ResponseStatus = Literal["in_progress", "completed", "cancelled", "incomplete", "failed"]
StatusReason = Literal["turn_detected", "client_cancelled", "max_output_tokens", "content_filter"]


class ResponseErrorBody(Struct, frozen=True, kw_only=True):
    """Why a response failed."""

    type: str = "server_error"
    code: str
    message: str


class StatusDetails(Struct, frozen=True, kw_only=True):
    """Why a response ended early. Absent keys are left out."""

    type: ResponseStatus
    reason: StatusReason | UnsetType = UNSET
    error: ResponseErrorBody | UnsetType = UNSET


class ResponseOutput(Struct, frozen=True, kw_only=True):
    """`response.audio.output`."""

    format: AudioFormat
    voice: str


class ResponseAudio(Struct, frozen=True, kw_only=True):
    """`response.audio`."""

    output: ResponseOutput


class ResponseObject(Struct, frozen=True, kw_only=True):
    """A response as the wire shows it (3.11)."""

    id: str
    object: Literal["realtime.response"] = "realtime.response"
    status: ResponseStatus
    status_details: StatusDetails | None
    output: tuple[Item, ...]
    conversation_id: str | None
    output_modalities: tuple[Modality, ...]
    max_output_tokens: int | Literal["inf"]
    audio: ResponseAudio
    usage: Usage | None
    metadata: dict[str, str] | None


class ResponseCreated(ServerEvent, frozen=True, tag="response.created"):
    """The first event of a response."""

    response: ResponseObject


class ResponseDone(ServerEvent, frozen=True, tag="response.done"):
    """The last event of a response."""

    response: ResponseObject


class RateLimit(Struct, frozen=True, kw_only=True):
    """What is left of one limit."""

    name: Literal["requests", "tokens"]
    limit: int
    remaining: int
    reset_seconds: float
    """Until all of it is back."""


class RateLimitsUpdated(ServerEvent, frozen=True, tag="rate_limits.updated"):
    """After each response; empty where nothing is limited."""

    rate_limits: tuple[RateLimit, ...]


class OutputItemAdded(ServerEvent, frozen=True, tag="response.output_item.added"):
    """The response starts an item."""

    response_id: str
    output_index: int
    item: Item


class OutputItemDone(ServerEvent, frozen=True, tag="response.output_item.done"):
    """The response has finished an item."""

    response_id: str
    output_index: int
    item: Item


class ContentPart(Struct, frozen=True, kw_only=True):
    """Only the key that belongs to the type is present (9.2)."""

    type: Modality
    text: str | UnsetType = UNSET
    transcript: str | UnsetType = UNSET


class InContent(ServerEvent, frozen=True, kw_only=True):
    """Where in a response a piece of content belongs."""

    response_id: str
    item_id: str
    output_index: int
    content_index: int


class ContentPartAdded(InContent, frozen=True, tag="response.content_part.added"):
    """A part begins, empty."""

    part: ContentPart


class ContentPartDone(InContent, frozen=True, tag="response.content_part.done"):
    """A part is final."""

    part: ContentPart


class OutputTextDelta(InContent, frozen=True, tag="response.output_text.delta"):
    """A piece of a written answer."""

    delta: str


class OutputTextDone(InContent, frozen=True, tag="response.output_text.done"):
    """The written answer: exactly the deltas that were sent."""

    text: str


class OutputAudioDelta(InContent, frozen=True, tag="response.output_audio.delta"):
    """A piece of a spoken answer in the response's format; base64 on the wire."""

    delta: bytes


class OutputAudioDone(InContent, frozen=True, tag="response.output_audio.done"):
    """No more audio."""


class OutputAudioBufferStarted(ServerEvent, frozen=True, tag="output_audio_buffer.started"):
    """The caller begins to hear an answer; calls only (4.8)."""

    response_id: str


class OutputAudioBufferStopped(ServerEvent, frozen=True, tag="output_audio_buffer.stopped"):
    """The caller has heard all of it."""

    response_id: str


class OutputAudioBufferCleared(ServerEvent, frozen=True, tag="output_audio_buffer.cleared"):
    """The caller will hear no more of it."""

    response_id: str


class OutputAudioTranscriptDelta(InContent, frozen=True, tag="response.output_audio_transcript.delta"):
    """Words of a spoken answer."""

    delta: str


class OutputAudioTranscriptDone(InContent, frozen=True, tag="response.output_audio_transcript.done"):
    """The words of the spoken answer: exactly the deltas that were sent."""

    transcript: str


AnyServerEvent = (
    SessionCreated
    | SessionUpdated
    | ErrorEvent
    | InputAudioBufferCommitted
    | InputAudioBufferCleared
    | SpeechStarted
    | SpeechStopped
    | TimeoutTriggered
    | KeyPressed
    | ConversationItemAdded
    | ConversationItemDone
    | ConversationItemRetrieved
    | ConversationItemTruncated
    | ConversationItemDeleted
    | TranscriptionDelta
    | TranscriptionCompleted
    | TranscriptionFailed
    | ResponseCreated
    | ResponseDone
    | RateLimitsUpdated
    | OutputItemAdded
    | OutputItemDone
    | ContentPartAdded
    | ContentPartDone
    | OutputTextDelta
    | OutputTextDone
    | OutputAudioDelta
    | OutputAudioDone
    | OutputAudioBufferStarted
    | OutputAudioBufferStopped
    | OutputAudioBufferCleared
    | OutputAudioTranscriptDelta
    | OutputAudioTranscriptDone
    | AnyToolEvent
)
