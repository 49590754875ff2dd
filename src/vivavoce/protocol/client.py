"""Client events (PROTOCOL.md 2.1): a closed union, told apart by `type`.

Every event may carry an `event_id`, which comes back in the `error` that the event causes, and nowhere else.
"""

from __future__ import annotations

from typing import Annotated, Literal

from msgspec import Meta, Struct

from vivavoce.protocol.items import ClientItem, ItemId, ItemReference
from vivavoce.protocol.session import (
    AnySessionPatch,
    AudioFormat,
    MaxTokens,
    Modality,
    PromptReference,
    Reasoning,
    VoiceId,
)
from vivavoce.protocol.tools import Tool, ToolChoice

MAX_EVENT_ID = 512
EventId = Annotated[str, Meta(max_length=MAX_EVENT_ID)]
Count = Annotated[int, Meta(ge=0, le=2**31 - 1)]
"""JSON knows no largest integer; a message that repeats one has to."""
MetadataKey = Annotated[str, Meta(max_length=64)]
MetadataValue = Annotated[str, Meta(max_length=512)]
MAX_APPEND_BYTES = 15 * 1024 * 1024
"""Audio bytes in one append (2.1)."""


class ClientEvent(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """What all client events share."""

    event_id: EventId | None = None


class SessionUpdate(ClientEvent, frozen=True, tag="session.update"):
    """Change what is present in `session`; refused whole if any of it is refused."""

    session: AnySessionPatch


class InputAudioBufferAppend(ClientEvent, frozen=True, tag="input_audio_buffer.append"):
    """Audio in the session's input format; base64 on the wire."""

    audio: bytes


class InputAudioBufferCommit(ClientEvent, frozen=True, tag="input_audio_buffer.commit"):
    """Make the buffer a user item."""


class InputAudioBufferClear(ClientEvent, frozen=True, tag="input_audio_buffer.clear"):
    """Forget the buffer."""


class OutputAudioBufferClear(ClientEvent, frozen=True, tag="output_audio_buffer.clear"):
    """Be silent at once; for calls, where the server plays the audio."""


class ConversationItemCreate(ClientEvent, frozen=True, tag="conversation.item.create"):
    """Add an item: at the end, first (`previous_item_id: "root"`), or after an item."""

    item: ClientItem
    previous_item_id: str | None = None


class ConversationItemRetrieve(ClientEvent, frozen=True, tag="conversation.item.retrieve"):
    """Show an item with its audio."""

    item_id: ItemId


class ConversationItemTruncate(ClientEvent, frozen=True, tag="conversation.item.truncate"):
    """Forget what the caller did not hear of an answer."""

    item_id: ItemId
    content_index: Count
    audio_end_ms: Count


class ConversationItemDelete(ClientEvent, frozen=True, tag="conversation.item.delete"):
    """Forget an item."""

    item_id: ItemId


class ResponseOutputParams(Struct, frozen=True, forbid_unknown_fields=True):
    """`response.audio.output` of `response.create`."""

    format: AudioFormat | None = None
    voice: str | VoiceId | None = None


class ResponseAudioParams(Struct, frozen=True, forbid_unknown_fields=True):
    """`response.audio` of `response.create`."""

    output: ResponseOutputParams | None = None


class ResponseParams(Struct, frozen=True, forbid_unknown_fields=True):
    """Overrides for one response (3.9)."""

    audio: ResponseAudioParams | None = None
    conversation: Literal["auto", "none"] | None = None
    input: list[ClientItem | ItemReference] | None = None
    instructions: str | None = None
    max_output_tokens: MaxTokens | None = None
    metadata: Annotated[dict[MetadataKey, MetadataValue], Meta(max_length=16)] | None = None
    output_modalities: list[Modality] | None = None
    parallel_tool_calls: bool | None = None
    prompt: PromptReference | None = None
    reasoning: Reasoning | None = None
    tool_choice: ToolChoice | None = None
    tools: list[Tool] | None = None


class ResponseCreate(ClientEvent, frozen=True, tag="response.create"):
    """Answer now."""

    response: ResponseParams | None = None


class ResponseCancel(ClientEvent, frozen=True, tag="response.cancel"):
    """Stop the answer in progress, or the named one."""

    response_id: str | None = None


ClientRequest = (
    SessionUpdate
    | InputAudioBufferCommit
    | InputAudioBufferClear
    | OutputAudioBufferClear
    | ConversationItemCreate
    | ConversationItemRetrieve
    | ConversationItemTruncate
    | ConversationItemDelete
    | ResponseCreate
    | ResponseCancel
)
"""What the core decides about. An append is not among them: it reaches the core as plain audio (`AudioIn`)."""
AnyClientEvent = InputAudioBufferAppend | ClientRequest
