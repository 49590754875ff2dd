"""A shopping list as an MCP server, with the official SDK. It listens at http://127.0.0.1:8800/mcp.

python examples/mcp_server.py [PORT]
"""

import sys

from mcp.server import MCPServer
from mcp.types import ToolAnnotations

server = MCPServer("shopping", instructions="A shopping list.")
shopping: dict[str, int] = {}


@server.tool(annotations=ToolAnnotations(read_only_hint=True))
def list_items() -> str:
    """Tell what is on the shopping list."""
    return ", ".join(f"{count} {name}" for name, count in shopping.items()) or "The shopping list is empty."


@server.tool()
def add_item(item: str, count: int = 1) -> str:
    """Put something on the shopping list.

    Args:
        item: What to buy, as "apples".
        count: How many.
    """
    shopping[item] = shopping.get(item, 0) + count
    return f"There are {shopping[item]} {item} on the list now."


@server.tool(annotations=ToolAnnotations(destructive_hint=True, idempotent_hint=True))
def clear_list() -> str:
    """Take everything off the shopping list."""
    shopping.clear()
    return "The list is empty now."


if __name__ == "__main__":
    server.run("streamable-http", port=int(sys.argv[1]) if len(sys.argv) > 1 else 8800)
