"""PROTOCOL.md 4.2: turns that the client ends itself, and the input buffer."""

from __future__ import annotations

from tests.core.caller import Caller, error, refusal, show, tags

from vivavoce.core import effects as fx
from vivavoce.core.input_buffer import MAX_BUFFER_MS


def manual() -> Caller:
    caller = Caller()
    caller.detect()
    return caller


def test_a_commit_makes_an_item_and_no_response() -> None:
    caller = manual()
    assert caller.append(500) == []
    assert show(caller.send("input_audio_buffer.commit")) == [
        "input_audio_buffer.committed item_id=item_1 previous_item_id=None",
        "conversation.item.added previous_item_id=None item=item_1:user:completed[input_audio:None]",
        "conversation.item.done previous_item_id=None item=item_1:user:completed[input_audio:None]",
        "transcribe item_id=item_1 pcm=24000B voice_end=12000 tentative=False telephone=False hint=None",
    ]
    assert tags(caller.send("response.create")) == ["response.created", "start_response"]


def test_a_commit_of_too_little_is_refused_and_keeps_the_audio() -> None:
    caller = manual()
    caller.append(20)
    body = error(caller.send("input_audio_buffer.commit", event_id="mine"))
    assert (body.code, body.param, body.event_id) == ("input_audio_buffer_commit_empty", None, "mine")
    assert body.message == (
        "Error committing input audio buffer: buffer too small. Expected at least 100ms of audio, "
        "but buffer only has 20.00ms of audio."
    )
    caller.append(80)
    assert tags(caller.send("input_audio_buffer.commit"))[0] == "input_audio_buffer.committed"


def test_a_commit_of_nothing_is_refused() -> None:
    assert "buffer only has 0.00ms" in error(manual().send("input_audio_buffer.commit")).message


def test_clear_forgets_the_audio() -> None:
    caller = manual()
    caller.append(500)
    assert show(caller.send("input_audio_buffer.clear")) == ["input_audio_buffer.cleared"]
    assert refusal(caller.send("input_audio_buffer.commit")) == ("input_audio_buffer_commit_empty", None)


def test_the_clock_goes_on_over_clears_and_commits() -> None:
    caller = manual()
    caller.append(320)
    caller.send("input_audio_buffer.clear")
    caller.append(320)
    caller.send("input_audio_buffer.commit")
    caller.detect(type="server_vad")
    assert show(caller.hear(96, 0.9)) == ["input_audio_buffer.speech_started item_id=item_2 audio_start_ms=640"]


def test_a_full_buffer_refuses_more_with_the_event_id_of_the_append() -> None:
    caller = manual()
    caller.append(MAX_BUFFER_MS)
    body = error(caller.tell(fx.AudioIn(pcm=bytes(48), event_id="mine")))
    assert (body.code, body.event_id) == ("input_audio_buffer_full", "mine")
    assert tags(caller.send("input_audio_buffer.commit"))[0] == "input_audio_buffer.committed"
    assert caller.append(20) == []


def test_a_commit_in_the_middle_of_speech_takes_the_announced_id_and_ends_the_turn() -> None:
    caller = Caller()
    caller.hear(960, 0.0)
    caller.hear(640, 0.9)
    outputs = caller.send("input_audio_buffer.commit")
    assert show(outputs)[0] == "input_audio_buffer.committed item_id=item_1 previous_item_id=None"
    item = caller.item("item_1")
    assert item is not None
    assert len(item.content[0].audio) == 48 * (300 + 640)  # type: ignore[union-attr, arg-type]
    assert caller.hear(320, 0.0) == []  # no speech_stopped follows


def test_a_refused_commit_in_the_middle_of_speech_disturbs_nothing() -> None:
    caller = Caller()
    caller.detect(type="server_vad", prefix_padding_ms=0)
    caller.hear(960, 0.0)
    caller.hear(64, 0.9)
    assert refusal(caller.send("input_audio_buffer.commit")) == ("input_audio_buffer_commit_empty", None)
    assert "input_audio_buffer.speech_stopped" in tags(caller.hear(224, 0.0))


def test_audio_that_no_vad_took_for_speech_can_be_committed() -> None:
    caller = Caller()
    caller.hear(320, 0.1)
    assert tags(caller.send("input_audio_buffer.commit"))[0] == "input_audio_buffer.committed"


def test_likelihoods_of_audio_that_was_cleared_start_no_turn() -> None:
    caller = Caller()
    caller.append(320)
    caller.send("input_audio_buffer.clear")
    frames = [fx.SpeechLikelihood(probability=0.9, end=768 * n, samples=768) for n in range(1, 11)]
    assert [output for frame in frames for output in caller.tell(frame)] == []


def test_a_clear_in_the_middle_of_speech_forgets_the_turn() -> None:
    caller = Caller()
    caller.hear(320, 0.9)
    caller.send("input_audio_buffer.clear")
    assert caller.hear(320, 0.0) == []
    assert show(caller.hear(96, 0.9)) == ["input_audio_buffer.speech_started item_id=item_2 audio_start_ms=340"]


def test_an_utterance_waits_for_a_manual_commit_when_the_detection_is_switched_off() -> None:
    caller = Caller()
    caller.hear(960, 0.0)
    caller.hear(640, 0.9)
    caller.detect()
    caller.append(100)
    outputs = caller.send("input_audio_buffer.commit")
    assert show(outputs)[0] == "input_audio_buffer.committed item_id=item_1 previous_item_id=None"
    item = caller.item("item_1")
    assert item is not None
    assert len(item.content[0].audio) == 48 * (300 + 640 + 100)  # type: ignore[union-attr, arg-type]


def test_positions_never_go_back_when_the_detection_is_switched_off_and_on() -> None:
    caller = Caller()
    caller.hear(960, 0.0)
    assert show(caller.hear(96, 0.9)) == ["input_audio_buffer.speech_started item_id=item_1 audio_start_ms=660"]
    caller.detect()
    caller.detect(type="server_vad", prefix_padding_ms=5000)
    assert show(caller.hear(96, 0.9)) == ["input_audio_buffer.speech_started item_id=item_2 audio_start_ms=660"]
