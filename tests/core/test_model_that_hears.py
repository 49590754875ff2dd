"""A model that hears the caller's voice itself: words are recognised for the client's captions alone."""

from __future__ import annotations

from base64 import b64encode

from msgspec.structs import replace
from tests.core.caller import CAN, Caller, pcm, said, show

from vivavoce.core import effects as fx
from vivavoce.core.turns import FIRST_LOOK_MS
from vivavoce.protocol.items import InputAudio

HEARS = replace(CAN, hears=True)


def everything(caller: Caller, voice_ms: int = 640, silence_ms: int = 224) -> list[fx.Output]:
    """All that a turn causes."""
    steps = [0.9] * (voice_ms // 32) + [0.0] * (silence_ms // 32)
    return [output for probability in steps for output in caller.hear_raw(probability)]


def test_a_turn_is_answered_without_being_transcribed() -> None:
    outputs = everything(Caller(can=HEARS), voice_ms=2 * FIRST_LOOK_MS)
    assert not any(isinstance(output, fx.Transcribe) for output in outputs)
    (start,) = (output for output in outputs if isinstance(output, fx.StartResponse))
    (part,) = said(start.context.items[-1]).content
    assert isinstance(part, InputAudio)
    assert isinstance(part.audio, bytes)


def test_captions_come_beside_the_answer() -> None:
    caller = Caller(can=HEARS, audio={"input": {"transcription": {"model": "whisper-1"}}})
    outputs = everything(caller, voice_ms=2 * FIRST_LOOK_MS)
    assert [output.tentative for output in outputs if isinstance(output, fx.Transcribe)] == [True, False]
    assert caller.tell(fx.Hypothesis(item_id="item_1", text="What is", voice_end=1)) == []
    told = caller.tell(fx.TranscriptReady(item_id="item_1", text="What is the time?", seconds=1.0))
    assert "transcript='What is the time?'" in show(told)[-1]


def test_what_was_heard_so_far_is_prepared_in_a_pause() -> None:
    outputs = everything(Caller(can=HEARS))
    guesses = [output for output in outputs if isinstance(output, fx.Warm) and output.guess]
    (part,) = said(guesses[0].context.items[-1]).content
    assert isinstance(part, InputAudio)
    assert part.audio
    assert part.transcript is None


def test_a_recording_that_is_brought_is_not_transcribed_either() -> None:
    recording = {"type": "input_audio", "audio": b64encode(pcm(200)).decode()}
    item = {"type": "message", "role": "user", "content": [recording]}
    outputs = Caller(can=HEARS).send("conversation.item.create", item=item)
    assert not any(isinstance(output, fx.Transcribe) for output in outputs)
