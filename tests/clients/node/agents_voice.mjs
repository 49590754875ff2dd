// @openai/agents-realtime by voice alone: a spoken turn, an interruption, and what its user hears then.

import { OpenAIRealtimeWebSocket, RealtimeAgent, RealtimeSession } from "@openai/agents-realtime";
import { INSTRUCTIONS, Inbox, PAUSE, SPEECH, VOICE, key, pieces, report, url } from "./report.mjs";

const inbox = new Inbox();
const errors = [];
let history = [];
const transport = new OpenAIRealtimeWebSocket({
  url: `${url.replace("http", "ws")}/realtime?model=gpt-realtime`,
});
const agent = new RealtimeAgent({ name: "Pirate", instructions: INSTRUCTIONS });
const session = new RealtimeSession(agent, { transport, config: { audio: { output: { voice: VOICE } } } });
session.on("audio", () => inbox.put("sound"));
session.on("agent_end", (_context, _agent, words) => inbox.put("agent_end", words));
session.on("audio_interrupted", () => inbox.put("audio_interrupted"));
session.on("history_updated", (items) => {
  history = items;
});
session.on("error", ({ error }) => errors.push(JSON.stringify(error)));
session.on("transport_event", (event) => inbox.put(event.type, event));
transport.on("connection_change", (status) => inbox.put(status));

function say(sound) {
  for (const piece of pieces(sound)) {
    session.sendAudio(piece.buffer.slice(piece.byteOffset, piece.byteOffset + piece.length));
  }
}

/** The transcript of this role's last message, as the session's history has it. */
function last(role) {
  return history.filter((item) => item.type === "message" && item.role === role).at(-1).content[0].transcript;
}

await session.connect({ apiKey: key });
say(SPEECH);
say(PAUSE);
const words = await inbox.until("agent_end");
report("spoken turn", { heard: last("user"), words });

say(SPEECH); // is told a story
say(PAUSE);
await inbox.until("sound");
say(SPEECH);
await inbox.until("audio_interrupted");
const here = inbox.position;
const { audio_end_ms } = await inbox.until("conversation.item.truncated");
report("interrupted", { cut_ms: audio_end_ms });
await inbox.until("agent_end", here);
say(PAUSE);
report("after the interruption", { words: await inbox.until("agent_end"), errors });

session.close();
await inbox.until("disconnected");
report("closed");
