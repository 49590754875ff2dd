// The page: what is pressed and typed goes to the conversation, what happens there is shown.

import { whyNoMicrophone } from "./audio.js";
import { Cards } from "./cards.js";
import { Conversation } from "./conversation.js";
import { FUNCTIONS } from "./functions.js";
import { Lines } from "./lines.js";
import { EventLog } from "./log.js";
import { collect, dataUri } from "./pictures.js";
import { Settings } from "./settings.js";
import { Talk } from "./talk.js";
import { Levels, Timeline } from "./timeline.js";
import { Toolbox } from "./toolbox.js";
import { Tools } from "./tools.js";
import { Used } from "./used.js";
import { Voices } from "./voices.js";

const STATES = {
  off: "Not connected",
  loading: "Loading models",
  connecting: "Connecting",
  listening: "Listening",
  waiting: "Hold to talk",
  hearing: "Hearing you",
  thinking: "Thinking",
  speaking: "Speaking",
  typing: "Connected",
  muted: "Muted",
};
const RETRY_MS = 1000;
const TICK_MS = 100;
const MOST_MESSAGES = 4;

const at = (id) => document.getElementById(id);
const now = () => performance.now();

const levels = new Levels();
const settings = new Settings(at("settings"));
const voices = new Voices(
  { select: settings.form.elements.voice, note: at("voice-note"), button: at("sample") },
  authorization,
  problem,
);
const tools = new Tools(at("tools"), FUNCTIONS, update);
const log = new EventLog(at("log"), at("log-note"), at("filter"));
const timeline = new Timeline(at("turns"), at("figures"), levels);
const talk = new Talk({
  event: happened,
  level: heard,
  sounds: (sounding) => timeline.sounds(sounding, now()),
  held: (down) => (down ? timeline.begin("spoken", now()) : timeline.spoke(now())),
  problem,
  changed: show,
});
const lines = new Lines(at("lines"), at("empty"));
const pictures = new Map(); // the ids of the items that they were sent as -> data URIs
const conversation = new Conversation(lines, {
  ask: (id) => talk.link?.recall(id),
  picture: (id) => pictures.get(id),
});
const toolbox = new Toolbox(talk, FUNCTIONS);
const cards = new Cards(lines, {
  where: (item) => item.server_label ?? (toolbox.has(item.name) ? "in this page" : "not in this page"),
  decide: (id, approve) => talk.put({ type: "mcp_approval_response", approval_request_id: id, approve }),
  now,
});
const used = new Used(at("used"), at("used-note"), async (id) => {
  const response = await fetch(`/v1/usage/${id}`, { headers: authorization() }).catch(() => null);
  return response?.ok ? response.json() : null;
});
let loading = false;

// --- what happens ---

function happened(from, event) {
  log.add(from, event, now());
  if (from === "client") return;
  timeline.handle(event, now());
  used.handle(event, now());
  // A turn that nobody answers is over when it is decided.
  const unanswered = talk.session?.audio.input.turn_detection?.create_response === false;
  if (event.type === "input_audio_buffer.committed" && unanswered) timeline.stop(now());
  for (const each of [conversation, cards, toolbox, tools.servers]) each.handle(event);
  if (event.type === "session.created") tools.began(event.session);
  if (event.type === "session.created" || event.type === "session.updated") showSession(event.session);
}

function showSession(session, refused = false) {
  settings.show(session);
  voices.show();
  tools.show(session, refused);
}

function heard(level) {
  levels.add(now(), level);
  at("level").value = Math.min(1, Math.sqrt(level) * 1.6); // what is twice as loud to the ear is twice as long
}

/** `inForm`: the server refused the settings, so the form goes back to those in force. */
function problem(name, text, inForm = false) {
  const box = document.createElement("div");
  box.className = "message";
  box.innerHTML = '<p><b></b> <span></span></p><button type="button" aria-label="Dismiss">Dismiss</button>';
  box.querySelector("b").textContent = name;
  box.querySelector("span").textContent = text;
  box.querySelector("button").addEventListener("click", () => box.remove());
  [...at("messages").children].find((each) => each.textContent === box.textContent)?.remove();
  at("messages").append(box);
  while (at("messages").children.length > MOST_MESSAGES) at("messages").firstElementChild.remove();
  if (inForm) showSession(talk.session, true);
}

// --- what is shown ---

function show() {
  const { state, connected, microphone, manual } = talk;
  const shown = state === "off" && loading ? "loading" : state;
  at("state").dataset.state = shown;
  if (at("state").textContent !== STATES[shown]) at("state").textContent = STATES[shown];
  at("call").textContent = state === "off" ? "Start talking" : "Hang up";
  at("call").classList.toggle("danger", state !== "off");
  at("call").disabled = settings.offer === null;
  at("mute").disabled = !connected;
  at("mute").textContent = connected && !microphone ? "Use microphone" : talk.muted ? "Unmute" : "Mute";
  at("mute").setAttribute("aria-pressed", String(talk.muted));
  at("interrupt").disabled = !(talk.active || talk.sounding);
  at("picture").disabled = !settings.offer?.images;
  at("hold").hidden = !(manual && microphone);
  at("hold").setAttribute("aria-pressed", String(talk.heldAt !== null));
  settings.form.elements.connection.disabled = state !== "off";
  voices.allow(state === "off");
  toolbox.settle();
  if (state !== "off") return;
  toolbox.clear();
  cards.stop();
  tools.ended();
  at("level").value = 0;
  timeline.stop(now());
  used.stop(now());
}

