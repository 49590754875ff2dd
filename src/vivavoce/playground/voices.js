// The voices: who there is to choose from, and how each of them sounds.

/**
 * The list in `select`, what is known of who is chosen there in `note`, and a `button` that plays a sample.
 * `headers()` are those of requests.
 */
export class Voices {
  constructor({ select, note, button }, headers, problem) {
    Object.assign(this, { select, note, button, headers, problem });
    this.known = new Map(); // by name, as `/v1/voices` has them
    this.playing = null; // the sample that is fetched or heard
    this.allowed = true;
    select.addEventListener("change", () => this.stop());
    button.addEventListener("click", () => (this.playing ? this.stop() : this.play()));
  }

  /** Fill the list. What was chosen stays so. */
  async load() {
    const response = await fetch("/v1/voices", { headers: this.headers() });
    const { data, error } = await response.json();
    if (error) return this.problem(error.code ?? "No voices", error.message);
    const several = new Set(data.flatMap((each) => each.languages)).size > 1;
    for (const each of data) {
      if (!this.known.has(each.id)) this.select.add(new Option(described(each, several), each.id));
      this.known.set(each.id, each);
    }
    this.show();
  }

  get chosen() {
    return this.known.get(this.select.value) ?? [...this.known.values()].find((each) => each.default);
  }

  /** `allowed`: in a conversation the microphone would hear it. */
  allow(allowed) {
    this.allowed = allowed;
    if (!allowed) this.stop();
    this.show();
  }

  show() {
    this.button.disabled = !this.allowed || !this.chosen?.sample;
    this.note.textContent = this.select.value ? this.chosen?.description ?? "" : "";
    this.button.textContent = this.playing ? "Stop" : "Play sample";
    const reason = this.chosen?.sample ? "Not during a conversation" : "This voice has no sample";
    this.button.title = this.button.disabled ? reason : `How ${this.chosen.id} sounds`;
  }

  async play() {
    const mine = (this.playing = { context: new AudioContext() });
    this.show();
    try {
      const response = await fetch(this.chosen.sample, { headers: this.headers() });
      if (!response.ok) throw new Error((await response.json()).error.message);
      const source = mine.context.createBufferSource();
      source.buffer = await mine.context.decodeAudioData(await response.arrayBuffer());
      source.connect(mine.context.destination);
      source.addEventListener("ended", () => this.playing === mine && this.stop());
      if (this.playing === mine) source.start();
    } catch (error) {
      if (this.playing !== mine) return;
      this.stop();
      this.problem("No sample", error.message);
    }
  }

  stop() {
    this.playing?.context.close();
    this.playing = null;
    this.show();
  }
}

function described({ id, description, languages }, several) {
  const about = [description, several ? languages.join(", ") : ""].filter(Boolean).join(", ");
  return about ? `${id} \u2013 ${about}` : id;
}
