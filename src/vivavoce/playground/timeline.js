// When a turn's parts were: hearing, deciding, thinking, speaking. By this page's clock, in milliseconds.

export const PHASES = ["hearing", "deciding", "thinking", "speaking"];
const SHOWN = 8;
const LOOK_BACK_MS = 30_000;
const SPEECH_SHARE = 0.05; // -26 dB below the loudest: the end of speech is where it was last louder
const SPEECH_LEAST = 0.002; // -54 dBFS

/** How loud the microphone was, lately. */
export class Levels {
  constructor() {
    this.marks = []; // [ms, root mean square]
  }

  add(at, level) {
    this.marks.push([at, level]);
    while (this.marks.length && this.marks[0][0] < at - LOOK_BACK_MS) this.marks.shift();
  }

  /** When the caller was last heard between two moments; the later one if never. */
  lastSpeech(from, to) {
    const marks = this.marks.filter(([at]) => at >= from && at <= to);
    const loudest = Math.max(0, ...marks.map(([, level]) => level));
    const threshold = Math.max(SPEECH_LEAST, loudest * SPEECH_SHARE);
    return marks.findLast(([, level]) => level > threshold)?.[0] ?? to;
  }
}

/** The nearest rank: a value that was really measured. */
export function percentile(sorted, share) {
  return sorted[Math.max(0, Math.ceil(sorted.length * share) - 1)];
}

export class Timeline {
  constructor(list, figures, levels) {
    this.list = list;
    this.figures = figures;
    this.levels = levels;
    this.clear();
  }

  clear() {
    this.turns = [];
    this.latencies = [];
    this.sounding = false;
    this.list.replaceChildren();
    this.showFigures();
  }

  get turn() {
    return this.turns.at(-1);
  }

  // --- what happens ---

  begin(kind, at) {
    const open = this.turn;
    if (open && !open.over) this.end(open, at);
    this.turns.push({ kind, began: at, spoke: null, decided: null, sounded: null, over: null, response: null });
    const row = document.createElement("li");
    row.innerHTML = '<div class="bar" role="img"></div><span class="took"></span>';
    PHASES.forEach((phase) => {
      const part = document.createElement("i");
      part.dataset.phase = phase;
      row.firstElementChild.append(part);
    });
    this.turn.row = row;
    this.list.prepend(row);
    while (this.list.children.length > SHOWN) this.list.lastElementChild.remove();
  }

  /** The caller has let go of the button, or has sent what was typed. */
  spoke(at) {
    const { turn } = this;
    if (!turn) return;
    turn.spoke = at;
    if (turn.kind === "typed") turn.decided = at; // nobody had to find out whether it was over
  }

  handle(event, at) {
    const { turn } = this;
    switch (event.type) {
      case "input_audio_buffer.speech_started":
        return this.begin("spoken", at);
      case "input_audio_buffer.speech_stopped":
        turn.spoke = this.levels.lastSpeech(turn.began, at);
        return;
      case "input_audio_buffer.committed":
        if (turn && !turn.over) turn.decided ??= at;
        return;
      case "response.created":
        if (!turn || turn.response) this.begin("unasked", at);
        this.turn.spoke ??= at;
        this.turn.decided ??= at;
        this.turn.response = event.response.id;
        return;
      case "response.done":
        return this.done(event.response, at);
      case "response.output_text.delta": // an answer in writing
        return this.sound(at);
    }
  }

  /** The loudspeaker begins or falls silent. */
  sounds(sounding, at) {
    this.sounding = sounding;
    const { turn } = this;
    if (sounding) this.sound(at);
    else if (turn?.sounded && turn.finished && !turn.over) this.end(turn, at);
  }

  sound(at) {
    const { turn } = this;
    if (!turn?.response || turn.sounded || turn.over) return;
    turn.sounded = at;
    if (turn.kind !== "spoken") return;
    this.latencies.push(at - turn.spoke);
    this.showFigures();
  }

  done(response, at) {
    const turn = this.turns.find((each) => each.response === response.id);
    if (!turn) return;
    if (!turn.sounded && !turn.over && response.status === "completed" && response.output.some(isCall)) {
      turn.response = null; // the caller still waits: the next answer, about the result, is the answer to this turn
      return;
    }
    turn.finished = true;
    if (turn.over) return;
    const heard = response.output.some((item) => item.content?.some((part) => part.type === "output_audio"));
    if (!heard || response.status === "failed" || (!this.sounding && turn.sounded)) this.end(turn, at);
  }

  end(turn, at) {
    turn.over = at;
    this.draw(turn, at);
  }

  /** The call is over. */
  stop(at) {
    this.sounding = false;
    if (this.turn && !this.turn.over) this.end(this.turn, at);
  }

  // --- what is shown ---

  /** Milliseconds of each phase so far. */
  static lengths(turn, now) {
    const end = turn.over ?? now;
    const spoke = turn.spoke ?? end;
    const decided = turn.decided ?? end;
    const sounded = turn.sounded ?? end;
    const whole = [spoke - turn.began, decided - spoke, sounded - decided, end - sounded];
    return whole.map((length) => Math.max(0, length));
  }

  tick(now) {
    if (this.turn && !this.turn.over) this.draw(this.turn, now);
  }

  draw(turn, now) {
    const [bar, took] = turn.row.children;
    const lengths = Timeline.lengths(turn, now);
    lengths.forEach((length, index) => {
      bar.children[index].style.flexGrow = String(length);
      bar.children[index].hidden = length < 1;
      bar.children[index].title = `${PHASES[index]} ${seconds(length)}`;
    });
    const latency = turn.sounded === null ? null : turn.sounded - turn.spoke;
    took.textContent = latency === null ? "" : seconds(latency);
    bar.setAttribute("aria-label", PHASES.map((phase, index) => `${phase} ${seconds(lengths[index])}`).join(", "));
  }

  showFigures() {
    const sorted = this.latencies.toSorted((one, other) => one - other);
    const values = { median: percentile(sorted, 0.5), p90: percentile(sorted, 0.9), worst: sorted.at(-1) };
    for (const [name, value] of Object.entries(values)) {
      this.figures.querySelector(`[data-figure=${name}]`).textContent = value === undefined ? "\u2013" : seconds(value);
    }
    this.figures.querySelector("[data-figure=count]").textContent = String(sorted.length);
  }
}

function isCall({ type }) {
  return type === "function_call" || type === "mcp_call";
}

function seconds(ms) {
  return ms < 1000 ? `${Math.round(ms)} ms` : `${(ms / 1000).toFixed(2)} s`;
}
