// A session over a WebSocket: audio travels in events, and this page says what of an answer was heard.

import { Player, fromBase64, toBase64 } from "./audio.js";
import { openWebSocket } from "./wire.js";

const LARGEST_PICTURE = 1024 * 1024; // so that a conversation can hold many

/** What every connection tells the page: `sent(event)`, `received(event)`, `sounding(bool)`, `closed(reason)`. */
export class SocketLink {
  static async open(context, { key, model }, hooks) {
    return new SocketLink(context, openWebSocket({ model }, key), hooks);
  }

  constructor(context, socket, hooks) {
    this.socket = socket;
    this.hooks = hooks;
    this.clearing = Promise.resolve();
    this.player = new Player(context, (sounding) => hooks.sounding(sounding));
    this.answers = new Map(); // item -> {samples, done, cut, truncated}: spoken answers, as far as they have arrived
    socket.onmessage = ({ data }) => this.receive(JSON.parse(data));
    socket.onclose = ({ code, reason }) => this.end(code === 1000 ? reason : `${reason || "no reason given"} (${code})`);
  }

  /** The caller's microphone, or null. Nothing to do: `speak` gets its frames. */
  attach() {}

  get speaks() {
    return true;
  }

  /** Characters that a picture may have. */
  get room() {
    return LARGEST_PICTURE;
  }

  speak(pcm) {
    this.send({ type: "input_audio_buffer.append", audio: toBase64(pcm) });
  }

  send(event) {
    if (this.socket.readyState !== WebSocket.OPEN) return;
    this.socket.send(JSON.stringify(event));
    this.hooks.sent(event);
  }

  /** Ask what the server keeps of an item; it comes as an event. */
  recall(item) {
    this.send({ type: "conversation.item.retrieve", item_id: item });
  }

  receive(event) {
    if (event.type === "response.output_audio.delta") this.play(event);
    if (event.type === "response.done") event.response.output.forEach((item) => this.finish(item.id));
    this.hooks.received(event);
  }

  play({ item_id: item, delta }) {
    if (!this.answers.has(item)) this.answers.set(item, { samples: 0, done: false, cut: false, truncated: false });
    const answer = this.answers.get(item);
    const pcm = fromBase64(delta);
    answer.samples += pcm.length;
    if (!answer.cut) this.player.push(item, pcm);
  }

  /** Fall silent at once, and tell the server what was heard. `active`: the answer to cancel, if the server has not. */
  async interrupt(active) {
    for (const answer of this.answers.values()) answer.cut ||= !answer.done; // what is still on its way is not played
    if (active) this.send({ type: "response.cancel", response_id: active, event_id: "playground_cancel" });
    this.clearing = this.player.clear().then((played) => played.forEach((answer) => this.heard(answer)));
    await this.clearing;
  }

  heard({ item, samples, ms }) {
    const answer = this.answers.get(item);
    const whole = answer.done && !answer.cut && samples === answer.samples;
    if (!whole) this.truncate(item, ms);
  }

  /** All of an answer has arrived. If it was interrupted before anything of it was heard, it is all forgotten. */
  finish(item) {
    const answer = this.answers.get(item);
    if (!answer) return;
    answer.done = true;
    if (answer.cut) this.clearing.then(() => answer.truncated || this.truncate(item, 0));
  }

  truncate(item, ms) {
    this.answers.get(item).truncated = true;
    this.send({ type: "conversation.item.truncate", item_id: item, content_index: 0, audio_end_ms: ms });
  }

  close() {
    this.socket.close(1000);
    this.end("");
  }

  end(reason) {
    if (!this.hooks) return;
    const { closed } = this.hooks;
    this.hooks = null;
    this.socket.onmessage = null;
    this.player.close();
    closed(reason);
  }
}
