"""PROTOCOL.md 3.7: which tools there are, and which of them may or must be called."""

from __future__ import annotations

import pytest
from msgspec.structs import replace
from tests.core.caller import CAN, Caller, done, refusal, started

from vivavoce.core.effects import Context

ABLE = replace(CAN, tools=True)
TOOLS = [{"type": "function", "name": "weather"}, {"type": "function", "name": "clock"}]


def context(session: object = None, response: object = None) -> Context:
    caller = Caller(can=ABLE, tools=TOOLS, tool_choice=session or "auto")
    return started(caller.send("response.create", response=response or {})).context


@pytest.mark.parametrize(
    ("choice", "mode", "names"),
    [
        ("auto", "auto", None),
        ("none", "none", None),
        ("required", "required", None),
        ({"type": "function", "name": "clock"}, "required", ("clock",)),
    ],
)
def test_a_choice_holds_for_the_session_or_for_one_response(
    choice: object, mode: str, names: tuple[str, ...] | None
) -> None:
    for asked in (context(choice), context(None, {"tool_choice": choice})):
        assert (asked.tool_choice, asked.callable) == (mode, names)
        assert len(asked.tools) == 2  # the prompt begins the same, whatever may be called


def test_a_response_may_bring_tools_of_its_own() -> None:
    asked = context(None, {"tools": [{"type": "function", "name": "dice"}], "tool_choice": "required"})
    assert ([tool.name for tool in asked.tools], asked.tool_choice) == (["dice"], "required")
    assert context(None, {"tools": []}).tools == ()


@pytest.mark.parametrize(
    ("field", "value", "code", "param"),
    [
        ("tools", [{"type": "function"}], "missing_required_parameter", "tools[0].name"),
        ("tools", [{"type": "function", "name": "a b"}], "invalid_value", "tools[0].name"),
        ("tools", [*TOOLS, TOOLS[0]], "invalid_value", "tools[2].name"),
        ("tools", [{"type": "web_search"}], "invalid_value", "tools[0].type"),
        (
            "tools",
            [{"type": "function", "name": "f", "parameters": {"type": "string"}}],
            "invalid_value",
            "tools[0].parameters.type",
        ),
        ("tools", [{"type": "function", "name": f"f{i}"} for i in range(129)], "invalid_value", "tools"),
        ("tool_choice", "any", "invalid_value", "tool_choice"),
        ("tool_choice", {"type": "function", "name": "dice"}, "invalid_value", "tool_choice.name"),
        ("tool_choice", {"type": "mcp", "server_label": "shop"}, "invalid_value", "tool_choice"),
    ],
)
def test_what_is_wrong_is_named(field: str, value: object, code: str, param: str) -> None:
    caller = Caller(can=ABLE, tools=TOOLS)
    before = caller.session.settings
    assert refusal(caller.update(**{field: value})) == (code, f"session.{param}")
    assert caller.session.settings == before
    assert refusal(caller.send("response.create", response={field: value})) == (code, f"response.{param}")


def test_a_model_without_tools_is_given_none() -> None:
    caller = Caller()
    assert refusal(caller.update(tools=TOOLS)) == ("unsupported_value", "session.tools")
    assert refusal(caller.send("response.create", response={"tools": TOOLS})) == ("unsupported_value", "response.tools")


def test_a_named_function_cannot_be_taken_away() -> None:
    caller = Caller(can=ABLE, tools=TOOLS, tool_choice={"type": "function", "name": "clock"})
    assert refusal(caller.update(tools=[])) == ("invalid_value", "session.tool_choice")
    assert refusal(caller.update(tools=TOOLS[:1])) == ("invalid_value", "session.tool_choice.name")


def test_something_must_be_called_and_there_is_nothing() -> None:
    caller = Caller(can=ABLE, tool_choice="required")
    assert refusal(caller.send("response.create")) == ("invalid_value", "session.tool_choice")
    asked = caller.send("response.create", response={"tool_choice": "required"})
    assert refusal(asked) == ("invalid_value", "response.tool_choice")


def test_a_turn_with_nothing_to_call_gets_an_answer_that_failed() -> None:
    caller = Caller(can=ABLE, tool_choice="required")
    response = done([*caller.hear(640, 0.9), *caller.hear(640, 0.0)])
    assert response.status == "failed"
    assert response.status_details is not None
    assert response.status_details.error is not None
    assert "asks for a tool" in str(response.status_details.error)
