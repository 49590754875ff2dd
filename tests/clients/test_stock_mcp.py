"""A real MCP server in stock clients, unmodified: its tools are listed, approved or declined, called and told of."""

from __future__ import annotations

import json

import pytest
from tests.clients.stock import MCP_PROGRAMS, Program, Seen, seen


@pytest.fixture(params=MCP_PROGRAMS, ids=lambda program: program.client)
def saw(request: pytest.FixtureRequest) -> Seen:
    """What this client saw."""
    program: Program = request.param
    return seen(program)


def test_its_tools_are_listed(saw: Seen) -> None:
    assert saw.step("listed")["tools"] == ["clock", "weather"]


def test_a_tool_that_needs_no_approval_is_called_and_its_result_is_told(saw: Seen) -> None:
    step = saw.step("no approval")
    assert step["output"] == "noon in Oslo"
    assert step["words"] == "It returned noon in Oslo."


def test_the_user_is_answered_right_after_a_call(saw: Seen) -> None:
    assert saw.step("right after a call")["words"] == "I heard: Thank you."


def test_a_call_is_approved_by_the_user_and_its_result_is_told(saw: Seen) -> None:
    step = saw.step("approved")
    assert json.loads(str(step["asked"])) == {"city": "Oslo"}
    assert step["output"] == "rain in Oslo"
    assert step["words"] == "It returned rain in Oslo."


def test_a_call_is_declined_by_the_user_and_the_model_knows_why(saw: Seen) -> None:
    words = str(saw.step("declined")["words"])
    assert words.startswith("It returned ")
    assert "Not today." in words
    assert "rain" not in words


def test_each_wish_was_answered_once_and_nothing_the_client_did_was_an_error(saw: Seen) -> None:
    step = saw.step("after the tools")
    assert step["answers"] == [
        "It returned noon in Oslo.",
        "I heard: Thank you.",
        "It returned rain in Oslo.",
        saw.step("declined")["words"],
        "I heard: Still there?",
    ]
    assert step["errors"] == []


def test_the_mcp_server_was_asked_only_what_was_approved(saw: Seen) -> None:
    once = [("clock", "Oslo"), ("weather", "Oslo")]
    by_the_client = once if "client: approved" in saw.steps else []
    assert list(saw.asked) == [*by_the_client, *once]


def test_a_client_runs_the_tools_itself_and_they_are_functions_to_the_server() -> None:
    saw = seen(MCP_PROGRAMS[0])
    # The SDK gives the model what MCP gave it.
    assert saw.step("client: no approval")["words"] == 'It returned {"type": "text", "text": "noon in Oslo"}.'
    assert saw.step("client: approved")["words"] == 'It returned {"type": "text", "text": "rain in Oslo"}.'
    assert saw.step("client: declined")["words"] == "It returned Not today.."
    last = saw.step("client: after the tools")
    assert len(last["answers"]) == 4  # type: ignore[arg-type]
    assert last["errors"] == []
