// The audio thread, at 24 kHz mono: a microphone that hands out frames, and a player that knows what it has played.

const FRAME = 480; // 20 ms
const FADE = 120; // 5 ms: an interruption must not click

class Capture extends AudioWorkletProcessor {
  constructor() {
    super();
    this.frame = new Int16Array(FRAME);
    this.filled = 0;
    this.power = 0;
  }

  process([input]) {
    const samples = input[0];
    for (let index = 0; samples && index < samples.length; index += 1) {
      const sample = Math.max(-1, Math.min(1, samples[index]));
      this.power += sample * sample;
      this.frame[this.filled] = Math.round(sample * 32767);
      this.filled += 1;
      if (this.filled === FRAME) this.emit();
    }
    return true;
  }

  emit() {
    this.port.postMessage({ pcm: this.frame, level: Math.sqrt(this.power / FRAME) }, [this.frame.buffer]);
    this.frame = new Int16Array(FRAME);
    this.filled = 0;
    this.power = 0;
  }
}

class Playback extends AudioWorkletProcessor {
  constructor() {
    super();
    this.queue = []; // pieces in order: {item, pcm}
    this.offset = 0; // into the first piece
    this.played = new Map(); // item -> samples, since the last cut
    this.sounding = false;
    this.fade = null; // what is left of a cut sound
    this.port.onmessage = ({ data }) => (data.clear ? this.clear(data.clear) : this.queue.push(data));
  }

  clear(token) {
    const items = new Set([...this.played.keys(), ...this.queue.map((piece) => piece.item)]);
    const played = [...items].map((item) => ({ item, samples: this.played.get(item) ?? 0 }));
    const rest = this.queue[0]?.pcm.subarray(this.offset, this.offset + FADE);
    this.fade = rest && { pcm: rest, at: 0 };
    this.queue = [];
    this.offset = 0;
    this.played.clear();
    this.port.postMessage({ cleared: token, played });
    this.tell(false);
  }

  tell(sounding) {
    if (this.sounding === sounding) return;
    this.sounding = sounding;
    this.port.postMessage({ sounding });
  }

  process(_, [output]) {
    const [samples] = output;
    let at = 0;
    for (; this.fade && at < samples.length; at += 1) {
      const { pcm } = this.fade;
      samples[at] = ((pcm[this.fade.at] ?? 0) / 32768) * (1 - this.fade.at / FADE);
      this.fade.at += 1;
      if (this.fade.at >= pcm.length) this.fade = null;
    }
    while (at < samples.length && this.queue.length) at = this.play(samples, at);
    this.tell(this.queue.length > 0);
    return true;
  }

  play(samples, from) {
    const { item, pcm } = this.queue[0];
    const count = Math.min(pcm.length - this.offset, samples.length - from);
    for (let index = 0; index < count; index += 1) samples[from + index] = pcm[this.offset + index] / 32768;
    this.played.set(item, (this.played.get(item) ?? 0) + count);
    this.offset += count;
    if (this.offset === pcm.length) {
      this.queue.shift();
      this.offset = 0;
    }
    return from + count;
  }
}

registerProcessor("capture", Capture);
registerProcessor("playback", Playback);
