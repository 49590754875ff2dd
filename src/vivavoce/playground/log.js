// The raw events, newest last. Audio and pictures are shown by their size: their bytes would bury everything else.
// What lets us in at MCP servers is not shown at all.

const KEPT = 600;
const SECRETS = new Set(["authorization", "headers"]);
const STREAMS = new Set(["input_audio_buffer.append", "response.output_audio.delta"]);

export class EventLog {
  constructor(list, note, filter) {
    this.list = list;
    this.note = note;
    this.filter = filter;
    filter.addEventListener("input", () => this.apply());
    this.clear();
  }

  clear() {
    this.entries = [];
    this.dropped = 0;
    this.list.replaceChildren();
    this.apply();
  }

  /** `from` is "client" or "server"; `at` is in milliseconds since the page was opened. */
  add(from, event, at) {
    const last = this.entries.at(-1);
    const shown = readable(event);
    if (STREAMS.has(event.type) && last?.event.type === event.type) {
      last.times += 1;
      last.event = shown;
      return this.describe(last);
    }
    const entry = { from, at: Math.round(at), times: 1, event: shown, text: JSON.stringify(shown).toLowerCase() };
    entry.row = this.row(entry);
    this.entries.push(entry);
    const below = this.list.scrollHeight - this.list.scrollTop - this.list.clientHeight;
    this.list.append(entry.row);
    entry.row.hidden = !this.matches(entry);
    if (below < 40) this.list.scrollTop = this.list.scrollHeight;
    while (this.entries.length > KEPT) {
      this.entries.shift().row.remove();
      this.dropped += 1;
    }
    this.count();
  }

  row(entry) {
    const row = document.createElement("li");
    row.dataset.from = entry.from;
    row.innerHTML = "<details><summary><time></time><b></b><span></span></summary></details>";
    row.querySelector("time").textContent = (entry.at / 1000).toFixed(2);
    row.querySelector("b").textContent = entry.from === "client" ? "\u2191" : "\u2193";
    row.querySelector("b").title = entry.from === "client" ? "sent" : "received";
    // The whole text is made when somebody wants to see it.
    row.firstElementChild.addEventListener("toggle", ({ target }) => {
      target.querySelector("pre")?.remove();
      if (!target.open) return;
      const text = document.createElement("pre");
      text.textContent = JSON.stringify(entry.event, null, 2);
      target.append(text);
    });
    this.describe({ ...entry, row });
    return row;
  }

  describe({ row, event, times }) {
    row.querySelector("span").textContent = event.type + (times > 1 ? ` \u00d7 ${times}` : "");
    row.classList.toggle("error", event.type === "error");
  }

  matches(entry) {
    return entry.text.includes(this.filter.value.trim().toLowerCase());
  }

  apply() {
    this.entries.forEach((entry) => (entry.row.hidden = !this.matches(entry)));
    this.count();
  }

  count() {
    const shown = this.entries.filter((entry) => !entry.row.hidden).length;
    const gone = this.dropped ? `, ${this.dropped} older ones are gone` : "";
    this.note.textContent = `${shown} of ${this.entries.length} shown${gone}`;
  }

  /** What is shown, as a JSON array. */
  json() {
    const shown = this.entries.filter((entry) => !entry.row.hidden);
    return JSON.stringify(shown.map(({ from, at, times, event }) => ({ from, at_ms: at, times, event })), null, 2);
  }
}

/** The event with a note in place of each piece of audio, each picture, and each secret. */
export function readable(event) {
  return JSON.parse(
    JSON.stringify(event, function (name, value) {
      if (this.type === "mcp" && SECRETS.has(name) && value) return "(not shown)";
      if (typeof value !== "string") return value;
      const audio = name === "audio" || (name === "delta" && this.type === "response.output_audio.delta");
      if (audio) return `(${size(value)} bytes of audio)`;
      const picture = name === "image_url" && value.startsWith("data:");
      return picture ? `(${size(value.slice(value.indexOf(",") + 1))} bytes of a picture)` : value;
    }),
  );
}

/** Bytes that base64 stands for. */
function size(base64) {
  return Math.floor((base64.length * 3) / 4);
}
