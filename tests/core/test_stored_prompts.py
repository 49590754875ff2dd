"""PROTOCOL.md 3.1: `prompt` names instructions that the server keeps; explicit fields of the same event override it."""

from __future__ import annotations

import pytest
from msgspec.structs import replace
from tests.core.caller import CAN, Caller, refusal, started
from tests.core.test_session_update import effective

from vivavoce.core.capabilities import StoredPrompt

GREETER = StoredPrompt(
    version="2",
    versions={"1": "Say hello.", "2": "You greet for {{company}}. Call the caller {{ name }}, twice: {{name}}."},
)
CAN_GREET = replace(CAN, instructions="The default.", prompts={"pmpt_greeter": GREETER})
FILLED = {"company": "Acme", "name": {"type": "input_text", "text": "Anna {{company}}"}}
TEXT = "You greet for Acme. Call the caller Anna {{company}}, twice: Anna {{company}}."


def test_a_prompt_becomes_the_instructions() -> None:
    caller = Caller(can=CAN_GREET)
    session = effective(caller.update(prompt={"id": "pmpt_greeter", "variables": FILLED}))
    assert session["instructions"] == TEXT
    assert session["prompt"] == {"id": "pmpt_greeter", "version": None, "variables": FILLED}
    assert started(caller.send("response.create")).context.instructions == TEXT


def test_another_version_may_be_named() -> None:
    caller = Caller(can=CAN_GREET, prompt={"id": "pmpt_greeter", "version": "1"})
    assert caller.session.settings.instructions == "Say hello."


def test_instructions_of_the_same_update_win() -> None:
    caller = Caller(can=CAN_GREET, prompt={"id": "pmpt_greeter", "version": "1"}, instructions="Sing.")
    assert caller.session.settings.instructions == "Sing."


def test_without_the_prompt_the_instructions_are_the_servers_own_again() -> None:
    caller = Caller(can=CAN_GREET, prompt={"id": "pmpt_greeter", "version": "1"})
    assert effective(caller.update(prompt=None))["instructions"] == "The default."
    assert effective(caller.update(instructions="Mine."))["instructions"] == "Mine."
    assert effective(caller.update(prompt=None))["instructions"] == "Mine."


def test_a_response_may_have_a_prompt_of_its_own() -> None:
    caller = Caller(can=CAN_GREET)
    own = {"prompt": {"id": "pmpt_greeter", "version": "1"}}
    assert started(caller.send("response.create", response=own)).context.instructions == "Say hello."
    caller.finish()
    override = {**own, "instructions": "Sing."}
    assert started(caller.send("response.create", response=override)).context.instructions == "Sing."


@pytest.mark.parametrize(
    ("prompt", "code", "param"),
    [
        ({"id": "pmpt_other"}, "invalid_value", "id"),
        ({"id": "pmpt_greeter", "version": "3"}, "invalid_value", "version"),
        ({"id": "pmpt_greeter", "variables": {"name": "A"}}, "missing_required_parameter", "variables.company"),
        ({"id": "pmpt_greeter", "version": "1", "variables": {"x": "A"}}, "unknown_parameter", "variables.x"),
    ],
)
def test_a_prompt_that_cannot_be_made_is_refused_and_changes_nothing(
    prompt: dict[str, object], code: str, param: str
) -> None:
    caller = Caller(can=CAN_GREET)
    before = caller.session.settings
    assert refusal(caller.update(prompt=prompt)) == (code, f"session.prompt.{param}")
    assert caller.session.settings == before
    assert refusal(caller.send("response.create", response={"prompt": prompt})) == (code, f"response.prompt.{param}")
