// A call from a page that does nothing else. It begins silent; once it is connected, `speak` says a WAV file.

window.bench = (() => {
  const loudspeaker = new Audio();
  let sender;

  async function call() {
    const silence = new AudioContext().createMediaStreamDestination().stream;
    const peer = new RTCPeerConnection();
    ({ sender } = peer.addTransceiver(silence.getAudioTracks()[0], { direction: "sendrecv" }));
    loudspeaker.autoplay = true;
    peer.ontrack = ({ track }) => (loudspeaker.srcObject = new MediaStream([track]));
    const channel = peer.createDataChannel("oai-events");
    const opened = new Promise((resolve) => (channel.onopen = resolve));
    await peer.setLocalDescription();
    const headers = { "Content-Type": "application/sdp" };
    const body = peer.localDescription.sdp;
    const response = await fetch("/v1/realtime/calls", { method: "POST", headers, body });
    const answer = await response.text();
    if (!response.ok) throw new Error(answer);
    await peer.setRemoteDescription({ type: "answer", sdp: answer });
    await opened;
    bench.peer = peer;
  }

  async function speak(wav) {
    await sender.replaceTrack(await ears.voice(wav));
  }

  return { call, speak };
})();
