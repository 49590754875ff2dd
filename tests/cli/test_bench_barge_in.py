"""`vivavoce bench barge-in` against a running server: what is measured, and what is no barge-in."""

from __future__ import annotations

import json
from pathlib import Path

from tests.cli.helpers import question, server, vivavoce
from tests.cli.storyteller import Storyteller
from typer.testing import Result

from vivavoce.engines.instant import InstantLlm
from vivavoce.ports import Llm


def barge_in(tmp_path: Path, llm: Llm | None, *options: str | Path) -> Result:
    asked, interruption = question(tmp_path / "q.wav", 300), question(tmp_path / "i.wav", 300)
    with server(llm=llm) as live:
        given = ["--question", asked, "--interruption", interruption, "--url", live.ws, "--times", "1", *options]
        return vivavoce("bench", "barge-in", *given)


def test_an_interrupted_answer_ends_at_once(tmp_path: Path) -> None:
    figures = tmp_path / "figures.json"
    result = barge_in(tmp_path, Storyteller(), "--json", figures)
    # A machine too busy to call in real time is said to be one; what was measured is there all the same.
    assert result.exit_code == (1 if "not trustworthy" in result.output else 0), result.output
    assert "1 of 1 interrupted an answer" in result.output
    found = json.loads(figures.read_text())
    (interruption,) = found["results"]
    assert interruption["caught"]
    assert interruption["late"] == 0
    assert "llm" in interruption["busy"]
    assert interruption["onset"] > 0
    assert interruption["stopped"].keys() == {"llm", "tts"}
    assert [figure["name"] for figure in found["figures"]] == ["onset", "llm", "tts"]


def test_an_answer_that_was_complete_was_not_interrupted(tmp_path: Path) -> None:
    result = barge_in(tmp_path, None)
    assert result.exit_code == 1
    assert "0 of 1 interrupted an answer" in result.output
    assert "first sound to speech_started" in result.output  # it was heard all the same
    assert "language model stopped" not in result.output


def test_without_an_answer_there_is_nothing_to_interrupt(tmp_path: Path) -> None:
    result = barge_in(tmp_path, InstantLlm(delay=60), "--timeout", "0.4")
    assert result.exit_code == 1
    assert "1 of 1" in result.output
    assert "The server began no answer" in result.output or "No answer came" in result.output
