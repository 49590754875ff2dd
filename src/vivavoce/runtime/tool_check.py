"""Tools that the model cannot be held to are refused where they are defined, and not in the middle of an answer.

What a model can be held to is its own business: one is bound by a grammar, another is checked afterwards. Looking at a
stranger's schema may take a while, so it never happens on the event loop.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable, Sequence

from vivavoce.ports import Tool
from vivavoce.protocol import client as c
from vivavoce.protocol.errors import ProtocolError, unsupported
from vivavoce.protocol.session import SessionPatch
from vivavoce.protocol.tools import FunctionTool
from vivavoce.protocol.tools import Tool as WireTool
from vivavoce.runtime.core import AnyEvent

Refused = Callable[[Tool], str | None]
"""Why a model cannot call a tool; None: it can."""


async def check(event: AnyEvent, refused: Refused) -> None:
    """Raises `ProtocolError` for an event that defines a tool which cannot be called."""
    match event:
        case c.SessionUpdate(session=SessionPatch(tools=list() as tools)):
            where = "session.tools"
        case c.ResponseCreate(response=c.ResponseParams(tools=list() as tools)):
            where = "response.tools"
        case _:
            return
    try:
        await check_all(tools, where, refused)
    except ProtocolError as error:
        raise ProtocolError(error.code, error.message, param=error.param, event_id=event.event_id) from None


async def check_all(tools: Sequence[WireTool], where: str, refused: Refused) -> None:
    """Raises `ProtocolError` (`unsupported_value`) for the first function that cannot be called."""
    places = [index for index, tool in enumerate(tools) if isinstance(tool, FunctionTool) and tool.parameters]
    functions = [tools[index] for index in places]
    given = [
        Tool(tool.name, tool.description or "", tool.parameters or {})
        for tool in functions
        if isinstance(tool, FunctionTool)
    ]
    for index, why in zip(places, await reasons(given, refused), strict=True):
        if why is not None:
            raise unsupported(f"{where}[{index}].parameters", why)


async def reasons(tools: Iterable[Tool], refused: Refused) -> list[str | None]:
    """For each tool why it cannot be called, or None."""
    given = list(tools)
    return await asyncio.to_thread(lambda: [refused(tool) for tool in given]) if given else []
