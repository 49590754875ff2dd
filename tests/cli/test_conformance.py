"""`vivavoce conformance` against a server with instant engines: what it prints, and its exit status."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.cli.helpers import question, server, vivavoce
from tests.live import Live

from vivavoce.conformance.checks import SECTIONS


@pytest.fixture(scope="module")
def running() -> Iterator[Live]:
    with server() as live:
        yield live


@pytest.fixture
def speech(tmp_path: Path) -> Path:
    return question(tmp_path / "q.wav")


def test_a_section_is_checked_and_printed(running: Live, speech: Path) -> None:
    result = vivavoce("conformance", "--url", running.http, "--speech", speech, "--only", "cancel")
    assert result.exit_code == 0, result.output
    assert "Cancel (cancel)" in result.output
    assert "holds        a cancel of nothing is refused" in result.output
    assert "Every event, whatever was tried (always)" in result.output
    assert "Connecting and refusals" not in result.output
    assert result.output.rstrip().endswith("left out.")


def test_the_report_as_json(running: Live, speech: Path) -> None:
    options: list[str | Path] = [
        "--url",
        running.http,
        "--speech",
        speech,
        "--only",
        "models",
        "--only",
        "items",
        "--json",
    ]
    result = vivavoce("conformance", *options)
    assert result.exit_code == 0, result.output
    report = json.loads(result.stdout)
    assert {check["section"] for check in report["checks"]} == {"models", "items", "always"}
    assert report["summary"]["fails"] == 0
    refused = next(check for check in report["checks"] if check["name"] == "images are content")
    assert (refused["verdict"], "input_image" in refused["detail"]) == ("not offered", True)


def test_a_failure_shows_what_was_expected_and_what_came(running: Live, speech: Path) -> None:
    options: list[str | Path] = ["--url", running.http, "--speech", speech, "--only", "connecting", "--model", "nobody"]
    result = vivavoce("conformance", *options)
    assert result.exit_code == 1
    assert "fails        a session begins with session.created" in result.output
    assert "               session.created should come, not an error." in result.output
    assert (
        '               {"type":"error","error":{"type":"invalid_request_error","code":"invalid_model",'
        in result.output
    )


def test_nobody_there_fails(speech: Path) -> None:
    result = vivavoce("conformance", "--url", "127.0.0.1:9", "--speech", speech, "--only", "cancel", "--timeout", "1")
    assert result.exit_code == 1
    assert "The server should take a connection" in result.output
    assert "Traceback" not in result.output


@pytest.mark.parametrize(
    ("options", "why"),
    [
        (["--url", "ftp://example.org"], "not the address of a server"),
        (["--url", "127.0.0.1:9", "--only", "nonsense"], "There is no section 'nonsense'. Sections: connecting, "),
        (["--url", "127.0.0.1:9", "--speech", "/nowhere.wav"], "No such file"),
    ],
)
def test_what_cannot_be_done_is_said_in_a_sentence(options: list[str], why: str, speech: Path) -> None:
    given = options if "--speech" in options else [*options, "--speech", str(speech)]
    result = vivavoce("conformance", *given)
    assert result.exit_code == 1
    assert why in result.output
    assert "Traceback" not in result.output


def test_every_section_is_in_the_documents() -> None:
    text = (Path(__file__).parents[2] / "docs" / "conformance.md").read_text()
    assert [section.key for section in SECTIONS if f"`{section.key}`" not in text] == []
