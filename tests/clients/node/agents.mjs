// @openai/agents-realtime, as its users have it: a `RealtimeAgent` in a `RealtimeSession`, over a WebSocket.

import { OpenAIRealtimeWebSocket, RealtimeAgent, RealtimeSession } from "@openai/agents-realtime";
import { INSTRUCTIONS, Inbox, PAUSE, SPEECH, VOICE, digest, key, pieces, report, url } from "./report.mjs";

const inbox = new Inbox();
const errors = [];
const audio = [];
let history = [];
const transport = new OpenAIRealtimeWebSocket({
  url: `${url.replace("http", "ws")}/realtime?model=gpt-realtime`,
});
const agent = new RealtimeAgent({ name: "Pirate", instructions: INSTRUCTIONS });
const session = new RealtimeSession(agent, { transport, config: { audio: { output: { voice: VOICE } } } });
session.on("audio", (event) => {
  audio.push(Buffer.from(event.data));
  inbox.put("sound");
});
session.on("agent_end", (_context, _agent, words) => inbox.put("agent_end", words));
session.on("audio_interrupted", () => inbox.put("audio_interrupted"));
session.on("history_updated", (items) => {
  history = items;
});
session.on("error", ({ error }) => {
  errors.push(JSON.stringify(error));
  inbox.put("refusal", error);
});
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
session.sendMessage("Hello?");
report("text turn", { words: await inbox.until("agent_end"), audio: digest(audio) });

say(SPEECH);
say(PAUSE);
const words = await inbox.until("agent_end");
report("spoken turn", { heard: last("user"), words });

session.sendMessage("Tell me a story.");
await inbox.until("sound");
say(SPEECH);
await inbox.until("audio_interrupted");
const here = inbox.position;
const { audio_end_ms } = await inbox.until("conversation.item.truncated");
report("interrupted", { cut_ms: audio_end_ms });
await inbox.until("agent_end", here);
say(PAUSE);
report("after the interruption", { words: await inbox.until("agent_end"), errors });

transport.sendEvent({
  type: "session.update",
  session: { type: "realtime", audio: { output: { voice: "nobody" } } },
});
const { error } = await inbox.until("refusal");
report("refused", { message: error.message, code: error.code, param: error.param });
session.sendMessage("Still there?");
report("after the refusal", { words: await inbox.until("agent_end") });

session.close();
await inbox.until("disconnected");
report("closed");
