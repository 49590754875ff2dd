// What the programs around Node.js clients share.

import { createHash } from "node:crypto";
import { readFileSync } from "node:fs";

export const INSTRUCTIONS = "Arr, matey.";
export const VOICE = "cedar";
/** What the scripted model does; it then tells what came back. */
export const WISH = 'Use weather with {"city": "Oslo"}.';
export const TWO_WISHES = 'Use weather with {"city": "Oslo"} and use weather with {"city": "Bergen"}.';
export const SLOW_WISH = 'Use weather with {"city": "Rome"}.';
export const CLOCK_WISH = 'Use clock with {"city": "Oslo"}.';
export const PAUSE = Buffer.alloc(1500 * 48); // silence, long enough to end a turn
export const [url, key, file, mcp] = process.argv.slice(2);
export const SPEECH = readFileSync(file);
const PATIENCE_MS = 60_000; // how long the next event may take
const PIECE_BYTES = 40 * 48; // 40 ms of PCM, 24 kHz, mono, 16 bits

/** One JSON line: what the client saw in this step. */
export function report(step, saw = {}) {
  console.log(JSON.stringify({ step, ...saw }));
}

export function digest(chunks) {
  return createHash("sha256").update(Buffer.concat(chunks)).digest("hex");
}

/** Sound as a microphone gives it. */
export function* pieces(speech) {
  for (let start = 0; start < speech.length; start += PIECE_BYTES) {
    yield speech.subarray(start, start + PIECE_BYTES);
  }
}

/** A tool. In Rome it takes until `arrive` is called. */
export class Weather {
  asked = [];
  begun = new Promise((resolve) => {
    this.begin = resolve;
  });
  #arrived = new Promise((resolve) => {
    this.arrive = resolve;
  });

  async look(city) {
    this.asked.push(city);
    if (city === "Rome") {
      this.begin();
      await this.#arrived;
    }
    return `rain in ${city}`;
  }
}

/** Events in the order in which they came, for one reader that waits for those it wants. */
export class Inbox {
  #events = [];
  #wake = () => {};
  position = 0;

  put(type, event = {}) {
    this.#events.push({ type, event });
    this.#wake();
  }

  /** The next event of this type after the last one that was waited for, or from a position on. */
  async until(type, from = this.position) {
    for (let at = from; ; at += 1) {
      if (at === this.#events.length) await this.#more(type);
      if (this.#events[at].type === type) {
        this.position = at + 1;
        return this.#events[at].event;
      }
    }
  }

  #more(type) {
    return new Promise((resolve, reject) => {
      const late = setTimeout(() => reject(new Error(`There was no ${type}.`)), PATIENCE_MS);
      this.#wake = () => {
        clearTimeout(late);
        resolve();
      };
    });
  }
}
