// The functions of this page that a model may call: what each is for, and what it does.

const COLOURS = ["green", "blue", "purple", "orange", "red"];
const MS_PER_S = 1000;

/** A function tool without parameters gets an empty object (PROTOCOL: session.tools). */
function tool(name, description, properties = {}, required = []) {
  const parameters = { type: "object", properties, required, additionalProperties: false };
  return { type: "function", name, description, parameters };
}

/**
 * `run(arguments, signal)` gives what the model is told, or throws what it is told instead. `signal` ends it with the
 * call. The conversation goes on meanwhile.
 */
export const FUNCTIONS = [
  {
    title: "Roll dice",
    definition: tool(
      "roll_dice",
      "Roll dice and tell what came up.",
      {
        count: { type: "integer", minimum: 1, maximum: 10, description: "How many dice" },
        sides: { type: "integer", minimum: 2, maximum: 100, description: "Sides of each; 6 unless the user says so" },
      },
      ["count"],
    ),
    run({ count, sides = 6 }) {
      const rolled = Array.from({ length: count }, () => 1 + Math.floor(Math.random() * sides));
      return { rolled, sum: rolled.reduce((sum, each) => sum + each, 0) };
    },
  },
  {
    title: "Tell your time",
    definition: tool("local_time", "Tell the date, the time of day and the time zone where the user is."),
    run() {
      const now = new Date();
      const { timeZone } = Intl.DateTimeFormat().resolvedOptions();
      return { date: now.toDateString(), time: now.toTimeString().slice(0, 5), time_zone: timeZone };
    },
  },
  {
    title: "Change this page's colour",
    definition: tool(
      "set_page_colour",
      "Change the colour of the page that the user looks at.",
      { colour: { type: "string", enum: COLOURS } },
      ["colour"],
    ),
    run({ colour }) {
      if (!COLOURS.includes(colour)) throw new Error(`There is no ${colour}: choose one of ${COLOURS.join(", ")}.`);
      document.documentElement.setAttribute("data-accent", colour);
      return { colour };
    },
  },
  {
    title: "Set a timer",
    definition: tool(
      "set_timer",
      "Set a timer. The result comes when its time is over.",
      { seconds: { type: "integer", minimum: 1, maximum: 3600 } },
      ["seconds"],
    ),
    run({ seconds }, signal) {
      return new Promise((resolve) => {
        const timer = setTimeout(() => resolve({ over: true, seconds }), seconds * MS_PER_S);
        signal.addEventListener("abort", () => clearTimeout(timer));
      });
    },
  },
];
