// What the model may call: functions of this page, tools of MCP servers. What is chosen becomes part of the session.

import { Servers } from "./servers.js";

export class Tools {
  /** `changed()`: the session should know. */
  constructor(box, functions, changed) {
    this.box = box;
    this.functions = functions;
    this.offer = null;
    this.others = []; // tools that a session brought along: they stay
    this.locked = false; // a client secret may keep its session's tools to itself
    this.servers = new Servers(box.querySelector("form"), box.querySelector("#servers"), changed);
    box.querySelector("#functions .checks").append(...functions.map((each) => choice(each)));
    box.querySelector("#functions").addEventListener("change", changed);
  }

  get choices() {
    return [...this.box.querySelectorAll("#functions input")];
  }

  /** What the server has (`/playground/settings.json`): its language model may know no tools. */
  offered(offer) {
    this.offer = offer;
    this.servers.offered(offer.mcp ?? []);
    this.arrange();
  }

  /** What cannot be chosen is not offered, and why is said. */
  arrange() {
    const { tools, mcp } = this.offer;
    this.box.querySelector("#functions").disabled = !tools || this.locked;
    this.box.querySelector("#mcp").disabled = !tools || this.locked || mcp === null;
    let note = "";
    if (!tools) note = "The language model of this server cannot call tools.";
    else if (this.locked) note = "With this client secret the tools cannot be changed.";
    else if (mcp === null) note = "This server calls no MCP servers.";
    this.box.querySelector("#tools-note").textContent = note;
  }

  // --- the choice as a patch (PROTOCOL: session.update) ---

  /** Nothing where nothing can be chosen: the server would refuse the rest as well. */
  patch() {
    if (!this.offer.tools || this.locked) return {};
    const chosen = this.choices.filter((each) => each.checked).map((each) => each.name);
    const functions = this.functions.map((each) => each.definition).filter(({ name }) => chosen.includes(name));
    return { tools: [...this.others, ...functions, ...this.servers.tools.values()] };
  }

  // --- the session in the form ---

  /** A session has begun; one that a client secret opened has tools of its own. */
  began({ tools }) {
    this.locked = this.offer.tools && tools === undefined;
    this.arrange();
    if (!tools) return;
    const own = new Set(this.functions.map((each) => each.definition.name));
    const functions = tools.filter((tool) => tool.type === "function" && !own.has(tool.name));
    const labels = tools.filter((tool) => tool.type === "mcp").map((tool) => tool.server_label);
    const servers = labels.filter((label) => !this.servers.tools.has(label));
    this.others = [...functions, ...servers.map((label) => ({ type: "mcp", server_label: label }))];
  }

  /** What is in force. `refused`: what was asked for last is not. */
  show({ tools }, refused) {
    if (!tools) return;
    const names = tools.map((tool) => tool.name);
    const labels = tools.filter((tool) => tool.type === "mcp").map((tool) => tool.server_label);
    for (const each of this.choices) each.checked = names.includes(each.name);
    if (refused) this.servers.refused(labels);
    else this.servers.confirm(labels);
  }

  /** The session is over, and what was its own. */
  ended() {
    this.others = [];
    this.locked = false;
    this.servers.stop();
    if (this.offer) this.arrange();
  }
}

function choice({ title, definition }) {
  const label = document.createElement("label");
  const box = document.createElement("input");
  Object.assign(box, { type: "checkbox", name: definition.name });
  label.append(box, ` ${title}`);
  label.title = definition.description;
  return label;
}
