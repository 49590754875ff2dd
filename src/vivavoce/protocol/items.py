"""Conversation items (PROTOCOL.md 3.10): what clients may create, and what the server keeps and shows."""

from __future__ import annotations

from typing import Annotated, Literal

from msgspec import UNSET, Meta, Struct, UnsetType

from vivavoce.protocol.tools import JsonObject

Role = Literal["system", "user", "assistant"]
ItemStatus = Literal["in_progress", "completed", "incomplete"]
ItemId = Annotated[str, Meta(min_length=1, max_length=512)]
Detail = Literal["auto", "low", "high"]


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


class InputImage(Struct, frozen=True, forbid_unknown_fields=True, tag="input_image"):
    """A picture from the client, as a data URI or an https address; `auto` means high (4.11).

    Like audio, a data URI is left out of every event but `conversation.item.retrieved`.
    """

    image_url: str | UnsetType = UNSET
    detail: Detail = "auto"


Part = InputText | InputAudio | InputImage | OutputText | OutputAudio
ClientPart = InputText | InputAudio | InputImage | OutputText


# --- as a client creates them; the status that a client sends is a no-op on the real service too (3.10) ---


class ClientMessage(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True, tag="message"):
    """Something said, written or shown."""

    role: Role
    content: list[ClientPart]
    id: ItemId | None = None
    object: Literal["realtime.item"] | None = None
    status: ItemStatus | None = None


class ClientFunctionCall(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True, tag="function_call"):
    """A call of an earlier conversation."""

    name: str
    arguments: str
    call_id: str | None = None
    id: ItemId | None = None
    object: Literal["realtime.item"] | None = None
    status: ItemStatus | None = None


class ClientFunctionCallOutput(
    Struct, frozen=True, forbid_unknown_fields=True, kw_only=True, tag="function_call_output"
):
    """What a function returned."""

    call_id: str
    output: str
    id: ItemId | None = None
    object: Literal["realtime.item"] | None = None
    status: ItemStatus | None = None


class ClientApproval(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True, tag="mcp_approval_response"):
    """Whether a call of an MCP tool may go on."""

    approval_request_id: str
    approve: bool
    reason: str | None = None
    id: ItemId | None = None
    object: Literal["realtime.item"] | None = None


ClientItem = ClientMessage | ClientFunctionCall | ClientFunctionCallOutput | ClientApproval


class ItemReference(Struct, frozen=True, forbid_unknown_fields=True, tag="item_reference"):
    """An item of this session by its id; only inside `response.create` (3.9)."""

    id: ItemId


# --- as the server keeps and shows them ---


class Message(Struct, frozen=True, kw_only=True, tag="message"):
    """Something said, written or shown."""

    id: str
    object: Literal["realtime.item"] = "realtime.item"
    status: ItemStatus
    role: Role
    content: tuple[Part, ...] = ()


class FunctionCall(Struct, frozen=True, kw_only=True, tag="function_call"):
    """The model wants a function of the client called; `arguments` is a JSON object as text."""

    id: str
    object: Literal["realtime.item"] = "realtime.item"
    status: ItemStatus
    call_id: str
    name: str
    arguments: str = ""


class FunctionCallOutput(Struct, frozen=True, kw_only=True, tag="function_call_output"):
    """What a function of the client returned."""

    id: str
    object: Literal["realtime.item"] = "realtime.item"
    status: ItemStatus = "completed"
    call_id: str
    output: str


class ListedTool(Struct, frozen=True, kw_only=True):
    """A tool of an MCP server. `description` is always a string: stock clients drop the item otherwise (9.2)."""

    name: str
    description: str = ""
    input_schema: JsonObject
    annotations: JsonObject | UnsetType = UNSET


class McpListTools(Struct, frozen=True, kw_only=True, tag="mcp_list_tools"):
    """The tools of an MCP server; `in_progress` while they are being listed."""

    id: str
    object: Literal["realtime.item"] = "realtime.item"
    status: ItemStatus
    server_label: str
    tools: tuple[ListedTool, ...] = ()
    error: str | UnsetType = UNSET
    """Why there are none (an addition of ours)."""


class ProtocolFault(Struct, frozen=True, kw_only=True, tag="protocol_error"):
    """The MCP server refused, or broke the protocol; `code` is that of JSON-RPC."""

    code: int
    message: str


class ExecutionFault(Struct, frozen=True, kw_only=True, tag="tool_execution_error"):
    """The tool ran and failed."""

    message: str


class HttpFault(Struct, frozen=True, kw_only=True, tag="http_error"):
    """The server could not be reached, or answered with this status."""

    code: int
    message: str


McpFault = ProtocolFault | ExecutionFault | HttpFault


class McpCall(Struct, frozen=True, kw_only=True, tag="mcp_call"):
    """A call of an MCP tool, which the server makes itself. `output` is always present (9.2)."""

    id: str
    object: Literal["realtime.item"] = "realtime.item"
    status: ItemStatus
    server_label: str
    name: str
    arguments: str = ""
    approval_request_id: str | None = None
    output: str | None = None
    error: McpFault | None = None


class McpApprovalRequest(Struct, frozen=True, kw_only=True, tag="mcp_approval_request"):
    """A call that waits for the client to approve it."""

    id: str
    object: Literal["realtime.item"] = "realtime.item"
    status: ItemStatus = "completed"
    server_label: str
    name: str
    arguments: str = ""


class McpApprovalResponse(Struct, frozen=True, kw_only=True, tag="mcp_approval_response"):
    """Whether a call may go on."""

    id: str
    object: Literal["realtime.item"] = "realtime.item"
    status: ItemStatus = "completed"
    approval_request_id: str
    approve: bool
    reason: str | None = None


Item = Message | FunctionCall | FunctionCallOutput | McpListTools | McpCall | McpApprovalRequest | McpApprovalResponse
