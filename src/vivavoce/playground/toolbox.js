// Runs the functions of this page that a model calls, and has the model speak of what they return.

/** A call never blocks the conversation: its result is told when it is there, and answered when nobody speaks. */
export class Toolbox {
  constructor(talk, functions) {
    this.talk = talk;
    this.functions = new Map(functions.map((each) => [each.definition.name, each]));
    this.clear();
  }

  clear() {
    this.life?.abort();
    this.life = new AbortController();
    this.mine = new Set(); // the calls that this page has answered
    this.owed = false; // the server has a result that no answer knows of
    this.asked = false; // an answer was asked for, and has not begun
    this.coming = false; // the turn that has just ended brings an answer
  }

  has(name) {
    return this.functions.has(name);
  }

  handle(event) {
    switch (event.type) {
      case "response.output_item.done":
        if (event.item.type === "function_call" && event.item.status === "completed") this.run(event.item);
        break;
      case "conversation.item.added":
        if (event.item.type === "function_call_output" && this.mine.delete(event.item.call_id)) this.owed = true;
        break;
      case "input_audio_buffer.speech_stopped":
        this.coming = this.talk.session.audio.input.turn_detection?.create_response ?? false;
        break;
      case "error": // it was told by whoever shows problems; asking again would not help
        if (this.asked) this.owed = false;
        this.asked = this.coming = false;
        break;
      case "response.created":
        this.owed = this.asked = this.coming = false;
    }
  }

  /** Ask for an answer about what is owed, as soon as no answer is being made and nobody speaks. */
  settle() {
    const { active, hearing, heldAt } = this.talk;
    if (!this.owed || this.asked || this.coming || active || hearing || heldAt !== null) return;
    this.asked = true;
    this.talk.respond();
  }

  /** A function that is not this page's is left to whoever else has joined the session. */
  async run({ name, call_id, arguments: text }) {
    const wanted = this.functions.get(name);
    if (!wanted) return;
    const { signal } = this.life;
    let output;
    try {
      output = await wanted.run(JSON.parse(text), signal);
    } catch (error) {
      output = { error: error.message };
    }
    if (signal.aborted) return;
    this.mine.add(call_id);
    this.talk.put({ type: "function_call_output", call_id, output: JSON.stringify(output) });
  }
}
