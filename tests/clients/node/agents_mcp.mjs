// @openai/agents-realtime with an MCP server whose tools the realtime server runs.

import { hostedMcpTool } from "@openai/agents-core";
import { connect } from "./agents_session.mjs";
import { CLOCK_WISH, WISH, mcp, report } from "./report.mjs";

const { session, inbox, errors, answer, answers, disconnect } = await connect([
  hostedMcpTool({
    serverLabel: "almanac",
    serverUrl: mcp,
    requireApproval: { always: { toolNames: ["weather"] }, never: { toolNames: ["clock"] } },
  }),
]);
session.on("tool_approval_requested", (_context, _agent, request) => inbox.put("approval", request.approvalItem));
session.on("mcp_tool_call_completed", (_context, _agent, call) => inbox.put("called", call));

while (session.availableMcpTools.length === 0) await inbox.until("conversation.item.done");
report("listed", { tools: session.availableMcpTools.map((tool) => tool.name).sort() });

const here = inbox.position;
session.sendMessage(CLOCK_WISH);
const { output } = await inbox.until("called");
report("no approval", { output, words: await answer() });

// The SDK asks to see the call while it runs. In bursts, the answer it asks for by itself comes before that reply.
const answered = inbox.position;
let { item } = await inbox.until("conversation.item.retrieved", here);
while (item.type !== "mcp_call") ({ item } = await inbox.until("conversation.item.retrieved"));
inbox.position = Math.max(inbox.position, answered);
session.sendMessage("Thank you.");
report("right after a call", { words: await answer() });

session.sendMessage(WISH);
const wanted = await inbox.until("approval");
await session.approve(wanted);
const called = await inbox.until("called");
report("approved", { asked: wanted.rawItem.arguments, output: called.output, words: await answer() });

session.sendMessage(WISH);
await session.reject(await inbox.until("approval"), { message: "Not today." });
report("declined", { words: await answer() });

session.sendMessage("Still there?");
report("after the tools", { words: await answer(), answers, errors });

await disconnect();
report("closed");
