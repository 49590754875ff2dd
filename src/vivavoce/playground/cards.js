// Calls of tools as cards in the conversation: what is called with what, whether it may be, and what came of it.

const STATES = {
  writing: "being written",
  pending: "pending",
  running: "running",
  asking: "May it be called?",
  approved: "approved",
  denied: "denied",
  done: "done",
  failed: "failed",
  broken: "not finished",
};
const OPEN = new Set(["writing", "pending", "running", "asking"]);
const KINDS = new Set(["function_call", "mcp_call", "mcp_approval_request"]);
const HTML = `<p class="head"><b class="name"></b> <span class="where"></span> <span class="state"></span></p>
  <dl><div><dt>Arguments</dt><dd><pre class="arguments"></pre></dd></div>
  <div><dt>Result</dt><dd><pre class="output"></pre></dd></div></dl>
  <p class="ask"><button type="button" class="primary">Approve</button> <button type="button">Deny</button></p>`;

export class Cards {
  /** `where(item)` says who runs a call, `decide(id, approve)` answers a request, `now()` is in milliseconds. */
  constructor(lines, { where, decide, now }) {
    this.lines = lines;
    this.where = where;
    this.decide = decide;
    this.now = now;
    this.clear();
  }

  clear() {
    this.cards = new Map(); // by the item's id
    this.calls = new Map(); // by call_id, which the item of the result names
  }

  handle(event) {
    switch (event.type) {
      case "conversation.item.added":
        return this.add(event.item, event.previous_item_id);
      case "response.function_call_arguments.delta":
      case "response.mcp_call_arguments.delta":
        return this.update(event.item_id, (card) => ({ arguments: card.arguments + event.delta }));
      case "response.mcp_call.in_progress":
        return this.update(event.item_id, () => ({ state: "running", since: this.now() }));
      case "conversation.item.done":
        return this.done(event.item);
      case "conversation.item.deleted":
        this.cards.delete(event.item_id);
    }
  }

  add(item, previous) {
    if (item.type === "function_call_output") return this.returned(this.calls.get(item.call_id), item.output);
    if (item.type === "mcp_approval_response") {
      return this.update(item.approval_request_id, () => ({ state: item.approve ? "approved" : "denied" }));
    }
    if (!KINDS.has(item.type) || this.cards.has(item.id)) return;
    this.create(item);
    this.update(item.id, () => ({ arguments: item.arguments }));
    this.lines.place(item.id, previous);
  }

  create(item) {
    const element = this.lines.create(item.id, "tool", HTML);
    element.tabIndex = -1; // so that the focus has somewhere to go when its buttons do
    element.querySelector(".name").textContent = item.name;
    element.querySelector(".where").textContent = this.where(item);
    const [yes, no] = element.querySelectorAll("button");
    yes.addEventListener("click", () => this.answer(item.id, true));
    no.addEventListener("click", () => this.answer(item.id, false));
    for (const [button, word] of [[yes, "Approve"], [no, "Deny"]]) button.ariaLabel = `${word} the call of ${item.name}`;
    const state = item.type === "mcp_approval_request" ? "asking" : "writing";
    this.cards.set(item.id, { element, state, arguments: "", output: null, since: this.now(), took: null });
    if (item.call_id) this.calls.set(item.call_id, item.id);
  }

  /** The item is as it stays. A function's result is an item of its own, and comes whenever it comes. */
  done(item) {
    const card = this.cards.get(item.id);
    if (!card) return;
    if (item.arguments) this.update(item.id, () => ({ arguments: item.arguments }));
    if (item.status === "incomplete" && !item.error) return this.update(item.id, () => ({ state: "broken" }));
    if (item.type === "function_call" && card.output === null) {
      this.update(item.id, () => ({ state: "pending", since: this.now() }));
    } else if (item.type === "mcp_call") {
      this.returned(item.id, item.error ? item.error.message : item.output, item.error ? "failed" : "done");
    }
  }

  returned(id, output, state = "done") {
    this.update(id, (card) => ({ state, output: output ?? "", took: this.now() - card.since }));
  }

  answer(id, approve) {
    const { element } = this.cards.get(id);
    element.focus();
    element.querySelectorAll("button").forEach((button) => (button.disabled = true));
    this.decide(id, approve);
  }

  /** The conversation is over: nothing comes any more. */
  stop() {
    for (const [id, { state }] of this.cards) if (OPEN.has(state)) this.update(id, () => ({ state: "broken" }));
  }

  update(id, change) {
    const card = this.cards.get(id);
    if (!card) return;
    Object.assign(card, change(card));
    const { element, state, output, took } = card;
    element.dataset.state = state;
    element.querySelector(".ask").hidden = state !== "asking";
    element.querySelector(".state").textContent = STATES[state] + (took === null ? "" : `, ${(took / 1000).toFixed(1)} s`);
    element.querySelector(".arguments").textContent = card.arguments;
    element.querySelector(".output").textContent = output ?? "";
    element.querySelector("dl").lastElementChild.hidden = output === null;
    element.setAttribute("aria-busy", String(state === "writing"));
    this.lines.show(element);
  }
}
