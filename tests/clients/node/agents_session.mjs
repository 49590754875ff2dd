// A session of @openai/agents-realtime whose agent has tools.

import { OpenAIRealtimeWebSocket, RealtimeAgent, RealtimeSession } from "@openai/agents-realtime";
import { INSTRUCTIONS, Inbox, VOICE, key, pieces, url } from "./report.mjs";

export async function connect(tools) {
  const inbox = new Inbox();
  const errors = [];
  const answers = [];
  let history = [];
  const transport = new OpenAIRealtimeWebSocket({
    url: `${url.replace("http", "ws")}/realtime?model=gpt-realtime`,
  });
  const agent = new RealtimeAgent({ name: "Pirate", instructions: INSTRUCTIONS, tools });
  const session = new RealtimeSession(agent, { transport, config: { audio: { output: { voice: VOICE } } } });
  session.on("history_updated", (items) => {
    history = items;
  });
  session.on("agent_end", (_context, _agent, words) => {
    if (!words) return; // a response that only called a tool
    answers.push(words);
    inbox.put("answer", words);
  });
  session.on("error", ({ error }) => errors.push(String(JSON.stringify(error) ?? error)));
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
  return {
    session,
    inbox,
    errors,
    say,
    last,
    /** The words of the next response that has any. */
    answer: () => inbox.until("answer"),
    answers,
    disconnect: async () => {
      session.close();
      await inbox.until("disconnected");
    },
  };
}
