"""PROTOCOL.md 4.3: when the caller says nothing after an answer, the silence becomes an item and gets an answer."""

from __future__ import annotations

from msgspec.structs import replace
from tests.core.caller import CAN, Caller, pcm, said, show, started, tags

from vivavoce.core import effects as fx
from vivavoce.protocol import server as wire
from vivavoce.protocol.items import InputText


def idle(timeout: int = 6000, **detection: object) -> Caller:
    caller = Caller()
    caller.detect(type="server_vad", idle_timeout_ms=timeout, **detection)
    return caller


def answered(caller: Caller, seconds: float = 2.0, response: str = "resp_1") -> None:
    """A spoken question and an answer of so many seconds, made at once."""
    caller.speak_turn()
    caller.answer(ms=round(seconds * 1000), response=response)


def test_it_counts_from_the_end_of_playback() -> None:
    caller = idle()
    assert caller.session.deadline() is None
    answered(caller, seconds=2.0)
    assert caller.session.deadline() == caller.now + 2.0 + 6.0
    caller.now += 7.9
    assert caller.tell(fx.Tick()) == []


def test_the_silence_is_committed_and_answered() -> None:
    caller = idle()
    answered(caller)
    caller.hear(7000, 0.0)
    caller.now += 8.0
    outputs = caller.tell(fx.Tick())
    assert tags(outputs) == [
        "input_audio_buffer.timeout_triggered",
        "input_audio_buffer.committed",
        "conversation.item.added",
        "conversation.item.done",
        "transcribe",
        "response.created",
        "start_response",
    ]
    triggered = outputs[0]
    assert isinstance(triggered, wire.TimeoutTriggered)
    assert triggered.audio_end_ms - triggered.audio_start_ms == 6000
    item = caller.item(triggered.item_id)
    assert item is not None
    assert len(item.content[0].audio) == len(pcm(6000))  # type: ignore[union-attr,arg-type]


def test_the_model_is_told_what_the_silence_means_and_the_conversation_is_not() -> None:
    caller = idle()
    answered(caller)
    caller.now += 8.0
    context = started(caller.tell(fx.Tick())).context
    note = context.items[-1]
    assert said(note).role == "system"
    (part,) = said(note).content
    assert isinstance(part, InputText)
    assert "said nothing for 6 seconds" in part.text
    caller.finish("resp_2")
    assert note not in started(caller.send("response.create")).context.items


def test_a_client_that_sends_no_audio_is_asked_too() -> None:
    caller = idle()
    caller.send("response.create")
    caller.answer(ms=1000)
    caller.now += 7.0
    assert show(caller.tell(fx.Tick()))[:2] == [
        "input_audio_buffer.timeout_triggered item_id=item_2 audio_start_ms=0 audio_end_ms=0",
        "input_audio_buffer.committed item_id=item_2 previous_item_id=item_1",
    ]


def test_after_its_answer_it_counts_again() -> None:
    caller = idle()
    answered(caller)
    caller.now += 8.0
    caller.tell(fx.Tick())
    assert caller.session.deadline() is None
    caller.answer(ms=1000, response="resp_2")
    assert caller.session.deadline() == caller.now + 1.0 + 6.0


def test_speech_ends_the_wait() -> None:
    caller = idle()
    answered(caller)
    caller.hear(96, 0.9)
    assert caller.session.deadline() is None


def test_an_answer_that_was_cut_off_by_speech_starts_no_wait() -> None:
    caller = idle()
    caller.speak_turn()
    caller.words("Well.")
    caller.sound(3000)
    outputs = caller.hear(96, 0.9)
    assert "response.done" in tags(outputs)
    assert caller.session.deadline() is None


def test_an_answer_that_the_client_cancelled_is_not_played_on() -> None:
    caller = idle()
    caller.speak_turn()
    caller.words("Well.")
    caller.sound(3000)
    caller.send("response.cancel")
    assert caller.session.deadline() == caller.now + 6.0


def test_a_truncated_answer_is_not_played_on_either() -> None:
    caller = idle()
    answered(caller, seconds=10.0)
    caller.now += 1.0
    caller.send("conversation.item.truncate", item_id="item_2", content_index=0, audio_end_ms=1000)
    assert caller.session.deadline() == caller.now + 6.0


def test_a_truncation_that_comes_late_starts_no_new_wait() -> None:
    caller = idle()
    answered(caller, seconds=1.0)
    ends = caller.now + 1.0 + 6.0
    caller.now += 3.0
    caller.send("conversation.item.truncate", item_id="item_2", content_index=0, audio_end_ms=100)
    assert caller.session.deadline() == ends


def test_an_out_of_band_response_starts_no_wait() -> None:
    caller = idle()
    caller.send("response.create", response={"conversation": "none"})
    caller.answer()
    assert caller.session.deadline() is None


def test_without_automatic_answers_the_silence_is_only_told() -> None:
    caller = idle(create_response=False)
    caller.send("response.create")
    caller.answer(ms=0)
    caller.now += 6.0
    assert tags(caller.tell(fx.Tick()))[-1] == "conversation.item.done"


def test_switching_it_off_ends_the_wait_and_the_sooner_of_two_deadlines_counts() -> None:
    caller = Caller(expires_in=60.0)
    caller.detect(type="server_vad", idle_timeout_ms=5000)
    caller.send("response.create")
    caller.answer(ms=0)
    assert caller.session.deadline() == caller.now + 5.0
    caller.detect(type="server_vad", idle_timeout_ms=None)
    assert caller.session.deadline() == caller.now + 60.0


def test_the_line_of_a_call_falls_silent_in_the_middle_of_an_answer_and_starts_no_wait() -> None:
    caller = Caller(can=replace(CAN, media=True))
    caller.detect(type="server_vad", idle_timeout_ms=6000)
    caller.send("response.create")
    caller.words("Well.")
    caller.sound(500)
    caller.tell(fx.PlaybackStopped(response_id="resp_1"))
    assert caller.session.deadline() is None
    caller.finish()
    assert caller.session.deadline() == caller.now + 6.0
