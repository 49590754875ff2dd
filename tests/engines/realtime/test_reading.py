"""Single events, and what becomes of them."""

from __future__ import annotations

from base64 import b64encode
from dataclasses import replace
from itertools import takewhile

import msgspec
import pytest
from tests.engines.realtime.helpers import prompt, user
from tests.engines.remote_helpers import CLOCK
from tests.live import tone

from vivavoce.engines.captioned import MS_PER_LETTER
from vivavoce.engines.realtime.answer import MOST_CHARACTERS, Reading
from vivavoce.engines.realtime.events import Event, Fault, Item, Response, Usage, decode
from vivavoce.engines.realtime.link import Remote
from vivavoce.ports import Began, EngineError, Finished, ResponsePart, SpokenAudio, TextDelta, TokenUsage, Voice

REMOTE = Remote("ws://far.example:1/v1/realtime", "any", None)


def read(*events: Event) -> list[ResponsePart]:
    """The parts of a spoken answer."""
    reading = Reading(REMOTE, prompt(user("Hello."), tools=(CLOCK,)))
    return [part for event in events for part in reading.take(event)]


def audio(data: str) -> Event:
    """A piece of audio."""
    return Event("response.output_audio.delta", item_id="a", delta=data)


WORDS = Event("response.output_audio_transcript.delta", delta="Well. ")
DONE = Event("response.done", response=Response(status="completed"))
CALL = Event("response.output_item.added", item=Item("a", "function_call", "clock", "call_1"))
ENDLESS = Event("response.function_call_arguments.delta", item_id="a", delta="x" * (MOST_CHARACTERS + 1))


@pytest.mark.parametrize(
    ("events", "says"),
    [
        ([Event("response.output_text.delta", delta="Hi")], "answered in writing"),
        ([audio("not base64!")], "not base64"),
        ([CALL, ENDLESS], "more than any tool takes"),
        ([CALL, DONE], "no JSON object"),
        ([Event("response.done", response=Response(status="failed"))], "it does not say why"),
        ([Event("response.done", response_id="r")], "far.example.* ended its answer without saying how"),
        ([WORDS, DONE], "answered in words alone"),
    ],
)
def test_what_makes_no_sense_is_the_server_s_fault(events: list[Event], says: str) -> None:
    with pytest.raises(EngineError, match=says):
        read(*events)


def test_samples_that_are_cut_in_half_are_whole() -> None:
    data = tone(100).to_bytes()
    words = Event("response.output_audio_transcript.delta", delta="Well. ")
    cut = [audio(b64encode(piece).decode()) for piece in (data[:1001], data[1001:])]
    parts = read(words, *cut, DONE)
    assert b"".join(part.audio.to_bytes() for part in parts if isinstance(part, SpokenAudio)) == data


def test_the_voice_s_speed_is_that_of_its_words() -> None:
    words = Event("response.output_audio_transcript.delta", delta="This is the first sentence. And the second one.")
    data = audio(b64encode(tone(4000).to_bytes()).decode())
    first: list[float] = []
    for speed in (1.0, 1.5):
        reading = Reading(REMOTE, replace(prompt(user("Hello.")), voice=Voice("alloy", speed)))
        _, _, *rest = [part for event in (words, data) for part in reading.take(event)]
        said = takewhile(lambda part: isinstance(part, SpokenAudio), rest)
        first.append(sum(part.audio.ms for part in said if isinstance(part, SpokenAudio)))
    assert first[0] - first[1] == pytest.approx(22 * MS_PER_LETTER * (1 - 1 / 1.5), abs=100)


def test_an_answer_of_nothing_is_one() -> None:
    assert read(Event("response.output_item.added"), DONE) == [Finished()]


def test_names_of_the_beta_are_known() -> None:
    assert (
        decode('{"type": "response.audio.delta", "delta": "x", "extra": {"a": 1}}').type
        == "response.output_audio.delta"
    )


@pytest.mark.parametrize("status", ["incomplete", "completed"])
def test_an_answer_may_end_before_its_sound_for_a_reason(status: str) -> None:
    call = msgspec.structs.replace(CALL, item=Item("a", "function_call", "clock", "call_1", "{}"))
    events = [call, msgspec.structs.replace(call, type="response.output_item.done")] if status == "completed" else []
    *_, last = read(WORDS, *events, Event("response.done", response=Response(status=status)))
    assert last == Finished("stop" if events else "length")


def test_what_is_spoken_though_it_should_be_written_is_written() -> None:
    data = audio(b64encode(tone(100).to_bytes()).decode())
    reading = Reading(REMOTE, prompt(user("Hello."), spoken=False))
    assert [part for event in (WORDS, data, DONE) for part in reading.take(event)] == [
        Began(),
        TextDelta("Well. "),
        Finished(),
    ]
    reading = Reading(REMOTE, prompt(user("Hello."), spoken=False))
    with pytest.raises(EngineError, match="answered aloud alone"):
        [part for event in (data, DONE) for part in reading.take(event)]


@pytest.mark.parametrize(
    ("frame", "event"),
    [
        ('{"type":"error","error":"Too much.","code":"busy"}', Event("error", error="Too much.", code="busy")),
        ('{"type":"error","error":{"code":429,"type":7}}', Event("error", error=Fault(429))),
        ('{"type":"x.y","text":{"a":1},"item":7}', Event("x.y")),
        (
            '{"type":"response.done","response":{"usage":{"input_tokens":null,"output_tokens":4}}}',
            Event("response.done", response=Response(usage=Usage(output_tokens=4))),
        ),
    ],
)
def test_shapes_of_other_servers_do_no_harm(frame: str, event: Event) -> None:
    assert decode(frame) == event


def test_tokens_that_were_not_counted_are_none() -> None:
    done = decode('{"type":"response.done","response":{"usage":{"input_tokens":null,"output_tokens":4}}}')
    assert read(done) == [Finished(usage=TokenUsage(0, 4))]


def test_a_fault_that_is_one_sentence_is_told() -> None:
    done = decode('{"type":"response.done","response":{"status":"failed","status_details":{"error":"Too much."}}}')
    with pytest.raises(EngineError, match="failed: Too much"):
        read(done)
