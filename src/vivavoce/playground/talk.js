// One conversation: a connection, maybe a microphone, and what goes on between them.

import { Microphone, openAudio } from "./audio.js";
import { CallLink } from "./call.js";
import { SocketLink } from "./socket.js";
import { isSecret } from "./wire.js";

const LINKS = { webrtc: CallLink, websocket: SocketLink };
const SETTINGS = "playground_settings"; // the event ids by which errors are told apart
const CANCEL = "playground_cancel";
const RESULT = "playground_result";
const SHORTEST_MS = 150; // what is held for less was a slip: the server takes no turn below 100 ms
const FRAME_MS = 20;

export class Talk {
  /** `hooks`: `event(from, event)`, `level(value)`, `sounds(bool)`, `held(bool)`, `problem(name, text)`, `changed()`. */
  constructor(hooks) {
    this.hooks = hooks;
    this.context = null;
    this.muted = false;
    this.reset();
  }

  reset() {
    this.link = null;
    this.microphone = null;
    this.session = null;
    this.active = null; // the id of the answer that is being made
    this.sounding = false;
    this.hearing = false;
    this.heldAt = null;
    this.connecting = false;
  }

  get connected() {
    return this.session !== null;
  }

  get manual() {
    return this.connected && this.session.audio.input.turn_detection === null;
  }

  get state() {
    if (!this.link) return this.connecting ? "connecting" : "off";
    if (!this.connected) return "connecting";
    if (this.hearing || this.heldAt !== null) return "hearing";
    if (this.sounding) return "speaking";
    if (this.active) return "thinking";
    if (!this.microphone) return "typing";
    return this.muted ? "muted" : this.manual ? "waiting" : "listening";
  }

  // --- the connection ---

  /** Until the session is there. Rejects when it is refused; what the server said of it is told as a problem. */
  async connect({ connection, key, model, session }) {
    this.connecting = true;
    this.hooks.changed();
    const ready = Promise.withResolvers();
    ready.promise.catch(() => {}); // waited for below
    this.ready = ready;
    // A call begins with its session, and a client secret brings its own; else it is set as soon as there is one.
    this.wanted = connection === "webrtc" || isSecret(key) ? null : session;
    try {
      this.context ??= await openAudio();
      this.link = await LINKS[connection].open(this.context, { key, model, session }, this.linkHooks());
      await ready.promise;
    } finally {
      this.connecting = false;
      this.hooks.changed();
    }
  }

  linkHooks() {
    return {
      sent: (event) => this.hooks.event("client", event),
      received: (event) => this.receive(event),
      sounding: (sounding) => this.sounds(sounding),
      closed: (reason) => this.closed(reason),
    };
  }

  closed(reason) {
    if (reason) this.hooks.problem("Connection closed", reason);
    this.ready.reject(new Error("closed"));
    this.microphone?.close();
    this.sounds(false);
    this.reset();
    this.hooks.changed();
  }

  hangUp() {
    this.link?.close();
  }

  // --- the microphone ---

  /** Raises what the browser raises when there is none. */
  async useMicrophone() {
    const microphone = await Microphone.open(this.context, (pcm, level) => this.frame(pcm, level));
    if (!this.link) return microphone.close(); // hung up while the browser asked
    this.microphone = microphone;
    this.gate();
    await this.link.attach(microphone);
    this.hooks.changed();
  }

  frame(pcm, level) {
    this.hooks.level(level);
    if (this.connected && this.link.speaks && (!this.manual || this.heldAt !== null)) this.link.speak(pcm);
  }

  gate() {
    if (this.microphone) this.microphone.open = !this.muted && (!this.manual || this.heldAt !== null);
  }

  mute(muted) {
    this.muted = muted;
    this.gate();
    this.hooks.changed();
  }

  // --- what the caller does ---

  async say(text) {
    await this.interrupt(); // the next answer must know what of this one was heard
    this.put({ type: "message", role: "user", content: [{ type: "input_text", text }] });
    this.link?.send({ type: "response.create" });
  }

  /** Show a picture, a data URI of at most `room` characters; it is asked about by what is said next. */
  show(picture, id) {
    this.put({ id, type: "message", role: "user", content: [{ type: "input_image", image_url: picture }] });
  }

  get room() {
    return this.link?.room ?? 0;
  }

  put(item) {
    this.link?.send({ type: "conversation.item.create", item });
  }

  /** Have something answered that came meanwhile: the result of a call. */
  respond() {
    this.link?.send({ type: "response.create", event_id: RESULT });
  }

  /** The button for manual turns goes down. */
  hold() {
    if (!this.manual || this.heldAt !== null) return;
    if (!this.microphone) return this.hooks.problem("No microphone", "There is none to talk into. Turn it on first.");
    this.interrupt();
    this.link.send({ type: "input_audio_buffer.clear" });
    this.heldAt = performance.now();
    this.gate();
    this.hooks.held(true);
    this.hooks.changed();
  }

  async release() {
    if (this.heldAt === null || this.releasing) return;
    const long = performance.now() - this.heldAt >= SHORTEST_MS;
    this.hooks.held(false);
    this.releasing = true;
    // The last frame is still being filled, and on a track it is still on its way.
    await (this.link.tail ?? new Promise((resolve) => setTimeout(resolve, FRAME_MS)));
    this.releasing = false;
    this.heldAt = null;
    if (!this.link) return;
    this.gate();
    this.link.send({ type: long ? "input_audio_buffer.commit" : "input_audio_buffer.clear" });
    if (long) this.link.send({ type: "response.create" });
    this.hooks.changed();
  }

  async interrupt() {
    if (this.active || this.sounding) await this.link.interrupt(this.active, this.sounding);
  }

  update(session) {
    if (this.connected) this.link.send({ type: "session.update", event_id: SETTINGS, session });
  }

  // --- what the server tells ---

  receive(event) {
    this.hooks.event("server", event);
    this.note(event);
    this.hooks.changed();
  }

  note(event) {
    switch (event.type) {
      case "session.created":
        this.session = event.session;
        if (this.wanted) this.update(this.wanted);
        this.ready.resolve();
        break;
      case "session.updated":
        this.session = event.session;
        this.gate();
        break;
      case "input_audio_buffer.speech_started":
        this.hearing = true;
        // Over WebRTC the server has done it: there is nothing here that still sounds.
        if (this.session.audio.input.turn_detection?.interrupt_response) this.link.interrupt(null, false);
        break;
      case "input_audio_buffer.speech_stopped":
        this.hearing = false;
        break;
      case "response.created":
        this.active = event.response.id;
        break;
      case "response.done":
        if (this.active === event.response.id) this.active = null;
        this.ended(event.response);
        break;
      case "error":
        this.failed(event.error);
    }
  }

  ended({ status, status_details: details }) {
    if (status === "failed") this.hooks.problem(details.error?.code ?? "failed", details.error?.message ?? "");
    if (status === "incomplete") this.hooks.problem("incomplete", `The answer was cut short: ${details.reason}.`);
  }

  failed({ code, type, message, param, event_id: id }) {
    // The answer was over before the request to cancel it arrived.
    if (id === CANCEL && code === "response_cancel_not_active") return;
    // Another answer began first, and it knows the result.
    if (id === RESULT && code === "conversation_already_has_active_response") return;
    const where = param && !message.includes(param) ? ` (${param})` : "";
    this.hooks.problem(code ?? type, message + where, id === SETTINGS);
  }

  sounds(sounding) {
    if (this.sounding === sounding) return;
    this.sounding = sounding;
    this.hooks.sounds(sounding);
    this.hooks.changed();
  }
}
