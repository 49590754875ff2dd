// @openai/agents-realtime with a function tool, which the SDK runs by itself.

import { tool } from "@openai/agents-realtime";
import { connect } from "./agents_session.mjs";
import { PAUSE, SLOW_WISH, SPEECH, TWO_WISHES, WISH, Weather, report } from "./report.mjs";

const weather = new Weather();
const { session, inbox, errors, say, last, answer, answers, disconnect } = await connect([
  tool({
    name: "weather",
    description: "What the weather is like in a city.",
    parameters: {
      type: "object",
      properties: { city: { type: "string" } },
      required: ["city"],
      additionalProperties: false,
    },
    execute: ({ city }) => weather.look(city),
  }),
]);

session.sendMessage(WISH);
report("a written wish", { words: await answer(), asked: weather.asked });

say(SPEECH);
say(PAUSE);
const first = await answer();
report("a spoken wish", { first, words: await answer(), heard: last("user"), asked: weather.asked });

session.sendMessage(TWO_WISHES);
// It asks for an answer whenever a tool returns.
const both = [await answer()];
while (!both.at(-1).includes("Bergen")) both.push(await answer());
report("two at once", { answers: both, asked: weather.asked });

session.sendMessage(SLOW_WISH);
await weather.begun;
session.sendMessage("Still there?");
const meanwhile = await answer();
weather.arrive();
report("a slow tool", { meanwhile, words: await answer(), asked: weather.asked });

session.sendMessage("Thank you.");
report("after the tools", { words: await answer(), answers, errors });

await disconnect();
report("closed");
