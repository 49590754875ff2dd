// What both sides said, line by line, as the events tell it. What was not heard of an answer is struck out.

const SPOKEN = new Set(["input_audio", "output_audio"]);

export class Conversation {
  /** `ask(item)` wants to know what the server keeps of an item; `picture(item)` is the one that was sent as it. */
  constructor(lines, { ask, picture }) {
    this.lines = lines;
    this.ask = ask;
    this.picture = picture;
    this.clear();
  }

  clear() {
    this.said = new Map();
  }

  handle(event) {
    switch (event.type) {
      case "input_audio_buffer.speech_started":
        return this.update(event.item_id, "user", { note: "speaking", busy: true });
      case "input_audio_buffer.timeout_triggered":
        return this.update(event.item_id, "user", { note: "silence" });
      case "conversation.item.added":
        return this.add(event.item, event.previous_item_id);
      case "conversation.item.deleted":
        return this.remove(event.item_id);
      case "conversation.item.input_audio_transcription.delta":
        return this.append(event.item_id, "user", event.delta);
      case "conversation.item.input_audio_transcription.completed":
        return this.update(event.item_id, "user", { text: event.transcript, note: event.transcript ? "" : "no words" });
      case "conversation.item.input_audio_transcription.failed":
        return this.update(event.item_id, "user", { note: `no captions: ${event.error.message}` });
      case "response.output_text.delta":
      case "response.output_audio_transcript.delta":
        return this.append(event.item_id, "assistant", event.delta);
      case "response.done":
        return this.finish(event.response);
      case "conversation.item.truncated":
        return this.ask(event.item_id);
      case "conversation.item.retrieved":
        return this.keep(event.item);
    }
  }

  add(item, previous) {
    if (item.type !== "message" || item.role === "system") return;
    const text = item.content.map((part) => part.text ?? part.transcript ?? "").join("");
    const spoken = item.content.some((part) => SPOKEN.has(part.type));
    const known = this.said.get(item.id);
    const pictures = item.content.filter((part) => part.type === "input_image");
    const note = text || pictures.length ? "" : item.role === "assistant" ? "thinking" : spoken ? "spoken" : "";
    this.update(item.id, item.role, { text: text || known?.text || "", note, busy: item.status === "in_progress" });
    const shown = pictures.map((part) => thumbnail(part.image_url ?? this.picture(item.id)));
    this.said.get(item.id).element.append(...shown);
    this.lines.place(item.id, previous);
  }

  append(id, role, delta) {
    const text = (this.said.get(id)?.text ?? "") + delta;
    this.update(id, role, { text, note: "", busy: true });
  }

  finish(response) {
    const why = { cancelled: "interrupted", failed: "failed", incomplete: "cut short" }[response.status] ?? "";
    for (const item of response.output) {
      if (!this.said.has(item.id)) continue;
      this.update(item.id, "assistant", { note: why, busy: false });
    }
  }

  keep(item) {
    const heard = (item.content ?? []).map((part) => part.transcript ?? part.text ?? "").join("");
    if (this.said.has(item.id)) this.update(item.id, "assistant", { heard, note: "interrupted", busy: false });
  }

  remove(id) {
    this.lines.remove(id);
    this.said.delete(id);
  }

  update(id, role, change) {
    const line = this.said.get(id) ?? this.create(id, role);
    Object.assign(line, change);
    const { element, text, heard, note, busy } = line;
    const kept = heard ?? text;
    const words = element.querySelector(".words");
    words.replaceChildren(kept);
    if (text.length > kept.length) words.append(struck(text.startsWith(kept) ? text.slice(kept.length) : text));
    element.querySelector(".note").textContent = note;
    // A reader of the screen hears a line when it is whole, not each word of it again and again.
    element.setAttribute("aria-busy", String(Boolean(busy)));
    this.lines.show(element);
  }

  create(id, role) {
    const html = '<b class="who"></b><p><span class="words"></span> <i class="note"></i></p>';
    const element = this.lines.create(id, role, html);
    element.querySelector(".who").textContent = role === "user" ? "You" : "Vivavoce";
    const line = { element, text: "", note: "", busy: false };
    this.said.set(id, line);
    return line;
  }
}

/**
 * The server does not send a picture back. One that somebody else has sent into the session, or that lies elsewhere, is
 * only named: this page loads nothing from others.
 */
function thumbnail(url) {
  const here = url?.startsWith("data:image/");
  const element = document.createElement(here ? "img" : "code");
  if (here) Object.assign(element, { src: url, alt: "The picture that you showed" });
  else element.textContent = url ?? "a picture";
  return element;
}

function struck(text) {
  const element = document.createElement("s");
  element.title = "Not heard";
  element.textContent = text;
  return element;
}
