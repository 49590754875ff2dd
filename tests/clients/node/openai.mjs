// openai for Node.js, as its users have it: `OpenAIRealtimeWS` on the package ws.

import OpenAI from "openai";
import { OpenAIRealtimeWS } from "openai/realtime/ws";
import { INSTRUCTIONS, Inbox, PAUSE, SPEECH, VOICE, digest, key, pieces, report, url } from "./report.mjs";

const inbox = new Inbox();
const errors = [];
const audio = [];
const client = new OpenAI({ baseURL: url, apiKey: key });
const connection = new OpenAIRealtimeWS({ model: "gpt-realtime" }, client);
connection.on("event", (event) => {
  if (event.type === "error") return; // these come to the listener below, as errors
  if (event.type === "response.output_audio.delta") audio.push(Buffer.from(event.delta, "base64"));
  inbox.put(event.type, event);
});
connection.on("error", (error) => {
  errors.push(error.message);
  inbox.put("error", error);
});
connection.socket.on("close", (code) => inbox.put("close", code));

function say(sound) {
  for (const piece of pieces(sound)) {
    connection.send({ type: "input_audio_buffer.append", audio: piece.toString("base64") });
  }
}

function write(text) {
  const content = [{ type: "input_text", text }];
  connection.send({ type: "conversation.item.create", item: { type: "message", role: "user", content } });
  connection.send({ type: "response.create" });
}

async function answer() {
  const { response } = await inbox.until("response.done");
  return response.output[0].content[0].transcript;
}

await inbox.until("session.created");
connection.send({
  type: "session.update",
  session: {
    type: "realtime",
    instructions: INSTRUCTIONS,
    audio: {
      input: { transcription: { model: "whisper-1" }, turn_detection: { type: "semantic_vad" } },
      output: { voice: VOICE },
    },
  },
});
await inbox.until("session.updated");

write("Hello?");
report("text turn", { words: await answer(), audio: digest(audio) });

say(SPEECH);
say(PAUSE);
const { transcript } = await inbox.until("conversation.item.input_audio_transcription.completed");
report("spoken turn", { heard: transcript, words: await answer() });

write("Tell me a story.");
const { item_id } = await inbox.until("response.output_audio.delta");
say(SPEECH);
await inbox.until("input_audio_buffer.speech_started");
// Playing, and so cutting what was not played, is left to the users of this client.
connection.send({ type: "conversation.item.truncate", item_id, content_index: 0, audio_end_ms: 350 });
const here = inbox.position;
const { audio_end_ms } = await inbox.until("conversation.item.truncated");
report("interrupted", { cut_ms: audio_end_ms });
await inbox.until("response.done", here);
say(PAUSE);
report("after the interruption", { words: await answer(), errors });

connection.send({
  type: "session.update",
  session: { type: "realtime", audio: { output: { voice: "nobody" } } },
});
const { error } = await inbox.until("error");
report("refused", { message: error.message, code: error.code, param: error.param });
write("Still there?");
report("after the refusal", { words: await answer() });

connection.close();
report("closed", { code: await inbox.until("close") });
