// openai for Node.js with a function, which is left to the users of this client to call.

import OpenAI from "openai";
import { OpenAIRealtimeWS } from "openai/realtime/ws";
import {
  INSTRUCTIONS,
  Inbox,
  PAUSE,
  SLOW_WISH,
  SPEECH,
  TWO_WISHES,
  VOICE,
  WISH,
  Weather,
  key,
  pieces,
  report,
  url,
} from "./report.mjs";

const inbox = new Inbox();
const errors = [];
const answers = [];
const weather = new Weather();
const client = new OpenAI({ baseURL: url, apiKey: key });
const connection = new OpenAIRealtimeWS({ model: "gpt-realtime" }, client);
connection.on("error", (error) => errors.push(error.message));
connection.on("event", (event) => inbox.put(event.type, event));
connection.on("response.done", async ({ response }) => {
  const said = response.output.filter((item) => item.type === "message");
  for (const item of said) {
    answers.push(item.content[0].transcript);
    inbox.put("answer", item.content[0].transcript);
  }
  const calls = response.output.filter((item) => item.type === "function_call");
  const results = await Promise.all(calls.map((call) => weather.look(JSON.parse(call.arguments).city)));
  calls.forEach(({ call_id }, at) => {
    const item = { type: "function_call_output", call_id, output: results[at] };
    connection.send({ type: "conversation.item.create", item });
  });
  if (calls.length) connection.send({ type: "response.create" });
});
connection.socket.on("close", (code) => inbox.put("close", code));

function write(text) {
  const content = [{ type: "input_text", text }];
  connection.send({ type: "conversation.item.create", item: { type: "message", role: "user", content } });
  connection.send({ type: "response.create" });
}

await inbox.until("session.created");
connection.send({
  type: "session.update",
  session: {
    type: "realtime",
    instructions: INSTRUCTIONS,
    tools: [
      {
        type: "function",
        name: "weather",
        description: "What the weather is like in a city.",
        parameters: { type: "object", properties: { city: { type: "string" } }, required: ["city"] },
      },
    ],
    audio: { input: { transcription: { model: "whisper-1" } }, output: { voice: VOICE } },
  },
});
await inbox.until("session.updated");

write(WISH);
report("a written wish", { words: await inbox.until("answer"), asked: weather.asked });

for (const piece of pieces(Buffer.concat([SPEECH, PAUSE]))) {
  connection.send({ type: "input_audio_buffer.append", audio: piece.toString("base64") });
}
const here = inbox.position;
const { transcript } = await inbox.until("conversation.item.input_audio_transcription.completed");
const first = await inbox.until("answer", here);
report("a spoken wish", { first, words: await inbox.until("answer"), heard: transcript, asked: weather.asked });

write(TWO_WISHES);
report("two at once", { answers: [await inbox.until("answer")], asked: weather.asked });

write(SLOW_WISH);
await weather.begun;
write("Still there?");
const meanwhile = await inbox.until("answer");
weather.arrive();
report("a slow tool", { meanwhile, words: await inbox.until("answer"), asked: weather.asked });

write("Thank you.");
report("after the tools", { words: await inbox.until("answer"), answers, errors });

connection.close();
report("closed", { code: await inbox.until("close") });
