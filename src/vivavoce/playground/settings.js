// The form and the session: what is chosen becomes a patch, and what is in force is shown.

/** Fields of the form, by the names of the inputs. */
export class Settings {
  constructor(form) {
    this.form = form;
    this.offer = null;
    form.addEventListener("submit", (event) => event.preventDefault());
    form.addEventListener("input", () => this.arrange());
    this.arrange();
  }

  value(name) {
    const field = this.form.elements[name];
    return field.type === "checkbox" ? field.checked : field.value.trim();
  }

  get manual() {
    return this.value("vad") === "manual";
  }

  /** Show only what has an effect, by what is chosen beside it and by what this server can do. */
  arrange() {
    const vad = this.value("vad");
    const show = (selector, shown) => this.form.querySelectorAll(selector).forEach((each) => (each.hidden = !shown(each)));
    show("[data-vad]", (each) => each.dataset.vad.split(" ").includes(vad));
    show("[data-noise]", () => this.value("noise") !== "");
    show("[data-captions]", () => this.value("captions"));
    show("[data-feature]", (each) => this.offer?.transcription.features.includes(each.dataset.feature));
    this.form.querySelectorAll("output").forEach((output) => (output.value = this.value(output.dataset.of)));
  }

  /** What the server has (`/playground/settings.json`). */
  offered(offer) {
    this.offer = offer;
    const { speed, vad, noise } = this.form.elements;
    [speed.min, speed.max] = offer.speed;
    speed.disabled = offer.speed[0] === offer.speed[1];
    allow(vad, "semantic_vad", offer.semantic_vad);
    for (const type of ["near_field", "far_field"]) allow(noise, type, offer.noise_reduction);
    const languages = this.form.querySelector("#languages");
    languages.replaceChildren(...offer.transcription.languages.map((code) => new Option(code)));
    this.arrange();
  }

  // --- the form as a patch (PROTOCOL: session.update) ---

  patch() {
    const output = { speed: Number(this.value("speed")) };
    if (this.value("voice")) output.voice = this.value("voice");
    const input = {
      turn_detection: this.turnDetection(),
      noise_reduction: this.value("noise") ? { type: this.value("noise"), strength: Number(this.value("strength")) } : null,
      transcription: this.transcription(),
    };
    const session = { type: "realtime", audio: { input, output } };
    if (this.value("instructions")) session.instructions = this.value("instructions");
    return session;
  }

  turnDetection() {
    const type = this.value("vad");
    const both = { type, create_response: this.value("respond"), interrupt_response: this.value("interruptible") };
    if (type === "manual") return null;
    if (type === "semantic_vad") return { ...both, eagerness: this.value("eagerness") };
    const number = (name) => (this.value(name) === "" ? undefined : Number(this.value(name)));
    return {
      ...both,
      threshold: number("threshold"),
      silence_duration_ms: number("silence"),
      prefix_padding_ms: number("prefix"),
      idle_timeout_ms: number("idle") ?? null,
    };
  }

  transcription() {
    if (!this.value("captions")) return null;
    const { model, features } = this.offer.transcription;
    const wanted = { model, language: this.value("language") || null };
    if (features.includes("prompt")) wanted.prompt = this.value("prompt") || null;
    if (features.includes("delay")) wanted.delay = this.value("delay") || null;
    if (features.includes("keywords")) {
      const words = this.value("keywords").split(",").map((word) => word.trim());
      wanted.keywords = words.filter(Boolean);
    }
    return wanted;
  }

  // --- the session in the form ---

  /** What is in force, except where somebody is typing. */
  show(session) {
    const { input, output } = session.audio;
    const detection = input.turn_detection;
    this.set("voice", output.voice);
    this.set("speed", output.speed);
    this.set("vad", detection?.type ?? "manual");
    if (detection) {
      this.set("respond", detection.create_response);
      this.set("interruptible", detection.interrupt_response);
    }
    if (detection?.type === "semantic_vad") this.set("eagerness", detection.eagerness);
    if (detection?.type === "server_vad") {
      this.set("threshold", detection.threshold);
      this.set("silence", detection.silence_duration_ms);
      this.set("prefix", detection.prefix_padding_ms);
      this.set("idle", detection.idle_timeout_ms ?? "");
    }
    this.set("noise", input.noise_reduction?.type ?? "");
    if (input.noise_reduction) this.set("strength", input.noise_reduction.strength);
    this.set("captions", input.transcription !== null);
    if (input.transcription) this.set("language", input.transcription.language ?? "");
    this.arrange();
  }

  set(name, value) {
    const field = this.form.elements[name];
    if (field === document.activeElement && field.matches("input:not([type=checkbox]), textarea")) return;
    if (field.type === "checkbox") field.checked = value;
    else field.value = String(value);
  }
}

function allow(select, value, allowed) {
  const option = select.querySelector(`[value=${value}]`);
  option.disabled = !allowed;
  option.title = allowed ? "" : "Not on this server";
}
