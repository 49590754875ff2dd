"""PROTOCOL.md 4.3 and 4.5: a spoken question, ended by a silence, and its spoken answer."""

from __future__ import annotations

from tests.core.caller import Caller, done, said, show, tags

from vivavoce.core import effects as fx
from vivavoce.protocol import server as wire


def test_the_whole_turn_in_the_order_of_the_service() -> None:
    caller = Caller()
    assert show(caller.hear(640, 0.9)) == ["input_audio_buffer.speech_started item_id=item_1 audio_start_ms=0"]
    assert show(caller.hear(224, 0.0)) == [
        "transcribe item_id=item_1 pcm=35328B voice_end=15360 tentative=True telephone=False hint=None",
        "input_audio_buffer.speech_stopped item_id=item_1 audio_end_ms=832",
        "input_audio_buffer.committed item_id=item_1 previous_item_id=None",
        "conversation.item.added previous_item_id=None item=item_1:user:completed[input_audio:None]",
        "conversation.item.done previous_item_id=None item=item_1:user:completed[input_audio:None]",
        "transcribe item_id=item_1 pcm=39936B voice_end=15360 tentative=False telephone=False hint=None",
        "response.created response=resp_1:in_progress[]",
        "start_response response_id=resp_1 context=[item_1] format=(rate=24000)",
    ]
    assert show([*caller.began(), *caller.answer("Yes.", 500)]) == [
        "response.output_item.added response_id=resp_1 output_index=0 item=item_2:assistant:in_progress[]",
        "conversation.item.added previous_item_id=item_1 item=item_2:assistant:in_progress[]",
        "response.content_part.added at=resp_1/item_2/0/0 part=audio:''",
        "response.output_audio_transcript.delta at=resp_1/item_2/0/0 delta='Yes.'",
        "response.output_audio.delta at=resp_1/item_2/0/0 delta=24000B",
        "response.output_audio.done at=resp_1/item_2/0/0",
        "response.output_audio_transcript.done at=resp_1/item_2/0/0 transcript='Yes.'",
        "response.content_part.done at=resp_1/item_2/0/0 part=audio:'Yes.'",
        "conversation.item.done previous_item_id=item_1 item=item_2:assistant:completed[output_audio:'Yes.']",
        "response.output_item.done response_id=resp_1 output_index=0 "
        "item=item_2:assistant:completed[output_audio:'Yes.']",
        "response.done response=resp_1:completed[item_2]",
    ]


def test_the_committed_audio_reaches_from_the_padded_start_to_the_end_of_the_silence() -> None:
    caller = Caller()
    caller.hear(960, 0.0)
    (began, *_) = caller.hear(640, 0.9)
    assert isinstance(began, wire.SpeechStarted)
    assert began.audio_start_ms == 960 - 300
    caller.hear(224, 0.0)
    item = caller.item("item_1")
    assert item is not None
    (part,) = said(item).content
    # 300 ms of padding, 640 of voice, and the silence that ended the turn: 200 ms, to the nearest frame of 32.
    assert len(part.audio) == 48 * (300 + 640 + 192)  # type: ignore[union-attr, arg-type]


def test_a_click_starts_no_turn() -> None:
    caller = Caller()
    assert caller.hear(32, 0.9) == []
    assert caller.hear(32, 0.0) == []
    assert caller.hear(32, 0.9) == []


def test_a_pause_shorter_than_the_silence_belongs_to_the_turn() -> None:
    caller = Caller()
    caller.hear(320, 0.9)
    caller.hear(128, 0.0)
    assert caller.hear(320, 0.9) == []
    assert "input_audio_buffer.speech_stopped" in tags(caller.hear(224, 0.0))


def test_a_silence_counts_from_where_the_voice_ended_and_not_from_where_the_vad_noticed() -> None:
    caller = Caller(lag_ms=64)
    caller.hear(640, 0.9)  # the voice itself ended at 576 ms
    outputs = caller.hear(160, 0.0)
    assert show(outputs)[1] == "input_audio_buffer.speech_stopped item_id=item_1 audio_end_ms=768"


def test_no_voice_ends_before_it_starts_however_the_vad_lags() -> None:
    caller = Caller(lag_ms=640)
    caller.detect(type="server_vad", prefix_padding_ms=0, silence_duration_ms=0)
    caller.hear(320, 0.0)
    assert show(caller.hear(64, 0.9))[0] == "input_audio_buffer.speech_started item_id=item_1 audio_start_ms=320"
    assert show(caller.hear(32, 0.0))[0] == "input_audio_buffer.speech_stopped item_id=item_1 audio_end_ms=320"


def test_between_the_threshold_and_the_release_nothing_changes() -> None:
    caller = Caller()
    assert caller.hear(320, 0.4) == []  # not enough to start
    caller.hear(320, 0.9)
    assert caller.hear(640, 0.4) == []  # and not little enough to stop


def test_a_pause_is_left_only_by_voice_above_the_threshold() -> None:
    caller = Caller()
    caller.hear(320, 0.9)
    caller.hear(128, 0.0)
    assert "input_audio_buffer.speech_stopped" in tags(caller.hear(96, 0.4))


