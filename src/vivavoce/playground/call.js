// A session over WebRTC: audio travels on tracks, events on a data channel, and the server knows what was heard.

import { isSecret, openWebSocket } from "./wire.js";

const TAIL_MS = 150; // audio that is still in the air when a turn is committed
const LEAST_MESSAGE = 65_536; // bytes that any data channel carries
const AROUND_A_PICTURE = 1024; // bytes of an event besides its picture

export class CallLink {
  static async open(context, { key, model, session }, hooks) {
    const peer = new RTCPeerConnection();
    const link = new CallLink(context, peer, key, hooks);
    try {
      await peer.setLocalDescription();
      // The addresses of this side are not waited for: the server answers with its own, and learns these by being asked.
      const answer = await exchange(peer.localDescription.sdp, key, { ...session, model });
      link.id = answer.id;
      await peer.setRemoteDescription({ type: "answer", sdp: answer.sdp });
    } catch (error) {
      link.hooks = null; // the caller hears of it from here
      link.release();
      throw error;
    }
    return link;
  }

  constructor(context, peer, key, hooks) {
    this.peer = peer;
    this.key = key;
    this.id = null;
    this.hooks = hooks;
    this.silence = context.createMediaStreamDestination(); // what is sent while there is no microphone
    const stream = this.silence.stream;
    this.sender = peer.addTransceiver(stream.getAudioTracks()[0], { direction: "sendrecv", streams: [stream] }).sender;
    this.loudspeaker = new Audio();
    this.loudspeaker.autoplay = true;
    peer.ontrack = ({ track }) => (this.loudspeaker.srcObject = new MediaStream([track]));
    peer.onconnectionstatechange = () => peer.connectionState === "failed" && this.end("the media connection failed");
    this.channel = peer.createDataChannel("oai-events");
    this.channel.onmessage = ({ data }) => this.receive(JSON.parse(data));
    this.channel.onclose = () => this.end("the server hung up");
  }

  /** The caller's microphone, or null. */
  attach(microphone) {
    return this.sender.replaceTrack(microphone?.track ?? this.silence.stream.getAudioTracks()[0]);
  }

  get speaks() {
    return false; // the track does
  }

  /** Characters that a picture may have: one event is one message. */
  get room() {
    return (this.peer.sctp?.maxMessageSize ?? LEAST_MESSAGE) - AROUND_A_PICTURE;
  }

  /** What was said before now has been sent. */
  get tail() {
    return new Promise((resolve) => setTimeout(resolve, TAIL_MS));
  }

  send(event) {
    if (this.channel.readyState !== "open") return;
    this.channel.send(JSON.stringify(event));
    this.hooks.sent(event);
  }

  /**
   * Ask what the server keeps of an item; it comes as an event. Its audio comes with it, and of more than a few seconds
   * that is more than a data channel can carry: so a WebSocket joins the call and asks, where the key may do that.
   */
  recall(item) {
    const question = { type: "conversation.item.retrieve", item_id: item };
    if (isSecret(this.key)) return this.send(question);
    const socket = openWebSocket({ call_id: this.id }, this.key);
    socket.onmessage = ({ data }) => {
      const event = JSON.parse(data);
      if (event.type === "session.created") {
        socket.send(JSON.stringify(question));
        this.hooks?.sent(question);
      } else if (event.type === "conversation.item.retrieved" || event.type === "error") {
        this.hooks?.received(event);
        socket.close(1000);
      }
    };
  }

  receive(event) {
    if (event.type === "output_audio_buffer.started") this.hooks.sounding(true);
    this.hooks.received(event);
    if (["output_audio_buffer.stopped", "output_audio_buffer.cleared"].includes(event.type)) this.hooks?.sounding(false);
  }

  /** Fall silent at once; the server tells what was heard. `active`: the answer to cancel, if the server has not. */
  async interrupt(active, sounding) {
    if (active) this.send({ type: "response.cancel", response_id: active, event_id: "playground_cancel" });
    if (sounding) this.send({ type: "output_audio_buffer.clear" });
  }

  close() {
    this.end("");
  }

  end(reason) {
    if (!this.hooks) return;
    const { closed } = this.hooks;
    this.hooks = null;
    this.release();
    closed(reason);
  }

  release() {
    this.channel.onmessage = null;
    this.channel.onclose = null;
    this.loudspeaker.srcObject = null;
    this.peer.close();
  }
}

/** The server's answer: `{sdp, id}`. A client secret brings its own session, and opens calls without one. */
async function exchange(sdp, key, session) {
  const headers = key ? { Authorization: `Bearer ${key}` } : {};
  let body = sdp;
  if (isSecret(key)) headers["Content-Type"] = "application/sdp";
  else {
    body = new FormData();
    body.set("sdp", sdp);
    body.set("session", JSON.stringify(session));
  }
  const response = await fetch("/v1/realtime/calls", { method: "POST", headers, body });
  const text = await response.text();
  if (response.ok) return { sdp: text, id: response.headers.get("Location").split("/").at(-1) };
  throw new CallError(response.status, text);
}

/** A call that the server refused, in its own words. */
export class CallError extends Error {
  constructor(status, text) {
    let error = null;
    try {
      error = JSON.parse(text).error;
    } catch {
      // not this server's answer
    }
    super(error?.message ?? `The server answered ${status}.`);
    this.name = error?.code ?? error?.type ?? `HTTP ${status}`;
  }
}
