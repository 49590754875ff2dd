// @openai/agents-realtime as its users have it in a page: a `RealtimeAgent` in a `RealtimeSession`, over WebRTC.

import { OpenAIRealtimeWebRTC, RealtimeAgent, RealtimeSession } from "/bundle/openai-realtime-agents.mjs";

const [status, list] = ["#status", "#history"].map((each) => document.querySelector(each));
const seen = { events: [], errors: [], answers: [], callId: null };
let session;

async function talk(baseUrl, apiKey) {
  const transport = new OpenAIRealtimeWebRTC({ baseUrl });
  const agent = new RealtimeAgent({ name: "Counter", instructions: "Count." });
  session = new RealtimeSession(agent, { transport });
  session.on("agent_end", (_context, _agent, words) => seen.answers.push(words));
  session.on("history_updated", show);
  session.on("error", ({ error }) => seen.errors.push(JSON.stringify(error)));
  session.on("transport_event", ({ type }) => {
    seen.events.push(type);
    // The caller who has interrupted an answer hears the next one to its end.
    if (type === "response.created") session.mute(seen.events.includes("output_audio_buffer.cleared"));
  });
  transport.on("connection_change", (now) => (status.textContent = now));
  await session.connect({ apiKey });
  seen.callId = transport.callId;
}

function show(items) {
  list.replaceChildren(
    ...items.map((item) => {
      const line = document.createElement("li");
      line.textContent = `${item.role}: ${item.content.map((part) => part.transcript ?? part.text).join("")}`;
      return line;
    }),
  );
}

Object.assign(window, { seen, talk, close: () => session.close() });
status.textContent = "ready";
