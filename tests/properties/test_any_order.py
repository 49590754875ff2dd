"""Whatever clients and engines send, in whatever order: the wire's rules hold after every event."""

from __future__ import annotations

from collections import Counter
from random import Random
from typing import get_args

import hypothesis.strategies as st
from hypothesis import settings
from hypothesis.stateful import RuleBasedStateMachine, precondition, rule
from tests.properties.world import MAKERS, OFTEN, World

from vivavoce.core import effects as fx

RANDOM_EVENTS = 100_000
EVENTS_A_SESSION = 2_500
SEEDS = st.integers(0, 255)
"""Of what is left to chance inside an event. A few will do, and so Hypothesis finds the shortest example in seconds."""


class AnyOrder(RuleBasedStateMachine):
    """Hypothesis chooses the events, and the shortest ones that break a rule."""

    def __init__(self) -> None:
        super().__init__()
        self.world = World()

    @precondition(lambda self: len(self.world.reached) <= 2)
    @rule()
    def call(self) -> None:
        self.world = World(media=True)

    @precondition(lambda self: len(self.world.reached) <= 2)
    @rule()
    def duplex(self) -> None:
        self.world = World(duplex=True)

    @rule(kind=st.sampled_from(sorted(MAKERS)), seed=SEEDS, times=st.integers(1, 8))
    def events(self, kind: str, seed: int, times: int) -> None:
        random = Random(seed)
        for _ in range(times):
            self.world.step(kind, random)

    @rule(voiced=st.integers(0, 12), silent=st.integers(0, 12), seed=SEEDS)
    def speech(self, voiced: int, silent: int, seed: int) -> None:
        random = Random(seed)
        for kind in ["voice"] * voiced + ["silence"] * silent:
            self.world.step("input_audio_buffer.append", random)
            self.world.step(kind, random)

    def teardown(self) -> None:
        self.world.finish()


TestAnyOrder = AnyOrder.TestCase
TestAnyOrder.settings = settings(max_examples=80, stateful_step_count=40, report_multiple_bugs=False)


def test_a_hundred_thousand_random_events_break_no_rule() -> None:
    random = Random(20_260_801)
    kinds = [kind for kind in sorted(MAKERS) for _ in range(OFTEN.get(kind, 1))]
    reached: Counter[str] = Counter()
    for number in range(RANDOM_EVENTS // EVENTS_A_SESSION):
        world = World(media=number % 2 == 1, duplex=number % 4 > 1)
        for _ in range(EVENTS_A_SESSION):
            world.step(random.choice(kinds), random)
        world.finish()
        reached.update(world.reached)
    # The rules are worth nothing for what never happened.
    missing = [kind.__name__ for kind in get_args(fx.Output) if not reached[kind.__name__]]
    assert missing == []
    assert reached["cancelled"]
    assert reached["incomplete"]
    assert reached["failed"]
