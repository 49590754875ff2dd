"""PROTOCOL.md 3.6, 4.10: the words of a caller who still speaks, as soon as `delay` says."""

from __future__ import annotations

from itertools import pairwise

from msgspec.structs import replace
from tests.core.caller import CAN, FRAME_MS, Caller, show, tags

from vivavoce.core import effects as fx
from vivavoce.core.captions import FIRST_MS, PACES, SECTION_MS
from vivavoce.protocol import server as wire
from vivavoce.protocol.session import Delay
from vivavoce.protocol.transcripts import Language, TokenLogprob

CAPABLE = replace(CAN, transcription_features=("prompt", "keywords", "languages", "delay", "logprobs"))
MS = fx.SAMPLES_PER_MS
ONSET_MS = 64


def captioned(delay: Delay = "minimal", include: list[str] | None = None) -> Caller:
    return Caller(can=CAPABLE, audio={"input": {"transcription": {"delay": delay}}}, include=include)


def hear(caller: Caller, ms: float, probability: float = 0.9) -> list[fx.Transcribe]:
    """Audio in VAD frames; the looks for captions that it caused."""
    outputs: list[fx.Output] = []
    for _ in range(round(ms / FRAME_MS)):
        outputs += caller.hear_raw(probability)
    return looks(outputs)


def looks(outputs: list[fx.Output]) -> list[fx.Transcribe]:
    return [output for output in outputs if isinstance(output, fx.Transcribe) and output.captions]


def read(caller: Caller, text: str, **more: object) -> str:
    """One more reading of item_1; what it allows to tell."""
    event = replace(fx.Hypothesis(item_id="item_1", text=text, end=10**9), **more)
    outputs = caller.tell(event)
    assert all(isinstance(output, wire.TranscriptionDelta | fx.Warm) for output in outputs)
    return "".join(output.delta for output in outputs if isinstance(output, wire.TranscriptionDelta))


def agree(caller: Caller, text: str, **more: object) -> str:
    """Two readings that are the same; what they allow to tell."""
    return read(caller, text, **more) + read(caller, text, **more)


def finish(caller: Caller, text: str) -> tuple[str, str]:
    """The last delta, and the transcript."""
    *deltas, completed = caller.tell(fx.TranscriptReady(item_id="item_1", text=text, seconds=1.0))
    assert isinstance(completed, wire.TranscriptionCompleted)
    return "".join(delta.delta for delta in deltas if isinstance(delta, wire.TranscriptionDelta)), completed.transcript


# --- when there is a look ---


