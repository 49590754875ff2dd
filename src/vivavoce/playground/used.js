// What the session used: minutes and tokens by what the page sees, money by what the server says.

const NONE = "\u2013";
const MINUTE_MS = 60_000;

export class Used {
  /** `report(id)`: what the server says that a session used (docs/usage.md). */
  constructor(figures, note, report) {
    this.figures = figures;
    this.note = note;
    this.report = report;
    this.priced = false;
    this.asked = this.shown = 0; // reports, and which of them is seen
    this.clear();
  }

  /** `currency`: of the server's prices; null where there are none, or they are not for us. */
  offered(currency) {
    this.priced = currency !== null;
    this.figures.querySelector("[data-money]").hidden = !this.priced;
  }

  clear() {
    this.id = this.began = null;
    [this.input, this.output] = [0, 0];
    this.#put("minutes", NONE);
    this.#tokens();
    this.#put("money", NONE);
    this.note.hidden = true;
  }

  handle(event, now) {
    if (event.type === "session.created" && this.began === null) [this.id, this.began] = [event.session.id, now];
    if (event.type !== "response.done" || !event.response.usage) return;
    this.input += event.response.usage.input_tokens;
    this.output += event.response.usage.output_tokens;
    this.#tokens();
    this.#ask();
  }

  tick(now) {
    if (this.began !== null) this.#put("minutes", ((now - this.began) / MINUTE_MS).toFixed(1));
  }

  /** The session is over: what it used stays to be seen. */
  stop(now) {
    this.tick(now);
    if (this.began !== null) this.#ask();
    this.began = null;
  }

  async #ask() {
    const id = this.id;
    if (!this.priced || id === null) return;
    const number = ++this.asked;
    const money = (await this.report(id))?.money;
    if (!money || id !== this.id || number < this.shown) return; // another session has begun, or a newer report came
    this.shown = number;
    this.#put("money", money.total === null ? NONE : amount(money));
    this.note.hidden = !money.unpriced.length;
    this.note.textContent = `Without a price: ${money.unpriced.join(", ")}.`;
  }

  #tokens() {
    this.#put("input", this.input.toLocaleString());
    this.#put("output", this.output.toLocaleString());
  }

  #put(figure, text) {
    const at = this.figures.querySelector(`[data-figure=${figure}]`);
    if (at.textContent !== text) at.textContent = text;
  }
}

function amount({ total, currency }) {
  const options = { style: "currency", currency, minimumSignificantDigits: 1, maximumSignificantDigits: 3 };
  return Number(total).toLocaleString(undefined, options);
}