setInterval(() => [timeline, used].forEach((each) => each.tick(now())), TICK_MS);

// --- what the user does ---

async function connect() {
  at("messages").replaceChildren();
  for (const each of [lines, conversation, cards, pictures, timeline, used]) each.clear();
  const session = wanted();
  const [connection, key] = [settings.value("connection"), settings.value("key")];
  try {
    await talk.connect({ connection, key, model: settings.offer.model, session });
    return true;
  } catch (error) {
    if (error.message !== "closed") problem(error.name, error.message); // else it has been told
    return false;
  }
}

function wanted() {
  return { ...settings.patch(), ...tools.patch() };
}

function update() {
  if (talk.connected) talk.update(wanted());
}

async function useMicrophone() {
  try {
    await talk.useMicrophone();
    if (talk.manual) at("hold").focus();
  } catch (error) {
    problem("No microphone", whyNoMicrophone(error));
  }
}

/** A picture is put into the conversation at once; what is said or typed next is about it. */
async function showPictures(files) {
  if (!settings.offer || talk.state === "connecting") return;
  if (!settings.offer.images) return problem("No pictures", "This server cannot make out what is on a picture.");
  if (!talk.connected && !(await connect())) return;
  for (const file of files) {
    try {
      const picture = await dataUri(file, talk.room);
      const id = `playground_picture_${pictures.size + 1}`;
      pictures.set(id, picture);
      talk.show(picture, id);
    } catch (error) {
      problem("Picture not sent", error.message);
    }
  }
}

function interrupt() {
  if (talk.connected) talk.interrupt();
}

at("call").addEventListener("click", async () => {
  if (talk.state !== "off") {
    talk.hangUp();
  } else if (await connect()) await useMicrophone();
});
at("mute").addEventListener("click", () => (talk.microphone ? talk.mute(!talk.muted) : useMicrophone()));
at("interrupt").addEventListener("click", interrupt);
at("composer").addEventListener("submit", async (event) => {
  event.preventDefault();
  const text = at("text").value.trim();
  if (!text || !settings.offer || talk.state === "connecting") return;
  if (!talk.connected && !(await connect())) return;
  at("text").value = "";
  timeline.begin("typed", now());
  timeline.spoke(now());
  talk.say(text);
});
collect({ area: document.body, button: at("picture"), input: at("files") }, showPictures);

const hold = at("hold");
hold.addEventListener("pointerdown", (event) => {
  hold.setPointerCapture(event.pointerId);
  talk.hold();
});
for (const type of ["pointerup", "pointercancel", "lostpointercapture"]) hold.addEventListener(type, () => talk.release());
window.addEventListener("blur", () => talk.release());

const TAKES_LETTERS = "input, select, textarea";
const TAKES_SPACE = `${TAKES_LETTERS}, summary, button:not(#hold)`;
document.addEventListener("keydown", (event) => {
  if (event.key === "Escape") return interrupt();
  if (event.target.matches(TAKES_LETTERS) || event.ctrlKey || event.metaKey || event.altKey) return;
  if (event.key === " " && talk.manual && !event.target.matches(TAKES_SPACE)) {
    event.preventDefault();
    if (!event.repeat) talk.hold();
  }
  if (event.key.toLowerCase() === "m" && talk.microphone && !event.repeat) talk.mute(!talk.muted);
});
document.addEventListener("keyup", (event) => {
  if (event.key !== " " || talk.heldAt === null) return;
  event.preventDefault();
  talk.release();
});

settings.form.addEventListener("change", ({ target }) => {
  if (target.name === "key") load();
  else if (target.name !== "connection") update();
});
at("copy").addEventListener("click", async () => {
  try {
    await navigator.clipboard.writeText(log.json());
    at("log-note").textContent = "Copied.";
  } catch (error) {
    problem("Not copied", error.message);
  }
});
at("clear").addEventListener("click", () => log.clear());

// --- what the server offers ---

function authorization() {
  const key = settings.value("key");
  return key ? { Authorization: `Bearer ${key}` } : {};
}

async function load() {
  let offer;
  try {
    const response = await fetch("/playground/settings.json", { headers: authorization() });
    offer = await response.json();
    if (offer.status === "ok") await voices.load();
  } catch {
    return problem("No answer", "The server cannot be reached. Reload the page when it runs.");
  }
  if (offer.error) return problem(offer.error.code, offer.error.message);
  at("version").textContent = offer.version;
  loading = offer.status === "starting";
  if (loading) setTimeout(load, RETRY_MS);
  if (offer.status === "key_required") at("key-field").hidden = false;
  if (offer.status === "ok") {
    settings.offered(offer);
    tools.offered(offer);
    used.offered(offer.currency);
  }
  show();
}

at("key-field").hidden = true;
if (window.matchMedia("(max-width: 60rem)").matches) at("settings-box").open = false;
show();
load();
