"""Stock clients, unmodified, against a live server: only the address and the key are changed, whoever answers in it.

Every test asks what a user of that client sees. The programs are beside this file; `stock.py` runs them.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from itertools import product
from pathlib import Path

import pytest
from tests.clients.parrot import HEARD, STORY
from tests.clients.stock import MCP_PROGRAMS, PROGRAMS, TOOL_PROGRAMS, Program, seen, spoken_as
from tests.responders.kinds import TOLD, Kind

from vivavoce.engines.instant import WORD_MS

Steps = Callable[[str], Mapping[str, object]]
RUNS = tuple(product(PROGRAMS, TOLD))
RUN_IDS = [f"{program.client}, {kind}" for program, kind in RUNS]


@pytest.fixture(params=RUNS, ids=RUN_IDS)
def step(request: pytest.FixtureRequest) -> Steps:
    """What this client saw in a step, by the step's name."""
    program, kind = request.param
    return seen(program, kind).step


def test_a_text_turn_is_answered_by_the_instructions_and_in_the_voice_that_were_set(step: Steps) -> None:
    turn = step("text turn")
    assert turn["words"] == "Arr, matey. Hello?"
    assert turn["audio"] == spoken_as("Arr, matey. Hello?")


def test_a_spoken_turn_is_transcribed_and_answered(step: Steps) -> None:
    turn = step("spoken turn")
    assert turn["heard"] == HEARD
    assert turn["words"] == f"Arr, matey. {HEARD}"


def test_an_answer_is_interrupted_and_what_was_not_played_is_forgotten(step: Steps) -> None:
    interrupted = step("interrupted")
    if "kept" in interrupted:  # this client shows the item, the others the cut
        assert interrupted["kept"] != STORY
        assert STORY.startswith(str(interrupted["kept"]))
    else:
        assert isinstance(interrupted["cut_ms"], int)
        assert 0 <= interrupted["cut_ms"] < len(STORY.split()) * WORD_MS


def test_who_interrupts_is_answered_and_nothing_the_client_did_was_an_error(step: Steps) -> None:
    after = step("after the interruption")
    assert after["words"] == f"Arr, matey. {HEARD}"
    assert after["errors"] == []


def test_a_refusal_reaches_the_user_as_the_client_s_own_error(step: Steps) -> None:
    refused = step("refused")
    if "param" in refused:
        assert (refused["code"], refused["param"]) == ("invalid_value", "session.audio.output.voice")
        assert str(refused["message"]).startswith("Invalid value: 'nobody'. Supported values are: 'alloy', ")
    else:  # this client forgives one refusal alone: that of an item to be retrieved
        assert refused["message"] == "Error retrieving item: the item with id 'item_none' does not exist."


def test_the_conversation_goes_on_after_a_refusal(step: Steps) -> None:
    assert step("after the refusal")["words"] == "Arr, matey. Still there?"


OTHERS: tuple[tuple[Program, Kind], ...] = tuple((program, "cascade") for program in (*TOOL_PROGRAMS, *MCP_PROGRAMS))


@pytest.mark.parametrize(
    ("program", "kind"),
    [*RUNS, *OTHERS],
    ids=[f"{program.client} {Path(program.command[1]).stem}, {kind}" for program, kind in (*RUNS, *OTHERS)],
)
def test_it_closes_cleanly(program: Program, kind: Kind) -> None:
    result = seen(program, kind)
    assert result.status == 0, result.output
    assert list(result.steps)[-1] == "closed"
    assert "Traceback" not in result.output
