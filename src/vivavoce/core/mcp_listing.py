"""The listings of MCP servers: when one begins, what the client sees of it, and what it found (PROTOCOL.md 4.7)."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from msgspec.structs import replace

from vivavoce.core import effects as fx
from vivavoce.core.conversation import Conversation
from vivavoce.core.ids import Ids
from vivavoce.core.mcp_definitions import MOST_SERVERS, access
from vivavoce.core.mcp_tools import allowed
from vivavoce.core.tools import MOST_TOOLS
from vivavoce.protocol import server as wire
from vivavoce.protocol import tool_events as told
from vivavoce.protocol.items import ListedTool, McpListTools
from vivavoce.protocol.tools import McpTool


@dataclass(slots=True)
class _Open:
    """A listing in progress."""

    server: McpTool
    item: McpListTools
    previous: str | None


@dataclass(slots=True)
class _Listed:
    """What a server has."""

    access: McpTool
    tools: tuple[ListedTool, ...]
    shown: tuple[ListedTool, ...]
    """What of it the client has seen."""


class Listings:
    """All listings of one session."""

    def __init__(self, conversation: Conversation, ids: Ids) -> None:
        self._conversation = conversation
        self._ids = ids
        self._open: dict[str, _Open] = {}
        self._listed: list[_Listed] = []
        """The latest used last; those of servers that were in force once are forgotten in the end."""

    def want(self, servers: Iterable[McpTool]) -> list[fx.Output]:
        """These servers come into force: list those whose tools are not known, and show what was not shown."""
        outputs: list[fx.Output] = []
        for server in servers:
            if pending := self._pending(server):
                pending.server = server  # what is shown at its end is what is wanted by then
            elif known := self._known(server):
                if allowed(server, known.tools) != known.shown:
                    again, events = self._begin(server)
                    outputs += [*events, *self._end(again, known)]
            else:
                asked, events = self._begin(server)
                self._open[asked.item.id] = asked
                outputs += [*events, fx.ListTools(item_id=asked.item.id, server=server)]
        return outputs

    def unwant(self, servers: Iterable[McpTool]) -> list[fx.Output]:
        """These servers are in force no longer: nobody waits for what they might list."""
        outputs: list[fx.Output] = []
        for server in servers:
            if pending := self._pending(server):
                del self._open[pending.item.id]
                outputs.append(fx.CancelTool(item_id=pending.item.id))
                outputs += self._fail(pending, "The server was removed from the session.")
        return outputs

    def listed(self, event: fx.ToolsListed) -> list[fx.Output]:
        """A server has told its tools."""
        pending = self._open.pop(event.item_id, None)
        if pending is None:
            return []
        found = _Listed(access(pending.server), event.tools, ())
        self._listed = [*self._listed[1 - MOST_SERVERS :], found]
        return self._end(pending, found)

    def missing(self, event: fx.ToolsMissing) -> list[fx.Output]:
        """A server has not told its tools. It is asked again when it comes into force again."""
        pending = self._open.pop(event.item_id, None)
        return [] if pending is None else self._fail(pending, event.message)

    def found(self, servers: Iterable[McpTool]) -> list[tuple[McpTool, Sequence[ListedTool]]]:
        """Of these servers those that have been listed, each with the tools that are wanted of it."""
        known = [(server, self._known(server)) for server in servers]
        wanted = [(server, allowed(server, listing.tools)) for server, listing in known if listing is not None]
        return [(server, tools) for server, tools in wanted if len(tools) <= MOST_TOOLS]

    # --- inside ---------------------------------------------------------------------------------------------------

    def _pending(self, server: McpTool) -> _Open | None:
        key = access(server)
        return next((each for each in self._open.values() if access(each.server) == key), None)

    def _known(self, server: McpTool) -> _Listed | None:
        key = access(server)
        for listing in self._listed:
            if listing.access == key:
                self._listed = [*(each for each in self._listed if each is not listing), listing]
                return listing
        return None

    def _begin(self, server: McpTool) -> tuple[_Open, list[fx.Output]]:
        item = McpListTools(id=self._ids("item"), status="in_progress", server_label=server.server_label)
        previous = self._conversation.add(item)
        return _Open(server, item, previous), [
            wire.ConversationItemAdded(previous_item_id=previous, item=item),
            told.McpListToolsInProgress(item_id=item.id),
        ]

    def _end(self, pending: _Open, found: _Listed) -> list[fx.Output]:
        found.shown = allowed(pending.server, found.tools)
        if len(found.shown) > MOST_TOOLS:
            number = len(found.shown)
            message = f"The server has {number} tools; choose at most {MOST_TOOLS} of them by 'allowed_tools'."
            return self._fail(pending, message)
        item = replace(pending.item, status="completed", tools=found.shown)
        return [told.McpListToolsCompleted(item_id=item.id), *self._close(item, pending.previous)]

    def _fail(self, pending: _Open, message: str) -> list[fx.Output]:
        item = replace(pending.item, status="incomplete", error=message)
        return [told.McpListToolsFailed(item_id=item.id), *self._close(item, pending.previous)]

    def _close(self, item: McpListTools, previous: str | None) -> list[fx.Output]:
        if not self._conversation.finish(item):
            return []  # the client deleted it meanwhile; the tools are there all the same
        return [wire.ConversationItemDone(previous_item_id=previous, item=item)]
