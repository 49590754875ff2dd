"""Items that a client brings (PROTOCOL.md 3.10): what is wrong with them, and what the server makes of them."""

from __future__ import annotations

from collections.abc import Iterable
from typing import assert_never

import msgspec

from vivavoce.core.conversation import check_output, check_parts
from vivavoce.core.ids import Ids
from vivavoce.protocol.errors import ProtocolError
from vivavoce.protocol.items import (
    ClientApproval,
    ClientFunctionCall,
    ClientFunctionCallOutput,
    ClientItem,
    ClientMessage,
    FunctionCall,
    FunctionCallOutput,
    Item,
    McpApprovalResponse,
    Message,
)


def made(item: ClientItem, item_id: str, ids: Ids, before: Iterable[Item], where: str) -> Item:
    """The item as the server keeps it. Raises `ProtocolError`.

    `before`: the items that it may refer to; `where`: its place on the wire.
    """
    match item:
        case ClientMessage():
            check_parts(item.role, item.content, where)
            return Message(id=item_id, status="completed", role=item.role, content=tuple(item.content))
        case ClientFunctionCall():
            call_id = item.call_id or ids("call")
            _check_call(item, before, where)
            return FunctionCall(
                id=item_id, status="completed", call_id=call_id, name=item.name, arguments=item.arguments
            )
        case ClientFunctionCallOutput():
            check_output(before, item.call_id, where)
            return FunctionCallOutput(id=item_id, call_id=item.call_id, output=item.output)
        case ClientApproval():
            return McpApprovalResponse(
                id=item_id,
                approval_request_id=item.approval_request_id,
                approve=item.approve,
                reason=item.reason,
            )
        case _:
            assert_never(item)


def _check_call(item: ClientFunctionCall, before: Iterable[Item], where: str) -> None:
    if any(isinstance(each, FunctionCall) and each.call_id == item.call_id for each in before):
        message = f"There is a function call with call_id '{item.call_id}' already."
        raise ProtocolError("invalid_value", message, param=f"{where}.call_id")
    try:
        msgspec.json.decode(item.arguments, type=dict[str, object])
    except (msgspec.DecodeError, RecursionError):
        message = f"Invalid '{where}.arguments': expected a JSON object as text."
        raise ProtocolError("invalid_value", message, param=f"{where}.arguments") from None
