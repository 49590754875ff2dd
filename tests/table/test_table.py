"""The table of the protocol is whole, names tests that exist, and tells the truth about what is refused."""

from __future__ import annotations

import ast
from pathlib import Path
from typing import Any

import pytest
from msgspec.structs import replace
from tests.core.caller import SETTINGS, Caller, error
from tests.table import universe
from tests.table.page import PAGE, page, rows

from vivavoce.protocol.errors import ProtocolError
from vivavoce.protocol.translation import decode as decode_translation

TESTS = Path(__file__).parents[1]
UNIVERSE = {
    "Client events": [*universe.client_events(), "transcription_session.update"],
    "Server events": universe.server_events(),
    "Session": universe.session_fields(),
    "Transcription session": universe.transcription_fields(),
    "response.create": universe.response_fields(),
    "Items": universe.items(),
    "Translation events": universe.translation_events(),
    "Translation session": universe.translation_fields(),
}
REFUSALS = [
    (section, name)
    for section, of in rows().items()
    for name, row in of.items()
    if isinstance(row, dict) and "test" not in row
]
"""Those that can be sent; the others name a test, as an effect does."""


@pytest.mark.parametrize("section", UNIVERSE)
def test_every_event_and_field_has_its_row(section: str) -> None:
    named = {name.partition(" = ")[0] for name in rows()[section]}
    assert named == set(UNIVERSE[section])


def test_every_section_is_of_the_protocol() -> None:
    assert set(rows()) == set(UNIVERSE)


def test_every_test_that_is_named_exists() -> None:
    proofs = [row if isinstance(row, str) else row.get("test") for of in rows().values() for row in of.values()]
    named = {proof for proof in proofs if proof is not None}
    assert named - _tests({proof.partition("::")[0] for proof in named}) == set()


@pytest.mark.parametrize(("section", "name"), REFUSALS)
def test_what_is_refused_is_refused_so(section: str, name: str) -> None:
    row: Any = rows()[section][name]
    assert _refusal(section, row["send"]) == (row["code"], row["param"])


def test_the_page_is_up_to_date() -> None:
    assert PAGE.read_text(encoding="utf-8") == page(), "run `python -m tests.table.page`"


def _refusal(section: str, send: dict[str, Any]) -> tuple[str | None, str | None]:
    if section.startswith("Translation"):
        event = send if "type" in send else {"type": "session.update", "session": send}
        with pytest.raises(ProtocolError) as refused:
            decode_translation(ast.literal_eval(repr(event)))
        return refused.value.code, refused.value.param
    caller = Caller()
    match section:
        case "Session":
            outputs = caller.update(**send)
        case "Transcription session":
            caller = Caller(settings=replace(SETTINGS, type="transcription"))
            outputs = caller.send("session.update", session={"type": "transcription", **send})
        case "response.create":
            outputs = caller.send("response.create", response=send)
        case "Items":
            outputs = caller.send("conversation.item.create", item=send)
        case _:
            outputs = caller.send(**{"type_" if key == "type" else key: value for key, value in send.items()})
    body = error(outputs)
    return body.code, body.param


def _tests(files: set[str]) -> set[str]:
    """The ids of all tests in these files."""
    found: set[str] = set()
    for file in files:
        path = TESTS / file
        tree = ast.parse(path.read_text(encoding="utf-8")) if path.is_file() else ast.Module([], [])
        for node in tree.body:
            inner = node.body if isinstance(node, ast.ClassDef) else [node]
            prefix = f"{file}::{node.name}::" if isinstance(node, ast.ClassDef) else f"{file}::"
            found |= {prefix + each.name for each in inner if isinstance(each, ast.FunctionDef | ast.AsyncFunctionDef)}
    return found
