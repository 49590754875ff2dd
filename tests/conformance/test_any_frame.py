"""Whatever a server sends, the rules judge it and none of them breaks down."""

from __future__ import annotations

import json

from hypothesis import given, settings
from hypothesis import strategies as st

from vivavoce.conformance.kinds import REALTIME, TRANSLATION
from vivavoce.conformance.ledger import Ledger
from vivavoce.conformance.rules import Findings, Rule

IDS = st.sampled_from(["item_1", "item_2", "resp_1"])
WORDS = st.sampled_from(["message", "audio", "text", "user", "assistant", "in_progress", "completed", "tokens", ""])
SCALARS = st.none() | st.booleans() | st.integers(-1, 3) | st.just(1.5) | IDS | WORDS
KEYS = st.sampled_from(
    [
        "id",
        "type",
        "role",
        "status",
        "content",
        "text",
        "transcript",
        "audio",
        "usage",
        "output",
        "metadata",
        "object",
        "conversation_id",
        "total_tokens",
        "input_token_details",
        "turn_detection",
        "format",
        "input",
        "status_details",
    ]
)
VALUES = st.recursive(
    SCALARS, lambda inner: st.lists(inner, max_size=2) | st.dictionaries(KEYS, inner, max_size=5), max_leaves=5
)
SORTS = {
    str: IDS,
    int: st.integers(0, 2),
    dict: st.dictionaries(KEYS, VALUES, max_size=6),
    list: st.lists(VALUES, max_size=2),
}


@st.composite
def events(draw: st.DrawFn) -> dict[str, object]:
    """An event of the protocol: mostly with its fields and of their kinds, but nothing fits anything."""
    vocabulary = draw(st.sampled_from([REALTIME, TRANSLATION]))
    kind = draw(st.sampled_from(sorted(vocabulary)))
    event: dict[str, object] = {"type": kind, "event_id": draw(st.sampled_from(["a", "b", None]))}
    for name, sorts in vocabulary[kind].items():
        event[name] = draw(VALUES if draw(st.integers(0, 9)) == 0 else SORTS.get(sorts[0], VALUES))
    if draw(st.booleans()):
        event["previous_item_id"] = draw(VALUES)
    return event


@settings(max_examples=100)
@given(st.lists(events(), max_size=12))
def test_no_event_breaks_the_rules_down(sent: list[dict[str, object]]) -> None:
    for vocabulary in (REALTIME, TRANSLATION):
        findings = Findings()
        ledger = Ledger(findings, "a test", vocabulary)
        for event in sent:
            assert ledger.frame(json.dumps(event)) == event
        assert len(findings.results()) == len(Rule)


@given(st.binary(max_size=20) | st.text(max_size=20))
def test_no_frame_breaks_the_rules_down(frame: bytes | str) -> None:
    findings = Findings()
    event = Ledger(findings, "a test", REALTIME).frame(frame)
    assert (event is None) == (Rule.FRAME in findings.broken)