def test_looks_begin_soon_after_the_turn_and_follow_each_other_by_the_delay() -> None:
    delays: tuple[Delay, ...] = ("minimal", "high")
    for delay in delays:
        caller = captioned(delay)  # nobody answers: each look is asked for again
        found = hear(caller, ONSET_MS + FIRST_MS + 3 * PACES[delay].every_ms)
        lengths = [len(look.pcm) // (2 * MS) for look in found]
        assert lengths[0] - ONSET_MS - FIRST_MS in range(FRAME_MS)
        between = {later - sooner for sooner, later in pairwise(lengths)}
        assert all(each - PACES[delay].every_ms in range(FRAME_MS) for each in between)
        assert {(look.item_id, look.voice_end, look.tentative, look.start) for look in found} == {
            ("item_1", None, True, 0)
        }


def test_without_a_delay_there_are_no_looks_for_captions() -> None:
    assert hear(Caller(can=CAPABLE, audio={"input": {"transcription": {}}}), 3200) == []
    assert hear(Caller(can=CAPABLE), 3200) == []


def test_a_pause_is_looked_at_until_enough_readings_hold_all_of_it() -> None:
    caller = captioned()
    caller.detect(type="server_vad", silence_duration_ms=2000)
    hear(caller, 640)
    assert len(hear(caller, 320, 0.0)) >= 2  # not one was heard yet
    voice_end = 640 * MS
    read(caller, "Well", end=voice_end - 1)
    assert hear(caller, 320, 0.0)
    assert read(caller, "Well then", end=voice_end) == "Well"
    assert hear(caller, 320, 0.0)
    assert read(caller, "Well then", end=voice_end) == " then"
    assert hear(caller, 320, 0.0) == []
    assert hear(caller, 320, 0.9)


def test_the_language_model_reads_ahead_what_captions_find() -> None:
    caller = captioned()
    hear(caller, 640)
    assert caller.tell(fx.Hypothesis(item_id="item_1", text="What is")) == []
    outputs = [output for _ in range(10) for output in caller.hear_raw(0.9)]
    assert all(output.captions for output in outputs if isinstance(output, fx.Transcribe))
    assert show(caller.tell(fx.Hypothesis(item_id="item_1", text="What was"))) == [
        "conversation.item.input_audio_transcription.delta item_id=item_1 content_index=0 delta=What",
        "warm context=[] guess=True",
    ]
    assert tags(caller.tell(fx.Hypothesis(item_id="item_1", text="What was"))) == [
        "conversation.item.input_audio_transcription.delta"
    ]


# --- what is told ---


def test_a_word_is_told_when_two_readings_agree() -> None:
    caller = captioned()
    hear(caller, 640)
    assert read(caller, "Tamara") == ""
    assert read(caller, "Tomorrow I") == ""
    assert read(caller, "Tomorrow I'll") == "Tomorrow"
    assert read(caller, "Tomorrow, I have") == ""
    assert read(caller, "Tomorrow, I have to be.") == ", I have"


def test_with_a_longer_delay_three_must() -> None:
    caller = captioned("high")
    hear(caller, 640)
    assert [read(caller, "It is late"), read(caller, "It is late"), read(caller, "It is light")] == ["", "", "It is"]


def test_what_was_told_stays_told() -> None:
    caller = captioned()
    hear(caller, 640)
    read(caller, "10 of clubs")
    assert read(caller, "10 of clubs") == "10 of clubs"
    read(caller, "Ten of clubs, four")
    assert read(caller, "Ten of clubs, four") == ", four"
    assert read(caller, "Ten") == ""


def test_scripts_without_spaces_are_told_by_characters() -> None:
    caller = captioned()
    hear(caller, 640)
    read(caller, "東京に行")
    assert read(caller, "東京に生") == "東京に"


def test_a_pause_is_read_from_the_beginning() -> None:
    caller = captioned()
    hear(caller, 640)
    read(caller, "I would")
    assert read(caller, "I would like", voice_end=5) == "I would"


# --- the end of the turn ---


def test_the_deltas_add_up_to_the_transcript_where_the_words_agree() -> None:
    caller = captioned()
    caller.hear(640, 0.9)
    read(caller, "what is the")
    told = read(caller, "what is the cat")
    caller.hear(224, 0.0)
    assert finish(caller, "What is the capital of France?") == (" capital of France?", "what is the capital of France?")
    assert told == "what is the"
    item = caller.item("item_1")
    assert item is not None
    assert item.content[0].transcript == "what is the capital of France?"  # type: ignore[union-attr]


def test_the_final_words_are_the_truth_where_they_differ() -> None:
    caller = captioned()
    caller.hear(640, 0.9)
    read(caller, "I want to by")
    assert read(caller, "I want to by a") == "I want to by"
    caller.hear(224, 0.0)
    assert finish(caller, "I want to buy a car.") == (" a car.", "I want to buy a car.")


def test_words_that_nobody_said_after_all() -> None:
    for final, rest in (("", ""), ("...", "..."), ("Yes.", " Yes.")):
        caller = captioned()
        caller.hear(640, 0.9)
        agree(caller, "Um")
        caller.hear(224, 0.0)
        assert finish(caller, final) in ((rest, final), ("." if final == "Yes." else rest, final))


def test_a_turn_that_was_over_before_any_look_is_told_at_once() -> None:
    caller = captioned()
    caller.speak_turn(voice_ms=96)
    assert finish(caller, "Yes.") == ("Yes.", "Yes.")


def test_captions_that_are_switched_off_end_there() -> None:
    caller = captioned()
    caller.hear(640, 0.9)
    read(caller, "Well now")
    caller.update(audio={"input": {"transcription": {"delay": None}}})
    assert read(caller, "Well now") == ""
    assert hear(caller, 640) == []


def test_a_deleted_item_is_told_no_more() -> None:
    for event in (
        fx.TranscriptReady(item_id="item_1", text="Well.", seconds=1.0),
        fx.TranscriptMissing(item_id="item_1", code="engine_failed", message="Broken."),
    ):
        caller = captioned()
        caller.hear(640, 0.9)
        agree(caller, "Well")
        caller.hear(224, 0.0)
        caller.send("conversation.item.delete", item_id="item_1")
        assert caller.tell(event) == []


def test_a_reading_that_comes_after_the_commit_is_dropped() -> None:
    caller = captioned()
    caller.speak_turn()
    assert caller.tell(fx.Hypothesis(item_id="item_1", text="Well")) == []


# --- long turns ---


def test_a_section_that_has_grown_too_long_is_settled() -> None:
    caller = captioned("medium")
    *_, last = hear(caller, SECTION_MS)
    assert not last.settle
    first = next(look for look in hear(caller, 1000) if look.settle)
    assert first.start == 0
    read(caller, "one two three four five")
    assert read(caller, "one two three four five") == "one two three four five"
    # Up to the quiet place there were four words, and the third was another one.
    assert read(caller, "One two tree four.", settle=True, end=5000 * MS) == ""
    (look, *_) = hear(caller, 1000)
    assert (look.start, look.settle) == (5000 * MS, False)
    assert read(caller, "from before the section", start=0) == ""
    assert agree(caller, "Five six", start=5000 * MS) == " six"
    caller.hear(224, 0.0)
    assert finish(caller, "One two three four five six.") == (".", "one two three four five six.")


def test_what_a_settled_section_says_beyond_what_was_told_is_told() -> None:
    caller = captioned("medium")
    hear(caller, SECTION_MS + 1000)
    agree(caller, "one two")
    assert read(caller, "One two three.", settle=True, end=5000 * MS) == " three"
    assert agree(caller, "Four", start=5000 * MS) == ". Four"
    # A pause is read from the turn's beginning.
    assert agree(caller, "One two three. Four five", voice_end=9000 * MS) == " five"


def test_a_settled_section_without_words() -> None:
    caller = captioned("medium")
    hear(caller, SECTION_MS + 1000)
    agree(caller, "um")
    assert read(caller, "", settle=True, end=5000 * MS) == ""
    assert agree(caller, "東京", start=5000 * MS) == "東京"


def test_no_look_is_longer_than_ten_seconds() -> None:
    caller = captioned("xhigh")  # nobody answers
    assert max(len(look.pcm) // (2 * MS) for look in hear(caller, 30_000)) == 10_000


def test_the_language_model_does_not_read_a_long_turn_ahead() -> None:
    caller = Caller()
    outputs = [output for _ in range(30_000 // FRAME_MS) for output in caller.hear_raw(0.9)]
    longest = max(len(output.pcm) for output in outputs if isinstance(output, fx.Transcribe))
    assert longest // (2 * MS) <= 20_000


# --- turns by hand ---


def test_without_turn_detection_the_words_announce_the_item() -> None:
    caller = captioned()
    caller.detect()
    outputs = [output for _ in range(20) for output in caller.append(20)]
    (look, *_) = looks(outputs)
    assert (look.item_id, look.start) == ("item_1", 0)
    read(caller, "Hello you")
    assert read(caller, "Hello you") == "Hello you"
    committed = caller.send("input_audio_buffer.commit")[0]
    assert isinstance(committed, wire.InputAudioBufferCommitted)
    assert committed.item_id == "item_1"
    assert finish(caller, "Hello, you there.") == (" there.", "Hello you there.")


def test_what_is_cleared_is_forgotten() -> None:
    caller = captioned()
    caller.detect()
    caller.append(400)
    agree(caller, "No")
    caller.send("input_audio_buffer.clear")
    assert caller.tell(fx.Hypothesis(item_id="item_1", text="No")) == []
    caller.send("input_audio_buffer.clear")
    (look,) = looks(caller.append(400)) or looks(caller.append(400))
    assert look.item_id == "item_2"
    assert look.start == 400 * MS


def test_turn_detection_that_is_switched_on_begins_an_item_of_its_own() -> None:
    caller = captioned()
    caller.detect()
    caller.append(400)
    agree(caller, "Hello")
    caller.detect(type="server_vad")
    caller.hear(640, 0.9)
    caller.hear(224, 0.0)
    *_, completed = caller.tell(fx.TranscriptReady(item_id="item_2", text="Bye.", seconds=1.0))
    assert isinstance(completed, wire.TranscriptionCompleted)
    assert completed.transcript == "Bye."


# --- log probabilities and languages ---


def token(text: str | bytes, logprob: float = -0.5) -> TokenLogprob:
    data = text.encode() if isinstance(text, str) else text
    return TokenLogprob(token=data.decode(errors="replace"), bytes=tuple(data), logprob=logprob)


def test_log_probabilities_are_those_of_the_words_that_are_told() -> None:
    caller = captioned(include=["item.input_audio_transcription.logprobs"])
    (first, *_) = hear(caller, 640)
    assert first.logprobs
    tokens = (token(" Caf"), token(b"\xc3"), token(b"\xa9"), token(","), token(" so"))
    read(caller, "Café, so", logprobs=tokens)
    (delta,) = caller.tell(fx.Hypothesis(item_id="item_1", text="Café, no", logprobs=(*tokens[:4], token(" no"))))
    assert isinstance(delta, wire.TranscriptionDelta)
    assert (delta.delta, delta.logprobs) == ("Café", tokens[:3])
    caller.hear(224, 0.0)
    event = fx.TranscriptReady(item_id="item_1", text="Café, so", seconds=1.0, language="fr", logprobs=tokens)
    rest, completed = caller.tell(event)
    assert isinstance(rest, wire.TranscriptionDelta)
    assert (rest.delta, rest.logprobs) == (", so", tokens[3:])
    assert isinstance(completed, wire.TranscriptionCompleted)
    assert (completed.logprobs, completed.languages) == (tokens, (Language(code="fr"),))


def test_nobody_gets_log_probabilities_unasked() -> None:
    caller = captioned()
    (first, *_) = hear(caller, 640)
    assert not first.logprobs
    read(caller, "So")
    (delta,) = caller.tell(fx.Hypothesis(item_id="item_1", text="So", logprobs=(token(" So"),)))
    assert show([delta]) == [
        "conversation.item.input_audio_transcription.delta item_id=item_1 content_index=0 delta=So"
    ]
