"""Conversation items (PROTOCOL.md 3.10): what clients may create, and what the server keeps and shows.

Function calls, their outputs, MCP items and images are not served yet: the types name what is accepted.
"""

from __future__ import annotations

from typing import Annotated, Literal

from msgspec import UNSET, Meta, Struct, UnsetType

Role = Literal["system", "user", "assistant"]
ItemStatus = Literal["in_progress", "completed", "incomplete"]
ItemId = Annotated[str, Meta(min_length=1, max_length=512)]


class InputText(Struct, frozen=True, forbid_unknown_fields=True, tag="input_text"):
    """Text from the client, in system and user messages."""

    text: str


class InputAudio(Struct, frozen=True, forbid_unknown_fields=True, tag="input_audio"):
    """The caller's voice. `transcript` is always present, null until known: stock clients need the key (9.2).

    `audio` is 24 kHz mono PCM16 inside the server, base64 in the session's input format on the wire, and left out of
    every event but `conversation.item.retrieved`.
    """

    transcript: str | None = None
    audio: bytes | UnsetType = UNSET


class OutputText(Struct, frozen=True, forbid_unknown_fields=True, tag="output_text"):
    """Text of the assistant."""

    text: str


class OutputAudio(Struct, frozen=True, forbid_unknown_fields=True, tag="output_audio"):
    """Speech of the assistant; `audio` is in the output format in which it was sent."""

    transcript: str
    audio: bytes | UnsetType = UNSET


Part = InputText | InputAudio | OutputText | OutputAudio
ClientPart = InputText | InputAudio | OutputText


class ClientItem(Struct, frozen=True, forbid_unknown_fields=True, tag="message"):
    """An item as a client creates it. The status a client sends is a no-op on the real service too (3.10)."""

    role: Role
    content: list[ClientPart]
    id: ItemId | None = None
    object: Literal["realtime.item"] | None = None
    status: ItemStatus | None = None


class ItemReference(Struct, frozen=True, forbid_unknown_fields=True, tag="item_reference"):
    """An item of this session by its id; only inside `response.create` (3.9)."""

    id: ItemId


class Item(Struct, frozen=True, kw_only=True):
    """An item as the server keeps it."""

    id: str
    object: Literal["realtime.item"] = "realtime.item"
    type: Literal["message"] = "message"
    status: ItemStatus
    role: Role
    content: tuple[Part, ...] = ()
