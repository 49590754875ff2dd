// MCP servers that the user names: what the session is told of them, and what they say they have.

/** `changed()`: the session should know. A token stays in this page's memory and goes nowhere but to the server. */
export class Servers {
  constructor(form, list, changed) {
    this.form = form;
    this.list = list;
    this.changed = changed;
    this.tools = new Map(); // label -> the tool of the session
    this.configured = [];
    form.addEventListener("input", () => this.check());
    form.addEventListener("submit", (event) => {
      event.preventDefault();
      this.add();
    });
  }

  /** `configured`: labels that the server knows the addresses of. */
  offered(configured) {
    this.configured = configured;
    this.form.querySelector("datalist").replaceChildren(...configured.map((label) => new Option(label)));
  }

  get field() {
    return this.form.elements;
  }

  check() {
    const { label, url } = this.field;
    const needed = !url.value.trim() && !this.configured.includes(label.value.trim());
    url.setCustomValidity(needed ? "Where is it? Only servers of this server's configuration need no address." : "");
  }

  add() {
    const value = (name) => this.field[name].value.trim();
    const tool = { type: "mcp", server_label: value("label"), require_approval: value("approval") };
    if (value("url")) tool.server_url = value("url");
    if (value("token")) tool.authorization = value("token");
    this.tools.set(tool.server_label, tool);
    this.row(tool).scrollIntoView({ block: "nearest" });
    this.changed();
  }

  remove(label) {
    this.tools.delete(label);
    this.find(label)?.remove();
    this.changed();
  }

  row({ server_label: label, server_url: url }) {
    this.find(label)?.remove();
    const row = document.createElement("li");
    row.dataset.label = label;
    row.innerHTML = '<p><b></b> <span class="hint url"></span></p><button type="button">Remove</button><p class="hint said"></p>';
    row.querySelector("b").textContent = label;
    row.querySelector(".url").textContent = url ?? "of this server's configuration";
    row.querySelector("button").ariaLabel = `Remove ${label}`;
    row.querySelector("button").addEventListener("click", () => this.remove(label));
    this.list.append(row);
    this.say(label, "Asked when you connect.");
    return row;
  }

  find(label) {
    return [...this.list.children].find((row) => row.dataset.label === label);
  }

  say(label, text, failed = false) {
    const said = this.find(label)?.querySelector(".said");
    if (!said) return;
    said.textContent = text;
    said.classList.toggle("failed", failed);
  }

  // --- what the server says ---

  /** The session knows these labels: what was typed for one of them has been taken. */
  confirm(labels) {
    if (!labels.includes(this.field.label.value.trim())) return;
    this.form.reset();
    this.check();
  }

  /** The session was refused, and knows only these labels. What was typed is still in the form. */
  refused(labels) {
    for (const label of this.tools.keys()) {
      if (labels.includes(label)) continue;
      this.tools.delete(label);
      this.find(label).remove();
    }
  }

  handle({ type, item }) {
    if (type === "conversation.item.added" && item.type === "mcp_list_tools") this.say(item.server_label, "Asking for its tools.");
    if (type !== "conversation.item.done" || item.type !== "mcp_list_tools") return;
    const names = item.tools.map((tool) => tool.name).join(", ");
    if (item.status === "completed") this.say(item.server_label, names ? `Tools: ${names}` : "It has no tools.");
    else this.say(item.server_label, item.error ?? "It did not tell its tools.", true);
  }

  /** The connection is gone; the next one asks again. */
  stop() {
    for (const label of this.tools.keys()) this.say(label, "Asked when you connect.");
  }
}
