"""What is prepared while a caller still speaks: guesses that nobody sees, and that cost nothing but work."""

from __future__ import annotations

from tests.core.caller import FRAME_MS, Caller, said, show, tags

from vivavoce.core import effects as fx
from vivavoce.core.turns import FIRST_LOOK_MS, NEXT_LOOK_MS
from vivavoce.protocol import server as wire
from vivavoce.protocol.items import InputText


def spoken_for(caller: Caller, ms: int) -> list[fx.Output]:
    """Everything that the voice of one caller causes, frame by frame."""
    outputs: list[fx.Output] = []
    samples = FRAME_MS * fx.SAMPLES_PER_MS
    for end in range(samples, ms * fx.SAMPLES_PER_MS + 1, samples):
        outputs += caller.tell(fx.AudioIn(pcm=bytes(2 * samples)))
        outputs += caller.tell(fx.SpeechLikelihood(probability=0.9, end=end, samples=samples))
    return [output for output in outputs if not isinstance(output, fx.Listen)]


def warmed(outputs: list[fx.Output]) -> fx.Context:
    (warm,) = outputs
    assert isinstance(warm, fx.Warm)
    return warm.context


def test_the_answer_is_prepared_as_soon_as_somebody_speaks() -> None:
    assert tags(spoken_for(Caller(), 320)) == ["input_audio_buffer.speech_started", "warm"]


def test_a_long_utterance_is_looked_at_early_and_now_and_then() -> None:
    outputs = spoken_for(Caller(), 64 + FIRST_LOOK_MS + 2 * NEXT_LOOK_MS + FRAME_MS)
    looks = [output for output in outputs if isinstance(output, fx.Transcribe)]
    assert [(look.item_id, look.tentative, look.voice_end) for look in looks] == [("item_1", True, None)] * 3
    lengths = [len(look.pcm) // 48 for look in looks]
    assert lengths == [64 + FIRST_LOOK_MS, 64 + FIRST_LOOK_MS + NEXT_LOOK_MS, 64 + FIRST_LOOK_MS + 2 * NEXT_LOOK_MS]


def test_the_model_reads_the_first_words_ahead() -> None:
    caller = Caller()
    caller.send(
        "conversation.item.create",
        item={"id": "before", "type": "message", "role": "system", "content": [{"type": "input_text", "text": "x"}]},
    )
    spoken_for(caller, 960)
    context = warmed(caller.tell(fx.Hypothesis(item_id="item_1", text="What is the")))
    assert [item.id for item in context.items][:-1] == ["before"]
    assert (said(context.items[-1]).role, said(context.items[-1]).content) == (
        "user",
        (InputText("What is the"),),
    )


def test_nothing_of_a_guess_reaches_the_conversation() -> None:
    caller = Caller()
    spoken_for(caller, 960)
    outputs = caller.tell(fx.Hypothesis(item_id="item_1", text="What is the"))
    assert not any(isinstance(output, wire.ServerEvent) for output in outputs)
    assert caller.item("item_1") is None


def test_a_guess_that_comes_too_late_or_says_nothing_is_forgotten() -> None:
    caller = Caller()
    spoken_for(caller, 960)
    assert caller.tell(fx.Hypothesis(item_id="item_1", text="")) == []
    assert caller.tell(fx.Hypothesis(item_id="item_9", text="Who?")) == []
    caller.detect()  # the announced item now waits for a commit
    assert caller.tell(fx.Hypothesis(item_id="item_1", text="What")) == []
    caller.send("input_audio_buffer.commit")
    assert caller.tell(fx.Hypothesis(item_id="item_1", text="What")) == []


def test_what_is_prepared_is_left_out_of_other_traces() -> None:
    assert show(Caller().hear(960, 0.9)) == ["input_audio_buffer.speech_started item_id=item_1 audio_start_ms=0"]
