"""openai-agents for Python with an MCP server, both ways: run by the SDK, and run by the realtime server.

The SDK offers the server's tools as functions and calls them itself. For the other way it has no interface of its own
but raw messages.
"""

from __future__ import annotations

from agents.mcp import MCPServerStreamableHttp
from agents.realtime import RealtimeAgent, RealtimeModelSendRawMessage, RealtimeSession
from agents_client import Caller, connected
from report import CLOCK_WISH, INSTRUCTIONS, WISH, report, start

APPROVE = {"always": {"tool_names": ["weather"]}, "never": {"tool_names": ["clock"]}}


async def run_by_the_client(session: RealtimeSession, caller: Caller) -> None:
    """Steps with the server's tools as functions."""
    await session.send_message(CLOCK_WISH)
    report("client: no approval", words=await caller.answer())

    await session.send_message(WISH)
    call = await caller.inbox.until("tool_approval_required")
    await session.approve_tool_call(call.call_id)
    report("client: approved", asked=call.arguments, words=await caller.answer())

    await session.send_message(WISH)
    call = await caller.inbox.until("tool_approval_required")
    await session.reject_tool_call(call.call_id, rejection_message="Not today.")
    report("client: declined", words=await caller.answer())

    await session.send_message("Thank you.")
    report("client: after the tools", words=await caller.answer(), answers=caller.answers, errors=caller.errors)


async def run_by_the_server(session: RealtimeSession, caller: Caller, url: str) -> None:
    """Steps with the server's tools as they are."""
    inbox = caller.inbox

    async def send(kind: str, **data: object) -> None:
        await session.model.send_event(RealtimeModelSendRawMessage(message={"type": kind, "other_data": data}))

    async def item(kind: str) -> dict:
        while (done := (await inbox.until("conversation.item.done"))["item"])["type"] != kind:
            pass
        return done

    async def decide(**decision: object) -> dict:
        request = await item("mcp_approval_request")
        await inbox.until("response.done")
        # The SDK sends no approval without an id.
        answer = {"type": "mcp_approval_response", "id": f"answer_{inbox.position}"}
        await send("conversation.item.create", item=answer | {"approval_request_id": request["id"]} | decision)
        return request

    tool = {"type": "mcp", "server_label": "almanac", "server_url": url, "require_approval": APPROVE}
    await send("session.update", session={"type": "realtime", "tools": [tool]})
    listed = await item("mcp_list_tools")
    report("listed", tools=sorted(tool["name"] for tool in listed["tools"]))

    await session.send_message(CLOCK_WISH)
    call = await item("mcp_call")
    report("no approval", output=call["output"], words=await caller.answer())
    await session.send_message("Thank you.")
    report("right after a call", words=await caller.answer())

    await session.send_message(WISH)
    request = await decide(approve=True)
    call = await item("mcp_call")
    report("approved", asked=request["arguments"], output=call["output"], words=await caller.answer())

    await session.send_message(WISH)
    await decide(approve=False, reason="Not today.")
    report("declined", words=await caller.answer())

    await session.send_message("Still there?")
    report("after the tools", words=await caller.answer(), answers=caller.answers, errors=caller.errors)


async def main(url: str, key: str, _speech: bytes, mcp: str) -> None:
    """Two conversations."""
    async with MCPServerStreamableHttp({"url": mcp}, name="almanac", require_approval=APPROVE) as almanac:
        agent = RealtimeAgent(name="Pirate", instructions=INSTRUCTIONS, mcp_servers=[almanac])
        async with connected(url, key, agent) as (session, caller):
            await run_by_the_client(session, caller)
    agent = RealtimeAgent(name="Pirate", instructions=INSTRUCTIONS)
    async with connected(url, key, agent) as (session, caller):
        await run_by_the_server(session, caller, mcp)
    report("closed")


start(main)
