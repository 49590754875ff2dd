"""A caller whose session has MCP servers, and what those servers say."""

from __future__ import annotations

from msgspec.structs import replace
from tests.core.caller import CAN, Caller

from vivavoce.core import effects as fx
from vivavoce.protocol.items import ListedTool, McpFault

ABLE = replace(CAN, tools=True, mcp=("house",))
READS = {"readOnlyHint": True}
TOOLS = (
    ListedTool(name="find", description="Finds things.", input_schema={"type": "object"}, annotations={**READS}),
    ListedTool(name="buy", input_schema={"type": "object"}),
)
SHOP: dict[str, object] = {
    "type": "mcp",
    "server_label": "shop",
    "server_url": "https://shop.example/mcp",
    "require_approval": "never",
}


class McpCaller(Caller):
    """A session that writes, with these tools; none of the servers has told its own yet."""

    def __init__(self, *tools: dict[str, object], **session: object) -> None:
        super().__init__(can=ABLE)
        self.updated = self.update(tools=list(tools), **{"output_modalities": ["text"], **session})

    def listed(self, item_id: str = "item_1", tools: tuple[ListedTool, ...] = TOOLS) -> list[fx.Output]:
        """A server tells its tools."""
        return self.tell(fx.ToolsListed(item_id=item_id, tools=tools))

    def returned(self, item_id: str, output: str = "Tea.") -> list[fx.Output]:
        """A tool returns."""
        return self.tell(fx.ToolReturned(item_id=item_id, output=output))

    def broken(self, item_id: str, fault: McpFault) -> list[fx.Output]:
        """A tool does not return."""
        return self.tell(fx.ToolFailed(item_id=item_id, fault=fault))

    def decide(self, request_id: str, approve: bool = True, **fields: object) -> list[fx.Output]:
        """The client approves of a call, or does not."""
        item = {"type": "mcp_approval_response", "approval_request_id": request_id, "approve": approve, **fields}
        return self.send("conversation.item.create", item=item)


def shopping(**fields: object) -> McpCaller:
    """One server, which has told its tools (item_1)."""
    caller = McpCaller({**SHOP, **fields})
    caller.listed()
    return caller


def calling(tool: str = "find", *, finished: bool = True, **fields: object) -> McpCaller:
    """A response (resp_1) has called a tool of it (item_2), and has nothing more to say."""
    caller = shopping(**fields)
    caller.send("response.create")
    caller.call(tool, "{}")
    if finished:
        caller.finish()
    return caller
