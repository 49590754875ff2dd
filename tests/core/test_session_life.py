"""Frames that are no events, the session's end, and telephones."""

from __future__ import annotations

from tests.core.caller import Caller, error, show, started, tags

from vivavoce.core import effects as fx
from vivavoce.protocol import server as wire
from vivavoce.protocol.session import AudioPcma, AudioPcmu


def test_a_bad_frame_is_answered_and_the_session_goes_on() -> None:
    caller = Caller()
    bad = fx.BadFrame(code="invalid_json", message="Invalid event: failed to parse JSON value.", event_id="mine")
    assert error(caller.tell(bad)) == wire.ErrorBody(
        type="invalid_request_error",
        code="invalid_json",
        message="Invalid event: failed to parse JSON value.",
        param=None,
        event_id="mine",
    )
    assert tags(caller.update()) == ["session.updated"]


def test_every_event_has_an_id_of_its_own() -> None:
    caller = Caller()
    outputs = [*caller.started, *caller.speak_turn(), *caller.answer()]
    ids = [output.event_id for output in outputs if isinstance(output, wire.ServerEvent)]
    assert ids == [f"event_{number}" for number in range(1, len(ids) + 1)]


def test_whoever_joins_is_shown_the_session_as_it_is() -> None:
    caller = Caller()
    caller.update(instructions="Be quick.")
    (created,) = caller.tell(fx.Joined())
    assert isinstance(created, wire.SessionCreated)
    assert created.session == caller.session.settings
    assert created.event_id == "event_3"
    assert tags(caller.update()) == ["session.updated"]


def test_a_session_without_an_end_wants_no_tick() -> None:
    caller = Caller()
    assert caller.session.deadline() is None
    assert caller.tell(fx.Tick()) == []


def test_a_session_expires_with_an_error_and_a_close() -> None:
    caller = Caller(expires_in=3600.0)
    assert caller.session.deadline() == 100.0 + 3600.0
    caller.now += 3599.9
    assert caller.tell(fx.Tick()) == []
    caller.now += 0.1
    expired, close = caller.tell(fx.Tick())
    assert isinstance(expired, wire.ErrorEvent)
    assert expired.error.code == "session_expired"
    assert expired.error.message == "Your session hit the maximum duration of 60 minutes."
    assert close == fx.Close(code=1000, reason="session_expired")
    assert caller.session.deadline() is None


def test_a_telephone_is_told_to_the_recogniser_and_its_answer_is_in_its_own_format() -> None:
    caller = Caller(audio={"input": {"format": {"type": "audio/pcmu"}}, "output": {"format": {"type": "audio/pcma"}}})
    outputs = caller.speak_turn()
    assert [output.telephone for output in outputs if isinstance(output, fx.Transcribe)] == [True, True]
    assert started(outputs).format == AudioPcma()


def test_telephone_audio_counts_by_its_time() -> None:
    caller = Caller(audio={"output": {"format": {"type": "audio/pcmu"}}})
    (created, start) = caller.send("response.create")
    assert isinstance(created, wire.ResponseCreated)
    assert created.response.audio.output.format == AudioPcmu()
    assert isinstance(start, fx.StartResponse)
    caller.tell(fx.AnswerAudio(response_id="resp_1", data=bytes(800), samples=2400))
    (finished,) = (o for o in caller.finish() if isinstance(o, wire.ResponseDone))
    assert finished.response.usage is not None
    assert finished.response.usage.output_token_details.audio_tokens == 2


def test_a_click_of_a_voice_shows_no_more_than_it_must() -> None:
    assert show(Caller().hear(320, 0.1)) == []
