"""What must hold for every event that arrives, whatever is being tried: one rule each, and who has broken it."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from enum import Enum
from typing import NamedTuple

from vivavoce.conformance.verdict import Result, Verdict
from vivavoce.testing.client import Event

KEY = "always"
TITLE = "Every event, whatever was tried"


class Rule(Enum):
    """The rules, as sentences of the report."""

    FRAME = "each frame is a text frame that holds one JSON object"
    TYPE = "every type of event is one of the protocol's"
    ID = "every event has an event_id of its own"
    FIRST = "session.created is the first event, and comes once"
    FIELDS = "every event has its fields"
    WHOLE = "positions, indices and counts are whole numbers"
    SESSION = "a session object says what strict clients need"
    ITEM = "an item has the shape that strict clients can read"
    PART = "a content part is text or audio, and holds no null"
    NULLS = "a key without a value is left out where clients choke on null"
    ERROR = "an error has its five keys"
    ECHO = "the client's event_id comes back in errors and nowhere else"
    RESPONSE = "a response object has its shape and begins empty"
    KEPT = "a response keeps its metadata and its settings"
    DETAILS = "a response that ends early says why"
    ALIVE = "a response's events lie between its created and its done"
    ANNOUNCED = "what an event names was announced before"
    CLOSED = "what a response opens it closes, in order, before its done"
    DELTAS = "deltas add up to what the closing events say"
    AUDIO = "audio is base64 of whole samples"
    USAGE = "usage is there and adds up"
    CHAIN = "previous_item_id names an item that was announced"
    DONE = "every item that is added is done"
    MIRROR = "a response outside the conversation leaves no item in it"
    ONE = "one response at a time speaks for the conversation"
    TURN = "speech starts before it stops, and both are of one item"
    CAPTION = "a turn is transcribed once"


class Fault(NamedTuple):
    """A rule that an event breaks; `why` is a sentence's rest, without its full stop."""

    rule: Rule
    why: str


@dataclass(slots=True)
class _Broken:
    times: int
    why: str
    event: Event | None
    during: str


@dataclass(slots=True)
class Findings:
    """All that the rules saw in one run."""

    judged: set[Rule] = field(default_factory=set)
    """Rules that had something to judge."""
    broken: dict[Rule, _Broken] = field(default_factory=dict)

    def add(self, faults: Iterable[Fault], event: Event | None, during: str) -> None:
        """Keep the first of each rule, and count the others."""
        for rule, why in faults:
            self.judged.add(rule)
            if rule in self.broken:
                self.broken[rule].times += 1
            else:
                self.broken[rule] = _Broken(1, why, event, during)

    def results(self) -> list[Result]:
        """One for each rule, in their order."""
        return [self._result(rule) for rule in Rule]

    def _result(self, rule: Rule) -> Result:
        broken = self.broken.get(rule)
        if broken:
            more = f" ({broken.times} times; this is the first, during '{broken.during}')"
            once = f" (during '{broken.during}')"
            sentence = broken.why[:1].upper() + broken.why[1:]
            return Result(
                KEY, rule.value, Verdict.fails, f"{sentence}{more if broken.times > 1 else once}.", broken.event
            )
        if rule in self.judged:
            return Result(KEY, rule.value, Verdict.holds)
        return Result(KEY, rule.value, Verdict.left_out, "No event arrived that it applies to.")