def test_a_pause_asks_for_a_tentative_transcript_of_what_was_said_so_far() -> None:
    caller = Caller()
    caller.hear(640, 0.9)
    (first,) = caller.hear(96, 0.0)
    caller.hear(320, 0.9)
    (second,) = caller.hear(96, 0.0)
    assert isinstance(first, fx.Transcribe)
    assert isinstance(second, fx.Transcribe)
    assert (first.item_id, first.tentative, first.voice_end) == ("item_1", True, 640 * 24)
    assert (second.item_id, second.tentative, second.voice_end) == ("item_1", True, (640 + 96 + 320) * 24)


def test_a_silence_shorter_than_a_pause_commits_without_a_tentative_transcript() -> None:
    caller = Caller()
    caller.detect(type="server_vad", silence_duration_ms=0)
    caller.hear(320, 0.9)
    outputs = caller.hear(32, 0.0)
    assert show(outputs)[0] == "input_audio_buffer.speech_stopped item_id=item_1 audio_end_ms=320"
    assert [output.tentative for output in outputs if isinstance(output, fx.Transcribe)] == [False]


def test_threshold_padding_and_silence_of_the_client_take_effect() -> None:
    caller = Caller()
    caller.detect(type="server_vad", threshold=0.8, prefix_padding_ms=100, silence_duration_ms=400)
    assert caller.hear(640, 0.7) == []
    assert show(caller.hear(320, 0.85)) == ["input_audio_buffer.speech_started item_id=item_1 audio_start_ms=540"]
    assert "input_audio_buffer.speech_stopped" not in tags(caller.hear(352, 0.0))
    assert show(caller.hear(32, 0.0))[0] == "input_audio_buffer.speech_stopped item_id=item_1 audio_end_ms=1344"


def test_the_next_turn_never_reaches_back_into_the_one_before() -> None:
    caller = Caller()
    caller.speak_turn()
    caller.answer()
    outputs = caller.hear(96, 0.9)
    # The turn before ended at 832 ms; a padding of 300 ms before 864 ms would lie in it.
    assert show(outputs) == ["input_audio_buffer.speech_started item_id=item_3 audio_start_ms=832"]


def test_a_long_silence_is_forgotten_but_for_what_a_turn_may_reach_back_to() -> None:
    caller = Caller()
    caller.detect(type="server_vad", prefix_padding_ms=20_000)
    caller.hear(32_000, 0.0)
    caller.hear(640, 0.9)
    caller.hear(224, 0.0)
    item = caller.item("item_1")
    assert item is not None
    assert len(item.content[0].audio) == 48 * (20_000 + 640 + 192)  # type: ignore[union-attr, arg-type]


def test_a_padding_beyond_what_is_kept_starts_where_the_audio_starts() -> None:
    caller = Caller()
    caller.hear(32_000, 0.0)
    caller.detect(type="server_vad", prefix_padding_ms=60_000)
    (began,) = caller.hear(64, 0.9)
    assert isinstance(began, wire.SpeechStarted)
    assert 32_000 - 11_000 <= began.audio_start_ms <= 32_000 - 10_000


def test_the_answer_costs_the_audio_heard_and_spoken() -> None:
    caller = Caller()
    caller.speak_turn()  # 832 ms: 9 tokens of 100 ms
    caller.words("Yes.")
    caller.sound(510)  # 11 tokens of 50 ms
    usage = done(caller.finish(input_tokens=30, output_tokens=2)).usage
    assert usage is not None
    assert (usage.input_token_details.audio_tokens, usage.output_token_details.audio_tokens) == (9, 11)
    assert (usage.input_tokens, usage.output_tokens, usage.total_tokens) == (39, 13, 52)


def test_without_create_response_the_turn_is_committed_and_nobody_answers() -> None:
    caller = Caller()
    caller.detect(type="server_vad", create_response=False)
    outputs = caller.speak_turn()
    assert tags(outputs)[-1] == "transcribe"
    assert not any(isinstance(output, fx.StartResponse) for output in outputs)
    assert tags(caller.send("response.create")) == ["response.created", "start_response"]


def test_a_turn_that_never_pauses_is_ended_after_five_minutes() -> None:
    caller = Caller()
    outputs = caller.hear(300_032, 0.9)
    assert tags(outputs)[:2] == ["input_audio_buffer.speech_started", "input_audio_buffer.speech_stopped"]
    assert show(outputs)[1] == "input_audio_buffer.speech_stopped item_id=item_1 audio_end_ms=300000"


def test_a_turn_of_voice_and_short_pauses_is_ended_after_five_minutes_too() -> None:
    caller = Caller()
    caller.detect(type="server_vad", silence_duration_ms=60_000)
    caller.hear(299_008, 0.9)
    outputs = caller.hear(1024, 0.0)
    assert tags(outputs)[:2] == ["transcribe", "input_audio_buffer.speech_stopped"]


def test_likelihoods_that_arrive_after_the_detection_was_switched_off_change_nothing() -> None:
    caller = Caller()
    caller.hear(32, 0.9)
    caller.detect()
    assert caller.tell(fx.SpeechLikelihood(probability=0.9, end=1536, samples=768)) == []
