// The page's microphone and loudspeaker. All samples are 24 kHz, 16 bit, mono: the wire's own format.

export const RATE = 24000;

export async function openAudio() {
  const context = new AudioContext({ sampleRate: RATE, latencyHint: "interactive" });
  await context.audioWorklet.addModule("/playground/worklet.js");
  await context.resume();
  return context;
}

/** Why there is no microphone, as a sentence for people. */
export function whyNoMicrophone(error) {
  const still = "You can still type.";
  switch (error.name) {
    case "NotAllowedError":
      return `The microphone was refused. Allow it for this page in the browser's address bar, then try again. ${still}`;
    case "NotFoundError":
      return `No microphone was found. Connect one, then try again. ${still}`;
    case "NotReadableError":
      return `The microphone is in use by another program, or the system refuses it. ${still}`;
    case "InsecureContext":
      return `Browsers give the microphone only to https:// pages and to this machine's own (127.0.0.1). ${still}`;
    case "NotSupportedError":
      return `This browser cannot record at 24 kHz. Choose the connection WebRTC. ${still}`;
    default:
      return `The microphone does not work (${error.name}: ${error.message}). ${still}`;
  }
}

/** The caller's microphone. `onFrame(pcm, level)` gets 20 ms at a time; level is the root mean square, 0 to 1. */
export class Microphone {
  static async open(context, onFrame) {
    if (!navigator.mediaDevices) throw new DOMException("no secure context", "InsecureContext");
    const wanted = { echoCancellation: true, noiseSuppression: true, autoGainControl: true, channelCount: 1 };
    const stream = await navigator.mediaDevices.getUserMedia({ audio: wanted });
    try {
      return new Microphone(context, stream, onFrame);
    } catch (error) {
      stream.getTracks().forEach((track) => track.stop());
      throw error;
    }
  }

  constructor(context, stream, onFrame) {
    this.stream = stream;
    this.source = context.createMediaStreamSource(stream);
    const options = { numberOfOutputs: 0, channelCount: 1, channelCountMode: "explicit" };
    this.node = new AudioWorkletNode(context, "capture", options);
    this.node.port.onmessage = ({ data }) => onFrame(data.pcm, data.level);
    this.source.connect(this.node);
  }

  get track() {
    return this.stream.getAudioTracks()[0];
  }

  /** A closed microphone goes on and gives silence, so that the server's clocks go on too. */
  set open(open) {
    this.track.enabled = open;
  }

  close() {
    this.node.port.onmessage = null;
    this.source.disconnect();
    this.stream.getTracks().forEach((track) => track.stop());
  }
}

/** Plays what is pushed, in order, and knows how much of each item has left the loudspeaker. */
export class Player {
  constructor(context, onSounding) {
    this.context = context;
    this.waiting = new Map();
    this.node = new AudioWorkletNode(context, "playback", { numberOfInputs: 0, outputChannelCount: [1] });
    this.node.port.onmessage = ({ data }) => {
      if (data.cleared) this.waiting.get(data.cleared)?.(data.played);
      else onSounding(data.sounding);
    };
    this.node.connect(context.destination);
  }

  push(item, pcm) {
    this.node.port.postMessage({ item, pcm }, [pcm.buffer]);
  }

  /** Fall silent. Gives what has played since the last time: `[{item, samples, ms}]`, ms being what was heard. */
  async clear() {
    const token = crypto.getRandomValues(new Uint32Array(1))[0] + 1;
    const played = await new Promise((resolve) => {
      this.waiting.set(token, resolve);
      this.node.port.postMessage({ clear: token });
    });
    this.waiting.delete(token);
    // What the audio thread has given away is not in the air yet.
    const late = (this.context.outputLatency || this.context.baseLatency || 0) * 1000;
    return played.map(({ item, samples }) => ({ item, samples, ms: Math.max(0, Math.floor((samples * 1000) / RATE - late)) }));
  }

  close() {
    this.node.port.onmessage = null;
    this.node.disconnect();
  }
}

const CHUNK = 8192; // arguments that a call may safely have

export function toBase64(pcm) {
  const bytes = new Uint8Array(pcm.buffer, pcm.byteOffset, pcm.byteLength);
  let text = "";
  for (let at = 0; at < bytes.length; at += CHUNK) text += String.fromCharCode(...bytes.subarray(at, at + CHUNK));
  return btoa(text);
}

export function fromBase64(text) {
  const binary = atob(text);
  const bytes = new Uint8Array(binary.length);
  for (let at = 0; at < binary.length; at += 1) bytes[at] = binary.charCodeAt(at);
  return new Int16Array(bytes.buffer);
}
