"""PROTOCOL.md 4.6 and 4.8: in a call the server plays the audio itself, and knows what was heard."""

from __future__ import annotations

import pytest
from msgspec.structs import replace
from tests.core.caller import CAN, SETTINGS, Caller, refusal, said, show, started, tags

from vivavoce.core import effects as fx
from vivavoce.core.opening import over_the_line
from vivavoce.protocol.items import OutputAudio
from vivavoce.protocol.session import PCM_24K, AudioPcmu

MS = fx.SAMPLES_PER_MS
CALL = replace(CAN, media=True)


def call(**detection: object) -> Caller:
    caller = Caller(can=CALL)
    if detection:
        caller.detect(**detection)
    return caller


def answering(caller: Caller, response: str = "resp_1") -> list[fx.Output]:
    """An answer of a second, two words, generated and not yet played."""
    outputs = [*caller.send("response.create"), *caller.words("Hello", response)]
    outputs += caller.tell(fx.AnswerTimes(response_id=response, ends=((5, 500 * MS),)))
    outputs += caller.sound(500, response)
    outputs += [*caller.words(" there.", response)]
    outputs += caller.tell(fx.AnswerTimes(response_id=response, ends=((7, 500 * MS),)))
    return [*outputs, *caller.sound(500, response)]


def words(caller: Caller, item: str = "item_1") -> str:
    kept = caller.item(item)
    assert kept is not None
    part = said(kept).content[0]
    assert isinstance(part, OutputAudio)
    return part.transcript


def test_audio_is_played_and_not_told() -> None:
    outputs = answering(call())
    assert "response.output_audio.delta" not in tags(outputs)
    plays = [output for output in outputs if isinstance(output, fx.Play)]
    assert [(play.response_id, len(play.pcm)) for play in plays] == [("resp_1", 1000 * MS)] * 2
    assert "response.output_audio_transcript.delta" in tags(outputs)


def test_the_line_is_told_that_nothing_more_comes_and_tells_when_it_was_heard() -> None:
    caller = call()
    answering(caller)
    assert show(caller.tell(fx.PlaybackStarted(response_id="resp_1"))) == [
        "output_audio_buffer.started response_id=resp_1"
    ]
    assert show(caller.finish())[0] == "play_end response_id=resp_1"
    assert show(caller.tell(fx.PlaybackStopped(response_id="resp_1"))) == [
        "output_audio_buffer.stopped response_id=resp_1"
    ]
    assert caller.tell(fx.PlaybackStopped(response_id="resp_1")) == []
    assert caller.tell(fx.PlaybackStarted(response_id="resp_1")) == []


def test_speech_silences_what_is_still_being_played_although_it_was_all_made() -> None:
    caller = call()
    answering(caller)
    caller.finish()
    outputs = caller.hear(96, 0.9)
    assert tags(outputs) == ["input_audio_buffer.speech_started", "clear_playout"]
    assert show(caller.tell(fx.PlayoutCleared(played={"resp_1": 700 * MS}))) == [
        "output_audio_buffer.cleared response_id=resp_1",
        "conversation.item.truncated item_id=item_1 content_index=0 audio_end_ms=700",
    ]
    assert words(caller) == "Hello"


def test_speech_stops_an_answer_in_the_making_and_then_the_line() -> None:
    caller = call()
    answering(caller)
    outputs = tags(caller.hear(96, 0.9))
    assert outputs[0] == "input_audio_buffer.speech_started"
    assert outputs[-1] == "clear_playout"
    assert outputs.index("cancel_response") < outputs.index("response.done")
    caller.tell(fx.PlayoutCleared(played={"resp_1": 0}))
    assert words(caller) == ""


def test_without_interruption_the_answer_is_played_on() -> None:
    caller = call(type="server_vad", interrupt_response=False)
    answering(caller)
    assert "clear_playout" not in tags(caller.hear(96, 0.9))


def test_the_client_may_ask_for_silence() -> None:
    caller = call()
    answering(caller)
    outputs = tags(caller.send("output_audio_buffer.clear"))
    assert "response.done" in outputs
    assert outputs[-1] == "clear_playout"
    assert tags(caller.tell(fx.PlayoutCleared(played={"resp_1": 500 * MS})))[0] == "output_audio_buffer.cleared"
    assert caller.send("output_audio_buffer.clear") == []


def test_a_cancelled_answer_is_played_on_until_the_client_asks_for_silence() -> None:
    caller = call()
    answering(caller)
    assert "clear_playout" not in tags(caller.send("response.cancel"))
    assert tags(caller.send("output_audio_buffer.clear")) == ["clear_playout"]


def test_an_answer_out_of_band_or_deleted_has_nothing_to_truncate() -> None:
    caller = call()
    caller.send("response.create", response={"conversation": "none"})
    caller.words("Aside.")
    caller.sound(500)
    assert tags(caller.send("output_audio_buffer.clear"))[-1] == "clear_playout"
    assert tags(caller.tell(fx.PlayoutCleared(played={}))) == ["output_audio_buffer.cleared"]


def test_a_key_of_the_telephone_is_told_to_every_client() -> None:
    assert show(call().tell(fx.KeyPressed(key="#", at=1_800_000_000))) == [
        "input_audio_buffer.dtmf_event_received event='#' received_at=1800000000"
    ]


def test_where_the_client_plays_the_audio_it_silences_itself() -> None:
    caller = Caller()
    assert refusal(caller.send("output_audio_buffer.clear")) == ("invalid_value", "type")


def test_the_idle_timeout_counts_from_what_was_heard() -> None:
    caller = call(type="server_vad", idle_timeout_ms=6000)
    answering(caller)
    caller.finish()
    assert caller.session.deadline() is None
    caller.now += 1.0
    caller.tell(fx.PlaybackStopped(response_id="resp_1"))
    assert caller.session.deadline() == caller.now + 6.0


@pytest.mark.parametrize("side", ["input", "output"])
def test_another_format_would_change_nothing_and_is_refused(side: str) -> None:
    caller = call()
    refused = caller.update(audio={side: {"format": {"type": "audio/pcmu"}}})
    assert refusal(refused) == ("unsupported_value", f"session.audio.{side}.format")
    same = {"type": "audio/pcm", "rate": 24000}
    assert tags(caller.update(audio={side: {"format": same}})) == ["session.updated"]
    override = {"audio": {"output": {"format": {"type": "audio/pcma"}}}}
    outputs = caller.send("response.create", response=override)
    assert refusal(outputs) == ("unsupported_value", "response.audio.output.format")
    assert started(caller.send("response.create")).format == PCM_24K


def test_a_secret_s_telephone_formats_are_not_those_of_the_call() -> None:
    telephone = AudioPcmu()
    audio = replace(SETTINGS.audio, input=replace(SETTINGS.audio.input, format=telephone))
    shown = over_the_line(replace(SETTINGS, audio=replace(audio, output=replace(audio.output, format=telephone))))
    assert (shown.audio.input.format, shown.audio.output.format) == (PCM_24K, PCM_24K)
