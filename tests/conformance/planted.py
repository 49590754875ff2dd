"""The faults: each breaks one thing, and names the check that must find it. Here those that a rule finds."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from tests.conformance.faulty import Fault
from tests.conformance.planting import (
    ALWAYS,
    CALL_ARGUMENTS,
    COMPLETED,
    Planted,
    again,
    answer,
    changed,
    drop_transcript,
    dropped,
    instead,
    late,
    mirrors,
    no_booleans,
    odd_bytes,
    sound,
    turn,
    without_reason,
)

from vivavoce.conformance.rules import Rule


def broken_rules() -> Iterator[Planted]:
    """Each breaks a rule of those that hold for every event."""
    yield from _frames()
    yield from _shapes()
    yield from _orders()
    yield from _recordings()
    yield from _calls()


def _frames() -> Iterator[Planted]:
    done = "response.done"
    yield answer(Rule.FRAME, "binary junk", instead(done, lambda event: [b"\x00\xff", event]))
    yield answer(Rule.FRAME, "a frame that is no JSON", instead(done, lambda event: ["{oops", event]))
    yield answer(Rule.FRAME, "a list of events", instead(done, lambda event: ["[{}]", event]))
    yield answer(Rule.ID, "no event_id", changed("conversation.item.added", lambda event: event.pop("event_id")))
    yield answer(
        Rule.ID,
        "one event_id for all deltas",
        changed("response.output_text.delta", lambda e: e.update(event_id="one")),
    )
    yield answer(Rule.ECHO, "the client's own event_id", changed(done, lambda e: e.update(event_id="client_1")))
    yield answer(Rule.TYPE, "an invented type", instead(done, lambda e: [again(e, type="response.thinking"), e]))
    yield answer(
        Rule.TYPE,
        "the type of the beta",
        changed("response.output_text.delta", lambda e: e.update(type="response.text.delta")),
    )
    yield answer(Rule.FIRST, "session.created twice", instead("session.created", lambda e: [e, again(e)]))


def _shapes() -> Iterator[Planted]:
    part, done = "response.content_part.added", "response.done"
    yield answer(Rule.FIELDS, "no item_id", changed("response.output_text.delta", lambda e: e.pop("item_id")))
    yield answer(Rule.PART, "part of type output_text", changed(part, lambda e: e["part"].update(type="output_text")))
    yield answer(Rule.PART, "null in a part", changed(part, lambda e: e["part"].update(transcript=None)))
    yield answer(Rule.RESPONSE, "wrong object", changed(done, lambda e: e["response"].update(object="response")))
    yield answer(
        Rule.RESPONSE,
        "done at its beginning",
        changed("response.created", lambda e: e["response"].update(status="completed")),
    )
    yield answer(Rule.USAGE, "no usage", changed(done, lambda e: e["response"].update(usage=None)))
    yield answer(Rule.USAGE, "a wrong sum", changed(done, lambda e: e["response"]["usage"].update(total_tokens=1)))
    yield answer(
        Rule.SESSION, "session's object", changed("session.created", lambda e: e["session"].update(object="session"))
    )
    yield answer(Rule.SESSION, "no interrupt_response", changed("session.created", no_booleans))
    yield answer(
        Rule.NULLS,
        "null in a rate limit",
        instead(
            done,
            lambda e: [
                e,
                {
                    "type": "rate_limits.updated",
                    "event_id": "event_limits",
                    "rate_limits": [{"name": "tokens", "limit": None}],
                },
            ],
        ),
    )
    yield Planted(
        "error without param",
        ("cancel", "a cancel of nothing"),
        (ALWAYS, Rule.ERROR.value),
        changed("error", lambda event: event["error"].pop("param")),
    )
    yield Planted(
        "why it was cancelled is missing",
        ("cancel", "a response is cancelled, and"),
        (ALWAYS, Rule.DETAILS.value),
        changed(done, without_reason),
    )
    yield Planted(
        "transcript key missing",
        ("input-buffer", "a commit makes"),
        (ALWAYS, Rule.ITEM.value),
        changed(("conversation.item.added", "conversation.item.done"), drop_transcript),
    )
    yield sound(Rule.AUDIO, "half a sample", changed("response.output_audio.delta", odd_bytes))
    yield sound(Rule.AUDIO, "no base64", changed("response.output_audio.delta", lambda e: e.update(delta="*")))
    start = "input_audio_buffer.speech_started"
    yield turn(Rule.WHOLE, "float position", changed(start, lambda e: e.update(audio_start_ms=12.5)))
    stop = "input_audio_buffer.speech_stopped"
    yield turn(Rule.TURN, "stopped for another item", changed(stop, lambda e: e.update(item_id="item_other")))
    yield turn(Rule.TURN, "stopped before it started", changed(stop, lambda e: e.update(audio_end_ms=0)))


def _orders() -> Iterator[Planted]:
    delta, item_done, out_done = "response.output_text.delta", "conversation.item.done", "response.output_item.done"
    yield answer(Rule.CLOSED, "response.done before the last done", late(out_done, "response.done"))
    yield answer(Rule.CLOSED, "item done before its part", late("response.content_part.done", item_done))
    yield answer(Rule.CLOSED, "output item done before the item", late(item_done, out_done))
    yield answer(Rule.CLOSED, "no content_part.done", instead("response.content_part.done", dropped))
    yield answer(Rule.ALIVE, "a delta before response.created", late("response.created", delta))
    yield answer(Rule.ALIVE, "response.done twice", instead("response.done", lambda e: [e, again(e)]))
    yield answer(Rule.DELTAS, "delta altered", changed(delta, lambda e: e.update(delta=e["delta"].upper())))
    yield answer(Rule.DELTAS, "a delta twice", instead(delta, lambda e: [e, again(e)]))
    yield answer(Rule.ANNOUNCED, "wrong content_index", changed(delta, lambda e: e.update(content_index=1)))
    yield answer(Rule.ANNOUNCED, "no content_part.added", instead("response.content_part.added", dropped))
    yield answer(
        Rule.CHAIN,
        "unknown previous item",
        changed("conversation.item.added", lambda e: e.update(previous_item_id="item_x")),
    )
    yield answer(Rule.DONE, "item added twice", instead("conversation.item.added", lambda e: [e, again(e)]))
    yield answer(
        Rule.ONE,
        "two responses at once",
        instead("response.created", lambda e: [again(e, response={**e["response"], "id": "resp_other"}), e]),
    )
    yield answer(
        Rule.KEPT, "metadata lost", changed("response.done", lambda e: e["response"].update(metadata={"a": "b"}))
    )
    yield answer(
        Rule.KEPT,
        "another limit at its end",
        changed("response.done", lambda e: e["response"].update(max_output_tokens=7)),
    )
    yield answer(Rule.ANNOUNCED, "another index at its end", changed(out_done, lambda e: e.update(output_index=7)))
    yield Planted(
        "items of the conversation for one outside it",
        ("out-of-band", "its items cannot"),
        (ALWAYS, Rule.MIRROR.value),
        mirrors,
    )


def _calls() -> Iterator[Planted]:
    called, delta = ("tools", "a call is kept"), f"{CALL_ARGUMENTS}.delta"
    found: list[tuple[Rule, str, Callable[[], Fault]]] = [
        (Rule.DELTAS, "arguments altered", changed(delta, lambda e: e.update(delta=e["delta"].upper() + " "))),
        (Rule.CLOSED, "arguments without their done", instead(f"{CALL_ARGUMENTS}.done", dropped)),
        (Rule.CLOSED, "arguments done twice", instead(f"{CALL_ARGUMENTS}.done", lambda e: [e, again(e)])),
        (Rule.ANNOUNCED, "arguments of another item", changed(delta, lambda e: e.update(item_id="item_other"))),
        (Rule.FIELDS, "arguments without a call_id", changed(delta, lambda e: e.pop("call_id"))),
    ]
    for rule, name, plant in found:
        yield Planted(name, called, (ALWAYS, rule.value), plant)


def _recordings() -> Iterator[Planted]:
    captioned = ("captions", "a recording gets")
    yield Planted(
        "a transcript twice",
        captioned,
        (ALWAYS, Rule.CAPTION.value),
        instead(COMPLETED, lambda event: [again(event), event]),
    )
    yield Planted(
        "a transcript of other content",
        captioned,
        (ALWAYS, Rule.ANNOUNCED.value),
        changed(COMPLETED, lambda event: event.update(content_index=7)),
    )
