"""A function tool in stock clients, unmodified: each runs it by itself, and its user hears what came back."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import pytest
from tests.clients.clerk import SPOKEN_WISH
from tests.clients.stock import TOOL_PROGRAMS, Program, seen
from tests.responders.kinds import HEARS, Kind

Steps = Callable[[str], Mapping[str, object]]
RUNS: list[tuple[Program, Kind]] = [
    *((program, "cascade") for program in TOOL_PROGRAMS),
    *((TOOL_PROGRAMS[-1], kind) for kind in HEARS),  # what a tool is to a client does not depend on who answers
]


@pytest.fixture(params=RUNS, ids=[f"{program.client}, {kind}" for program, kind in RUNS])
def step(request: pytest.FixtureRequest) -> Steps:
    """What this client saw in a step, by the step's name."""
    program, kind = request.param
    return seen(program, kind).step


def plain(words: object) -> str:
    """Without the quotation marks of a client that gives results as JSON."""
    return str(words).replace('"', "")


def all_plain(answers: object) -> list[str]:
    """The same of several."""
    assert isinstance(answers, list)
    return [plain(words) for words in answers]


def test_a_written_wish_calls_the_function_and_its_result_is_told(step: Steps) -> None:
    told = step("a written wish")
    assert told["asked"] == ["Oslo"]
    assert plain(told["words"]) == "It returned rain in Oslo."


def test_a_spoken_wish_is_answered_in_words_and_a_call(step: Steps) -> None:
    told = step("a spoken wish")
    assert told["heard"] == SPOKEN_WISH
    assert told["first"] == "One moment."
    assert told["asked"] == ["Oslo", "Bergen"]
    assert plain(told["words"]) == "It returned rain in Bergen."


def test_two_calls_at_once_are_answered_together_or_as_their_results_come(step: Steps) -> None:
    told = step("two at once")
    assert told["asked"] == ["Oslo", "Bergen", "Oslo", "Bergen"]
    assert all_plain(told["answers"]) in (
        ["It returned rain in Oslo, rain in Bergen."],
        ["It returned rain in Bergen, rain in Oslo."],
        ["It returned rain in Oslo.", "It returned rain in Bergen."],
    )


def test_the_conversation_goes_on_while_a_tool_is_slow(step: Steps) -> None:
    told = step("a slow tool")
    assert told["meanwhile"] == "I heard: Still there?"
    assert plain(told["words"]) == "It returned rain in Rome."


def test_each_wish_was_answered_once_and_nothing_the_client_did_was_an_error(step: Steps) -> None:
    told = step("after the tools")
    assert all_plain(told["answers"]) == [
        "It returned rain in Oslo.",
        "One moment.",
        "It returned rain in Bergen.",
        *all_plain(step("two at once")["answers"]),
        "I heard: Still there?",
        "It returned rain in Rome.",
        "I heard: Thank you.",
    ]
    assert told["errors"] == []
