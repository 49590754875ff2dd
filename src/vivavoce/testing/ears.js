// What a page says and hears, sample by sample on one clock: its microphone on the left, what its peer sends on the
// right. It runs before the page's own scripts, which notice nothing. `ears.take()` gives what came since the last
// time: base64 of little-endian PCM16, two channels, 48 kHz. `ears.quiet()` is for how many ms nothing was heard.
//
// A microphone's sound has already been on its way for some time when a page gets it, so it shows what was said, but
// not when. `ears.voice(wav)` is a track that speaks a file, recorded in the moment in which it leaves.

window.ears = (() => {
  const RATE = 48_000;
  const MICROPHONE = 0;
  const PEER = 1;
  const AUDIBLE = 180; // -45 dBFS
  const PROCESSOR = `
    registerProcessor("ears", class extends AudioWorkletProcessor {
      process([input]) {
        const [left, right] = input;
        const piece = new Int16Array(2 * 128);
        for (let at = 0; left && at < 128; at += 1) { // before the first track there is nothing, not even silence
          piece[2 * at] = 32767 * Math.max(-1, Math.min(1, left[at]));
          piece[2 * at + 1] = 32767 * Math.max(-1, Math.min(1, right[at]));
        }
        this.port.postMessage(piece, [piece.buffer]);
        return true;
      }
    });`;
  const kept = []; // sources, which nobody else holds
  let pieces = [];
  let quiet = 0;
  let starting = null;

  async function start() {
    const context = new AudioContext({ sampleRate: RATE, latencyHint: "interactive" });
    await context.audioWorklet.addModule(URL.createObjectURL(new Blob([PROCESSOR], { type: "text/javascript" })));
    const merger = new ChannelMergerNode(context, { numberOfInputs: 2 });
    const recorder = new AudioWorkletNode(context, "ears", { channelCount: 2, channelCountMode: "explicit" });
    recorder.port.onmessage = ({ data }) => {
      pieces.push(data);
      quiet = data.some((sample, at) => at % 2 === PEER && Math.abs(sample) > AUDIBLE) ? 0 : quiet + 128_000 / RATE;
    };
    // What leads nowhere is not run, so it leads to the loudspeaker, in silence.
    merger.connect(recorder).connect(new GainNode(context, { gain: 0 })).connect(context.destination);
    return { context, merger };
  }

  async function listen(track, channel) {
    const { context, merger } = await (starting ??= start());
    const source = new MediaStreamAudioSourceNode(context, { mediaStream: new MediaStream([track]) });
    source.connect(merger, 0, channel);
    kept.push(source);
  }

  async function voice(wav) {
    const { context, merger } = await (starting ??= start());
    const bytes = Uint8Array.from(atob(wav), (each) => each.charCodeAt(0));
    const speaker = new AudioBufferSourceNode(context, { buffer: await context.decodeAudioData(bytes.buffer) });
    const line = new MediaStreamAudioDestinationNode(context, { channelCount: 1 });
    speaker.connect(line);
    speaker.connect(merger, 0, MICROPHONE);
    speaker.start();
    return line.stream.getAudioTracks()[0];
  }

  window.RTCPeerConnection = class extends RTCPeerConnection {
    constructor(...settings) {
      super(...settings);
      this.addEventListener("track", ({ track }) => listen(track, PEER));
    }
  };
  const devices = navigator.mediaDevices; // none on pages that may not listen
  if (devices) {
    const open = devices.getUserMedia.bind(devices);
    devices.getUserMedia = async (wishes) => {
      const stream = await open(wishes);
      listen(stream.getAudioTracks()[0], MICROPHONE);
      return stream;
    };
  }

  function take() {
    const taken = new Blob(pieces);
    pieces = [];
    return new Promise((resolve) => {
      const reader = new FileReader();
      reader.onload = () => resolve(reader.result.split(",")[1] ?? "");
      reader.readAsDataURL(taken);
    });
  }

  return { take, voice, quiet: () => quiet };
})();
